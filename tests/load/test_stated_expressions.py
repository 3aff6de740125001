"""Sizes that are stated of expressions of dims: solved for the dims, or refused where no size gives them."""

from pathlib import Path

import pytest
from crafting import model, parsed, value
from onnx import helper

from onnx_roofline.base.errors import NotAModelError, UsageError
from onnx_roofline.ir.graph import Dim
from onnx_roofline.load import DimOptions, bind, parse


def dims_of(folder: Path, axes: list[str], stated: dict[str, int]) -> dict[str, Dim]:
    """The dims of a model with an input for each axis."""
    inputs = [value(f"x{place}", [axis, 8]) for place, axis in enumerate(axes)]
    nodes = [helper.make_node("Identity", [one.name], [f"{one.name}_out"]) for one in inputs]
    return dict(bind(parsed(folder, model(nodes, inputs)), DimOptions(stated, {})).dims)


@pytest.mark.parametrize(
    ("axes", "stated", "message"),
    [
        (["n%4", "n"], {"n%4": 5}, r"--dim 'n%4'=5: found no size of 'n' that makes it 5"),  # remainders are 0 to 3
        (["2*n", "n"], {"2*n": 5}, r"--dim '2\*n'=5: found no size of 'n' that makes it 5"),  # 5 is odd
        (["a + b", "a", "b"], {"a + b": 5, "a": 7}, r"found no size of 'b' with 'a'=7 that makes it 5"),
        (["2*a + 2*b", "a", "b"], {"2*a + 2*b": 7}, r"found no size of 'a' and 'b' that makes it 7"),
        (["max(n, 4)", "n"], {"max(n, 4)": 3}, r"found no size of 'n' that makes it 3"),
        (["n**2", "n"], {"n**2": 10}, r"found no size of 'n' that makes it 10"),
    ],
)
def test_what_no_size_satisfies_is_refused(
    axes: list[str], stated: dict[str, int], message: str, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match=message):
        dims_of(tmp_path, axes, stated)


@pytest.mark.parametrize(
    ("axes", "stated", "sizes", "origins"),
    [
        (["n%4", "n"], {"n%4": 3}, {"n": 3}, "assumed"),  # 7 would do as well
        (["2*n", "n"], {"2*n": 6}, {"n": 3}, "bound"),
        (["n**2", "n"], {"n**2": 9}, {"n": 3}, "bound"),
        (["a + b", "a", "b"], {"a + b": 5, "a": 5}, {"b": 0}, "bound"),
        (["10 - n", "n"], {"10 - n": 4}, {"n": 6}, "bound"),  # shrinks with n
        (["a + b", "a", "b"], {"a + b": 500}, {"a": 499, "b": 1}, "assumed"),
    ],
)
def test_a_stated_expression_fixes_what_it_is_made_of(
    axes: list[str], stated: dict[str, int], sizes: dict[str, int], origins: str, tmp_path: Path
) -> None:
    dims = dims_of(tmp_path, axes, stated)
    assert {name: dims[name].value for name in sizes} == sizes
    assert {dims[name].origin for name in sizes} == {origins}
    assert {name: dims[name].value for name in stated} == stated


def test_a_row_in_the_place_of_a_tensor_is_put_right(tmp_path: Path) -> None:
    held = parsed(tmp_path, model([helper.make_node("NonZero", ["x"], ["found"])], [value("x", [4, 5])]))
    for wrong in ("0:NonZero.1", "fuond.1", "foud.1"):
        with pytest.raises(UsageError, match=r"found no dim of that name; did you mean 'found\.1'\?"):
            bind(held, DimOptions({wrong: 3}, {}))
    with pytest.raises(UsageError, match="found no dim of that name; every dim of its inputs is a number"):
        bind(held, DimOptions({"elsewhere.1": 3}, {}))


def test_an_empty_path_is_refused_in_one_line() -> None:
    with pytest.raises(NotAModelError, match=r"^model: found an empty path, wanted that of an \.onnx file") as refused:
        parse("")
    assert "\n" not in str(refused.value)
