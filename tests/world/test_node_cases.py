"""Types of every op of the standard against what the onnx package recorded. The counts are exact, so that a loss shows.

`known` turns the small inputs of a case into initializers; `open` leaves them to be fed, so that what depends on their
values is a bound or assumed; `declared` leaves the case as it is, with the output types that its file states.
"""

import re
from pathlib import Path

import pytest

from tests.world.node_cases import Case, Tally, folder_cases, infer, node_cases, tally, with_constants

# How many cases, outputs, and of these exact, bounded, assumed and unresolved ones.
COUNTS = {
    ("node", "known"): (1884, 2321, 2271, 37, 11, 2),
    ("node", "open"): (1884, 2321, 1983, 193, 131, 14),
    ("node", "declared"): (1884, 2321, 1983, 193, 142, 3),
    ("simple", "known"): (23, 27, 21, 6, 0, 0),
    ("simple", "open"): (23, 27, 17, 6, 4, 0),
    ("simple", "declared"): (23, 27, 17, 6, 4, 0),
    ("light", "known"): (9, 9, 9, 0, 0, 0),
    ("light", "open"): (9, 9, 9, 0, 0, 0),
    ("light", "declared"): (9, 9, 9, 0, 0, 0),
    ("pytorch-operator", "known"): (35, 38, 38, 0, 0, 0),
    ("pytorch-operator", "open"): (35, 38, 38, 0, 0, 0),
    ("pytorch-operator", "declared"): (35, 38, 38, 0, 0, 0),
    ("pytorch-converted", "known"): (82, 82, 82, 0, 0, 0),
    ("pytorch-converted", "open"): (82, 82, 82, 0, 0, 0),
    ("pytorch-converted", "declared"): (82, 82, 82, 0, 0, 0),
}
# Ops whose outputs have no bound in the shapes of their operands, by the name of the case.
WITHOUT_BOUND = (
    r"affine_grid_[23]d|blackmanwindow|hammingwindow|hannwindow|melweightmatrix|range_|constantofshape|constant_pad|"
    r"edge_pad|reflect_pad|wrap_pad|tile|onehot|expand_dim|reshape_|resize_|upsample_|center_crop_pad|col2im|dft_i?rfft|"
    r"maxunpool_export_with_output_shape|stft|split_to_sequence_1|image_decoder|string_split_|loop13_seq|if_opt|"
    r"expand_shape_model|"
    # Which axis of 1 comes or goes an operand decides; the elements are those of the input, so no bound is above them.
    r"squeeze_|unsqueeze_"
)
# The pixels and the strings decide, which the loader does not read.
NEVER_KNOWN = r"image_decoder|string_split_"
# An open trip count is taken as 1, as a note on the loop's row says: its outputs are those of one iteration.
ASSUMED_TRIPS = (
    r"loop11|range_(float16|bfloat16|float)_type_positive_delta_expanded|range_int32_type_negative_delta_expan"
)


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
    assert result.wrong == []
    reasons = NEVER_KNOWN if mode == "known" else f"{WITHOUT_BOUND}|{ASSUMED_TRIPS}"
    assumed = result.assumed if mode != "declared" else []
    assert [line for line in (*assumed, *result.unresolved) if not re.match(rf"test_({reasons})", line)] == []
    assert result.counts() == COUNTS[source, mode]


@pytest.mark.parametrize("case", folder_cases("light"), ids=lambda case: case.name)
def test_every_inner_tensor_of_a_light_model_is_exact(case: Case, tmp_path: Path) -> None:
    types = infer(case, tmp_path / "case.onnx")
    assert [f"{name}: {kind}" for name, kind in types.items() if name and not (kind.is_known and kind.exact)] == []
