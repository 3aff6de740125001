"""Reuse distances against the definition."""

from hypothesis import given
from hypothesis import strategies as st

from onnx_roofline.memory.reuse_distance import StackDistances


@given(st.lists(st.tuples(st.sampled_from("abcdefgh"), st.integers(0, 100)), max_size=60))
def test_distance_is_the_bytes_of_distinct_tensors_in_between(touches: list[tuple[str, int]]) -> None:
    distances = StackDistances()
    for now, (name, size) in enumerate(touches):
        earlier = [step for step in range(now) if touches[step][0] == name]
        expected = None
        if earlier:
            # Each other tensor once, with the size of its latest touch.
            between = dict(touches[earlier[-1] + 1 : now])
            expected = sum(between.values())
        assert distances.touch(name, size) == expected
