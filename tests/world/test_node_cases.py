"""Types of every op of the standard against what the onnx package recorded. The counts are exact, so that a loss shows.

`known` turns the small inputs of a case into initializers; `open` leaves them to be fed, so that what depends on their
values is a bound or unknown; `declared` leaves the case as it is, with the output types that its file states.
"""

import re
from pathlib import Path

import pytest

from tests.world.node_cases import Case, Tally, folder_cases, infer, node_cases, tally, with_constants

# How many cases, outputs, and of these exact, bounded and unresolved ones.
COUNTS = {
    ("node", "known"): (1884, 2321, 2267, 41, 13),
    ("node", "open"): (1884, 2321, 1981, 204, 131),
    ("node", "declared"): (1884, 2321, 1981, 328, 7),
    ("simple", "known"): (23, 27, 21, 6, 0),
    ("simple", "open"): (23, 27, 17, 6, 4),
    ("simple", "declared"): (23, 27, 17, 10, 0),
    ("light", "known"): (9, 9, 9, 0, 0),
    ("light", "open"): (9, 9, 9, 0, 0),
    ("light", "declared"): (9, 9, 9, 0, 0),
    ("pytorch-operator", "known"): (35, 38, 38, 0, 0),
    ("pytorch-operator", "open"): (35, 38, 38, 0, 0),
    ("pytorch-operator", "declared"): (35, 38, 38, 0, 0),
    ("pytorch-converted", "known"): (82, 82, 82, 0, 0),
    ("pytorch-converted", "open"): (82, 82, 82, 0, 0),
    ("pytorch-converted", "declared"): (82, 82, 82, 0, 0),
}
# Ops whose outputs have no bound in the shapes of their operands, by the name of the case.
WITHOUT_BOUND = (
    r"affine_grid_[23]d|blackmanwindow|hammingwindow|hannwindow|melweightmatrix|range_|constantofshape|constant_pad|"
    r"edge_pad|reflect_pad|wrap_pad|tile|onehot|expand_dim|reshape_|resize_|upsample_|center_crop_pad|col2im|dft_i?rfft|"
    r"maxunpool_export_with_output_shape|stft|split_to_sequence_1|image_decoder|string_split_|loop13_seq|if_opt|"
    r"expand_shape_model"
)
# The pixels and the strings decide, which the loader does not read.
NEVER_KNOWN = r"image_decoder|string_split_"
# An open trip count is taken as 1, as a note on the loop's row says: its outputs are those of one iteration.
ASSUMED_TRIPS = {
    "test_loop11",
    "test_range_float_type_positive_delta_expanded",
    "test_range_float16_type_positive_delta_expanded",
    "test_range_bfloat16_type_positive_delta_expanded",
    "test_range_int32_type_negative_delta_expanded",
}


def cases_of(source: str) -> tuple[Case, ...]:
    return node_cases() if source == "node" else folder_cases(source)


def run(source: str, mode: str, folder: Path) -> Tally:
    cases = cases_of(source)
    if mode == "known":
        cases = tuple(with_constants(case) for case in cases)
    result = tally(cases, folder / "case.onnx", declared=mode == "declared")
    print(f"{source}, {mode}: {result}")  # noqa: T201  the figures of a run, with pytest -s
    return result


@pytest.mark.parametrize("mode", ["known", "open", "declared"])
@pytest.mark.parametrize("source", ["node", "simple", "light", "pytorch-operator", "pytorch-converted"])
def test_types_are_the_recorded_ones(source: str, mode: str, tmp_path: Path) -> None:
    result = run(source, mode, tmp_path)
    allowed = set() if mode == "known" else ASSUMED_TRIPS
    assert [line for line in result.wrong if line.partition("/")[0] not in allowed] == []
    reasons = NEVER_KNOWN if mode == "known" else WITHOUT_BOUND
    assert [line for line in result.unresolved if not re.match(rf"test_({reasons})", line)] == []
    assert result.counts() == COUNTS[source, mode]


@pytest.mark.parametrize("case", folder_cases("light"), ids=lambda case: case.name)
def test_every_inner_tensor_of_a_light_model_is_exact(case: Case, tmp_path: Path) -> None:
    types = infer(case, tmp_path / "case.onnx")
    assert [f"{name}: {kind}" for name, kind in types.items() if name and not (kind.is_known and kind.exact)] == []
