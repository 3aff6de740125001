"""Every sample model against the counter of the framework that it was exported from."""

import json
from collections.abc import Mapping
from pathlib import Path

import pytest
from msgspec.structs import replace

from onnx_roofline.analysis.analyze import Analysis, analyze
from onnx_roofline.analysis.settings import Settings
from onnx_roofline.ir.graph import StoredTensor
from onnx_roofline.ir.placed_records import Placement, Roofline
from onnx_roofline.ir.records import Kernel, TypedOp

ROOT = Path(__file__).resolve().parents[1]
SAMPLES = ROOT / "sample_models"
REFERENCE = json.loads((SAMPLES / "reference.json").read_text("utf-8"))["models"]
NAMES = sorted(REFERENCE)
GOLDEN = Path(__file__).parent / "golden"


def test_every_file_has_a_reference() -> None:
    assert sorted(path.name for path in (ROOT / "sample_models").glob("*.onnx")) == NAMES
    assert all((ROOT / "sample_models" / name).stat().st_size < 1_000_000 for name in NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_macs_equal_the_frameworks_counter(name: str, analyzed_sample) -> None:
    assert analyzed_sample(name).summary.counts.macs == REFERENCE[name]["macs"]


@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_unresolved_or_unknown(name: str, analyzed_sample) -> None:
    analysis: Analysis = analyzed_sample(name)
    rows = analysis.model.column(TypedOp)
    unresolved = [key for key, row in rows.items() for kind in row.outputs if not kind.is_known or not kind.dtype]
    assert unresolved == []
    assert analysis.summary.unknown_ops == 0


@pytest.mark.parametrize("name", [n for n in NAMES if REFERENCE[n].get("macs_by") == "formula"])
def test_lstm_macs_are_the_formula(name: str, analyzed_sample) -> None:
    shape = next(iter(REFERENCE[name]["inputs"].values()))["shape"]
    steps, batch, inputs = shape
    hidden = 256
    assert REFERENCE[name]["macs"] == steps * batch * 4 * hidden * (inputs + hidden)  # T * B * 4H * (I + H)


# The systems of which every kernel is recorded: one that runs everything, and one whose PIM refuses most of it, in
# float16, as it has no peak for another type.
RECORDED = {"teaching": Settings(), "a100-attacc": Settings(system="a100-attacc", assume_dtype="float16")}
# What stands in a line of "kernels": those that are alike, where they run and why, then for each device in turn the
# roofline (FLOP/byte, seconds, bytes) and what the placement's model has for it (seconds, joules).
COLUMNS = (
    "kernels", "placed on", "reason", "members",
    "each device: supported", "intensity", "ridge", "compute s", "memory s", "launch s", "total s", "bound",
    "moved bytes", "low s", "high s", "bound is stable", "placement s", "placement bound", "energy J",
)  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_figures_are_the_golden_ones(name: str, analyzed_sample, request: pytest.FixtureRequest) -> None:
    """Reviewed as a diff when it changes: `pytest --update-golden`."""
    found = _golden(analyzed_sample(name))
    found["kernel_columns"] = list(COLUMNS)
    for system, settings in RECORDED.items():
        dims = REFERENCE[name]["dims"]
        analysis = (
            analyzed_sample(name) if system == "teaching" else analyze(SAMPLES / name, replace(settings, dims=dims))
        )
        found[f"kernels on {system}"] = _kernels(analysis)
    path = GOLDEN / f"{name.removesuffix('.onnx')}.json"
    if request.config.getoption("--update-golden"):
        path.parent.mkdir(exist_ok=True)
        path.write_text(_lines(found), "utf-8")
    recorded = json.loads(path.read_text("utf-8"))
    assert list(recorded) == list(found)
    for part, figures in found.items():
        assert recorded[part] == figures, f"{path.name}: {part}"


def _golden(analysis: Analysis) -> dict[str, object]:
    summary = analysis.summary
    return {
        "ops": summary.ops,
        "coverage": dict(summary.status_counts),
        "counts": summary.counts.as_dict(),
        "naive_bytes": summary.naive_bytes,
        "compulsory_bytes": summary.compulsory_bytes,
        "kernels": summary.kernels,
        "parameters": summary.parameters,
        "weight_bytes": summary.weight_bytes,
        "peak_activation_bytes": summary.peak_activation_bytes,
        "sequential_steps": summary.sequential_steps,
        "by_type": {group.name: [group.ops, group.macs, group.flops, group.naive_bytes] for group in summary.by_type},
    }


def _kernels(analysis: Analysis) -> list[list[object]]:
    """A line of figures for all kernels that are alike in every one of them, in the order of the first of each."""
    kernels, roofs = analysis.model.column(Kernel), analysis.model.column(Roofline)
    placements = analysis.model.column(Placement)
    alike: dict[tuple[object, ...], list[str]] = {}
    for key, kernel in kernels.items():
        if kernel.id != key:
            continue
        placed = placements[key]
        figures: list[object] = [placed.device, placed.reason, len(kernel.members)]
        for device in analysis.system.devices:
            roof, entry = roofs[key].devices[device.slug], placed.devices.get(device.slug)
            figures += [roof.supported, roof.intensity, roof.ridge, roof.compute_time_s, roof.memory_time_s]
            figures += [roof.launch_time_s, roof.total_time_s, roof.bound, roof.moved_bytes]
            figures += [roof.time_low_s, roof.time_high_s, roof.bound_is_stable]
            figures += [None, None, None] if entry is None else [entry.time_s, entry.bound, entry.energy_j]
        alike.setdefault(tuple(map(_rounded, figures)), []).append(key)
    return [[" ".join(keys), *figures] for figures, keys in alike.items()]


def _rounded(figure: object) -> object:
    """Six significant digits of a float: what is left after sums in another order."""
    return float(f"{figure:.6g}") if isinstance(figure, float) else figure


def _lines(found: Mapping[str, object]) -> str:
    """JSON with a line for each part, and for each line of kernels."""
    parts = []
    for key, part in found.items():
        rows = [json.dumps(row) for row in part] if key.startswith("kernels on") and isinstance(part, list) else []
        shown = "[\n  " + ",\n  ".join(rows) + "\n ]" if rows else json.dumps(part)
        parts.append(f" {json.dumps(key)}: {shown}")
    return "{\n" + ",\n".join(parts) + "\n}\n"


def test_a_literal_is_no_parameter() -> None:
    from onnx_roofline.ir.graph import TensorType

    scalar = StoredTensor(TensorType("float32", ()), None)
    bias = StoredTensor(TensorType("float32", (1,)), None)
    indices = StoredTensor(TensorType("int64", (4,)), None)
    assert (scalar.is_weight, bias.is_weight, indices.is_weight) == (False, True, False)
