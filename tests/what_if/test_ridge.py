"""Where a class of kernels becomes bound by compute: by hand, and by analyses on both sides."""

import json
from pathlib import Path

import jsonschema
import pytest
from onnx import TensorProto, helper, save

from onnx_roofline.analysis.analyze import Analysis, analyze
from onnx_roofline.analysis.settings import Settings
from onnx_roofline.cli.main import main
from onnx_roofline.ir.kernel_work import KernelWork
from onnx_roofline.ir.records import Executions, Kernel, TypedOp
from onnx_roofline.report.contract import schema_of
from onnx_roofline.what_if.formula.fit import fit_over
from onnx_roofline.what_if.formula.ridge import RidgeFlip, ridge_flips

SAMPLES = Path(__file__).resolve().parents[2] / "sample_models"
SOURCES = "sources: {all: {source: made up, label: assumed}}\n"


@pytest.fixture
def gpu(tmp_path: Path) -> str:
    """1 TFLOP/s in float32 and 100 GB/s: 10 operations a byte."""
    (tmp_path / "gpu.yaml").write_text(
        "schema: 1\nname: GPU\nkind: gpu\npeak_tflops: {float32: 1}\nbandwidth_gb_per_s: {external: 100}\n"
        "launch_us: 0\n" + SOURCES
    )
    return str(tmp_path / "gpu.yaml")


def linear(folder: Path, op: str = "MatMul") -> Path:
    """x [batch, rows, 1000] x w [1000, 500]."""
    value = helper.make_tensor_value_info
    weight = helper.make_tensor("w", TensorProto.FLOAT, [1000, 500], bytes(2_000_000), raw=True)
    ends = [value("x", TensorProto.FLOAT, ["batch", "rows", 1000])], [value("y", TensorProto.FLOAT, None)]
    graph = helper.make_graph([helper.make_node(op, ["x", "w"], ["y"])], "g", *ends, [weight])
    save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), folder / "m.onnx")
    return folder / "m.onnx"


def flips(model: Path, over: str, **settings: object) -> tuple[RidgeFlip, ...]:
    said = Settings(**settings)  # type: ignore[arg-type]
    return ridge_flips(analyze(model, said), fit_over(model, said, over))


def test_a_linear_layer_flips_where_its_formula_says(tmp_path: Path, gpu: str) -> None:
    """2 * 1000 * 500 operations and 4 * 1500 bytes a row, beside 2,000,000 bytes of weight."""
    (found,) = flips(linear(tmp_path), "batch=1..40", system=gpu, dims={"rows": 1})
    assert found.formula == "r 2,000,000 / (1,000,000 - r 6,000)"
    # 10 * 2,000,000 / (1,000,000 - 10 * 6,000) = 21.3
    assert (found.dim, found.ridge, found.first) == ("batch", 10.0, 22)
    assert (found.below, found.above, found.is_checked) == ("memory", "compute", True)


def test_a_flip_over_one_dim_is_a_formula_of_the_other(tmp_path: Path, gpu: str) -> None:
    """One flip: at the many rows that are assumed, one of the batch is bound by compute already."""
    (found,) = flips(linear(tmp_path), "batch=1..9,rows=1..9", system=gpu)
    assert (found.dim, found.formula) == ("rows", "r 2,000,000 / (1,000,000 batch - r 6,000 batch)")
    assert (found.others, found.first, found.is_checked) == ({"batch": 1}, 22, False)


def intensity(analysis: Analysis, name: str) -> float:
    """Operations a compulsory byte of all kernels of a class."""
    rows, works = analysis.model.column(TypedOp), analysis.model.column(KernelWork)
    operations = size = 0
    for key, kernel in analysis.model.column(Kernel).items():
        if kernel.id == key and f"{rows[key].op.op_type} ({kernel.pattern})" == name:
            count = int(analysis.model.column(Executions)[key].count)
            operations += count * (works[key].total_operations or 0)
            size += count * (works[key].compulsory_bytes or 0)
    return operations / size


@pytest.mark.parametrize(
    ("model", "over"),
    [("llama_decode", "batch=1..32"), ("gpt2", "batch,sequence=1..512"), ("bert_base", "sequence=1..512")],
)
def test_analyses_on_both_sides_of_a_flip_have_its_bounds(model: str, over: str) -> None:
    path, settings = SAMPLES / f"{model}.onnx", Settings(system="a100-sxm-80gb", assume_dtype="float16")
    found = ridge_flips(analyze(path, settings), fit_over(path, settings, over))
    assert len(found) >= 3
    # 312 TFLOP/s over 2,039 GB/s
    assert {round(one.ridge, 3) for one in found} == {153.016}
    known: dict[tuple[tuple[str, int], ...], Analysis] = {}
    for one in found:
        for size, bound in ((one.first - 1, one.below), (one.first, one.above)):
            dims = {**one.others, one.dim: size}
            at = tuple(sorted(dims.items()))
            if at not in known:
                known[at] = analyze(path, Settings(system="a100-sxm-80gb", assume_dtype="float16", dims=dims))
            is_compute = intensity(known[at], one.name) > one.ridge
            assert ("compute" if is_compute else "memory") == bound, (one, size)


def test_the_command_says_where_and_writes_it(tmp_path: Path, gpu: str, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["formula", str(linear(tmp_path)), "--system", gpu, "--over", "batch=1..40", "--dim", "rows=1"]
    assert main([*command, "--flips"]) == 0
    out = capsys.readouterr().out
    assert "flips on gpu, by compulsory bytes; r = 10 operations a byte" in out
    assert "memory -> compute from batch 22: r 2,000,000 / (1,000,000 - r 6,000)" in out
    assert main([*command, "--flips", "--json", "-"]) == 0
    document = json.loads(capsys.readouterr().out)
    jsonschema.Draft202012Validator(schema_of("formula")).validate(document)
    assert [(one["dim"], one["first"]) for one in document["formula"]["flips"]] == [("batch", 22)]
    assert main([*command, "--json", "-"]) == 0
    assert json.loads(capsys.readouterr().out)["formula"]["flips"] == []


def test_a_class_that_never_flips_is_not_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A ridge of 1,000 operations a byte, above the 2 * 1000 * 500 / 6,000 of ever so many rows."""
    (tmp_path / "gpu.yaml").write_text(
        "schema: 1\nname: GPU\nkind: gpu\npeak_tflops: {float32: 100}\nbandwidth_gb_per_s: {external: 100}\n"
        "launch_us: 0\n" + SOURCES
    )
    command = ["formula", str(linear(tmp_path)), "--system", str(tmp_path / "gpu.yaml"), "--over", "batch", "--flips"]
    assert main(command) == 0
    assert capsys.readouterr().out.endswith("\nno class of kernels changes its bound over these dims\n")
