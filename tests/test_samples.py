"""Every sample model against the counter of the framework that it was exported from."""

import json
from pathlib import Path

import pytest

from onnx_roofline.analysis.analyze import Analysis
from onnx_roofline.ir.graph import StoredTensor
from onnx_roofline.ir.records import TypedOp

ROOT = Path(__file__).resolve().parents[1]
REFERENCE = json.loads((ROOT / "sample_models" / "reference.json").read_text("utf-8"))["models"]
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


@pytest.mark.parametrize("name", NAMES)
def test_summary_is_the_golden_one(name: str, analyzed_sample, request: pytest.FixtureRequest) -> None:
    """Reviewed as a diff when it changes: `pytest --update-golden`."""
    found = _golden(analyzed_sample(name))
    path = GOLDEN / f"{name.removesuffix('.onnx')}.json"
    if request.config.getoption("--update-golden"):
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(found, indent=1) + "\n", "utf-8")
    assert json.loads(path.read_text("utf-8")) == found


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


def test_a_literal_is_no_parameter() -> None:
    from onnx_roofline.ir.graph import TensorType

    scalar = StoredTensor(TensorType("float32", ()), None)
    bias = StoredTensor(TensorType("float32", (1,)), None)
    indices = StoredTensor(TensorType("int64", (4,)), None)
    assert (scalar.is_weight, bias.is_weight, indices.is_weight) == (False, True, False)
