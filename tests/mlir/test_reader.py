"""MLIR read back gives the figures of the ONNX file: what we write, what IREE imports, what onnx-mlir would."""

import subprocess
import sys
from collections import Counter
from pathlib import Path

import onnx
import pytest
from models import TEXTS, save
from onnx import TensorProto, helper

from onnx_roofline.analysis.analyze import Analysis, analyze
from onnx_roofline.analysis.settings import Settings
from onnx_roofline.base.errors import LimitError, NotAModelError, UsageError
from onnx_roofline.cli.main import main
from onnx_roofline.ir.placed_records import Placement, Roofline
from onnx_roofline.ir.records import Executions, Kernel, Live, Reuse, Traffic, TypedOp, Work
from onnx_roofline.load import Limits, parse
from onnx_roofline.report.mlir.analysis import write_mlir

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
SAMPLES = sorted(path.name for path in (ROOT / "sample_models").glob("*.onnx"))
IMPORTED = sorted(path.stem for path in (HERE / "iree").glob("*.mlir"))
COLUMNS = (Work, Traffic, Executions, Live, Reuse, Roofline, Placement)


def through_mlir(analysis: Analysis, folder: Path, settings: Settings | None = None) -> Analysis:
    path = folder / "m.mlir"
    path.write_text("".join(write_mlir(analysis)), "ascii")
    return analyze(path, settings)


def totals(analysis: Analysis) -> dict[str, object]:
    summary = analysis.summary
    names = ("ops", "status_counts", "counts", "naive_bytes", "compulsory_bytes", "moved", "kernels", "parameters",
             "weight_bytes", "peak_activation_bytes", "sequential_steps", "times_alone", "time_placed")  # fmt: skip
    return {name: getattr(summary, name) for name in names}


def kernel(one: Kernel) -> tuple[object, ...]:
    return one.id, one.members, one.pattern, one.role


def assert_same_rows(one: Analysis, other: Analysis) -> None:
    """Every column of every row, and what the reports call it."""
    rows, others = one.model.column(TypedOp), other.model.column(TypedOp)
    assert rows.keys() == others.keys()
    for key, row in rows.items():
        twin = others[key]
        assert (row.op.qualified_type, row.op.version, row.op.name, row.op.module) == (
            twin.op.qualified_type, twin.op.version, twin.op.name, twin.op.module
        )  # fmt: skip
        assert (row.op.outputs, row.inputs, row.outputs, row.role) == (
            twin.op.outputs, twin.inputs, twin.outputs, twin.role
        )  # fmt: skip
        assert kernel(one.model.column(Kernel)[key]) == kernel(other.model.column(Kernel)[key])
        for record in COLUMNS:
            a, b = one.model.column(record)[key], other.model.column(record)[key]
            assert (a.devices if record is Reuse else a) == (b.devices if record is Reuse else b), (key, record)


@pytest.mark.parametrize("name", SAMPLES)
def test_a_sample_through_mlir_has_every_figure_again(name: str, analyzed_sample, tmp_path: Path) -> None:
    analysis = analyzed_sample(name)
    again = through_mlir(analysis, tmp_path)
    assert totals(again) == totals(analysis)
    assert again.model.info.opsets == analysis.model.info.opsets
    assert_same_rows(analysis, again)


# Each has what a width that is taken for another could contradict: a Cast, a ConstantOfShape, the lowest float32.
@pytest.mark.parametrize("name", ["gcn_cora", "message_passing", "sdpa_decode", "gat_cora"])
@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float64"])
def test_a_sample_at_an_assumed_width_has_every_figure_again(name: str, dtype: str, tmp_path: Path) -> None:
    settings = Settings(assume_dtype=dtype)
    analysis = analyze(ROOT / f"sample_models/{name}.onnx", settings)
    again = through_mlir(analysis, tmp_path, settings)
    assert totals(again) == totals(analysis)
    assert_same_rows(analysis, again)
    (notice,) = (one for one in again.model.warnings if one.code == "width-was-assumed")
    assert f"--assume-dtype {dtype}" in notice.message


@pytest.mark.parametrize("precision", ["weights=int4", "w4a16", "w8a8", "fp8"])
def test_a_sample_that_is_quantized_has_every_total_again(precision: str, tmp_path: Path) -> None:
    """The file is of opset 18, int4 is of 21 and float8 of 19."""
    analysis = analyze(ROOT / "sample_models/lenet5.onnx", Settings(quantize=precision))
    again = through_mlir(analysis, tmp_path, Settings(assume_dtype=analysis.settings.float_dtype))
    assert totals(again) == totals(analysis)


@pytest.mark.parametrize("name", [name for name in TEXTS if name != "functions"])
def test_bodies_and_custom_ops_through_mlir_have_every_figure_again(name: str, tmp_path: Path) -> None:
    analysis = analyze(save(name, tmp_path))
    again = through_mlir(analysis, tmp_path)
    assert totals(again) == totals(analysis)
    assert_same_rows(analysis, again)


def test_names_of_any_characters_come_back(tmp_path: Path) -> None:
    """xDSL reads no escape in a location, where MLIR has the names of nodes and of stored tensors."""
    names = ["é漢字", 'a"b\\c', "x\u2028y\x00\x1b[31m", "plain", "50%"]
    weight = onnx.numpy_helper.from_array(__import__("numpy").zeros((4, 4), "float32"))
    stored, nodes, tensor = [], [], "x"
    for name in names:
        weight.name = f"w {name}"
        stored.append(TensorProto.FromString(weight.SerializeToString()))
        nodes.append(helper.make_node("MatMul", [tensor, weight.name], [f"y {name}"], name=name))
        tensor = f"y {name}"
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, (4, 4)) for name in ("x", tensor)]
    onnx.save(helper.make_model(helper.make_graph(nodes, names[0], ends[:1], ends[1:], stored)), tmp_path / "m.onnx")
    analysis = analyze(tmp_path / "m.onnx")
    again = through_mlir(analysis, tmp_path)
    assert_same_rows(analysis, again)
    assert [row.op.inputs for row in again.model.column(TypedOp).values()] == [tuple(node.input) for node in nodes]
    assert again.model.graph.stored.keys() == analysis.model.graph.stored.keys()


def test_functions_through_mlir_have_every_total_again(tmp_path: Path) -> None:
    """Each signature is a function of its own then, so that scopes have other names."""
    analysis = analyze(save("functions", tmp_path))
    again = through_mlir(analysis, tmp_path)
    assert totals(again) == totals(analysis)
    calls = [row.op.op_type for row in again.model.column(TypedOp).values() if row.op.function]
    assert Counter(calls) == {"Twice": 3, "Scaled": 3}


def test_tree_ensembles_and_shared_bytes_through_mlir_have_every_total_again(tmp_path: Path) -> None:
    weight = onnx.numpy_helper.from_array(__import__("numpy").zeros((40, 50), "float32"), "w")
    twins = []
    for name in ("a", "b"):
        twin = TensorProto(name=name, data_type=TensorProto.FLOAT, dims=[40, 50], data_location=TensorProto.EXTERNAL)
        for key, value in (("location", "w.bin"), ("offset", "0"), ("length", "8000")):
            twin.external_data.add(key=key, value=value)
        twins.append(twin)
    nodes = [helper.make_node("MatMul", ["x", name], [f"y{name}"]) for name in ("w", "a", "b")]
    count = 5000
    leaves = {"nodes_featureids": [0] * count, "nodes_truenodeids": [0] * count, "nodes_falsenodeids": [0] * count,
              "nodes_nodeids": list(range(count)), "nodes_treeids": list(range(count)),
              "nodes_modes": ["LEAF"] * count, "nodes_values": [0.0] * count, "target_ids": [0] * count,
              "target_nodeids": list(range(count)), "target_treeids": list(range(count)),
              "target_weights": [1.0] * count, "n_targets": 1}  # fmt: skip
    nodes.append(helper.make_node("TreeEnsembleRegressor", ["x"], ["t"], domain="ai.onnx.ml", **leaves))
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [3, 40])],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in ("yw", "ya", "yb", "t")],
        [weight, *twins],
    )
    opsets = [helper.make_opsetid("", 20), helper.make_opsetid("ai.onnx.ml", 3)]
    onnx.save(helper.make_model(graph, opset_imports=opsets), tmp_path / "m.onnx")
    analysis = analyze(tmp_path / "m.onnx")
    again = through_mlir(analysis, tmp_path)
    assert totals(again) == totals(analysis)
    # two tensors of 40*50 elements: w, and the bytes that a and b share; the trees' leaves are no weights of a file
    assert again.summary.weight_bytes - analysis.summary.weight_bytes == 0
    assert again.summary.counts.macs == 3 * (3 * 40 * 50)


def compute_rows(analysis: Analysis) -> Counter[object]:
    """Every op that computes: its type, shapes, counts, bytes and executions, whatever it is called."""
    model = analysis.model
    works, traffics, executions = model.column(Work), model.column(Traffic), model.column(Executions)
    return Counter(
        (row.op.op_type, row.inputs, row.outputs, works[key].counts, traffics[key].naive_bytes, executions[key].count)
        for key, row in model.column(TypedOp).items()
        if row.role == "compute"
    )


@pytest.mark.parametrize("name", IMPORTED)
def test_what_iree_imports_has_the_ops_shapes_macs_and_bytes_of_the_file(name: str, tmp_path: Path) -> None:
    """Recorded with iree-import-onnx --large-model --externalize-params --no-save-params, then iree-opt, generic."""
    path = save(name, tmp_path) if name in TEXTS else ROOT / "sample_models" / f"{name}.onnx"
    analysis, imported = analyze(path), analyze(HERE / "iree" / f"{name}.mlir")
    assert compute_rows(imported) == compute_rows(analysis)
    assert imported.summary.counts == analysis.summary.counts
    assert imported.summary.moved == analysis.summary.moved
    assert imported.summary.time_placed == analysis.summary.time_placed


def test_what_onnx_mlir_imports_is_read_as_onnx() -> None:
    path = HERE / "onnx_mlir.mlir"
    analysis = analyze(path, Settings(dims={"batch": 2}))
    found = {row.op.op_type: (row, analysis.model.column(Work)[key].counts)
             for key, row in analysis.model.column(TypedOp).items()}  # fmt: skip
    assert found["Conv"][1].macs == 2 * 4 * 64 * 9  # batch x channels x positions x taps
    assert found["FusedMatMul"][1].macs == 2 * 64 * 10
    assert found["FusedMatMul"][0].op.domain == "com.microsoft"
    # MaxPoolSingleOut: 2*4 maps of 4*4 windows of 2*2, three comparisons each
    assert found["MaxPool"][1].compares == 2 * 4 * 16 * 3
    assert found["Conv"][0].op.module == "features"
    assert (found["Unsqueeze"][0].op.version, found["Reshape"][0].outputs[0].shape) == (11, (2, 64))
    assert [output.name for output in analysis.model.graph.outputs] == ["logits", "size"]
    # a weight of 4*1*3*3 and one of 64*10
    assert analysis.summary.parameters == 36 + 640
    codes = {notice.code for notice in analysis.model.warnings}
    assert codes == {"no-opset", "bounded-branch"}


def test_a_domain_that_the_importer_dropped_is_assumed_with_a_notice(tmp_path: Path) -> None:
    kind = "!torch.vtensor<[4,4],f32>"
    path = tmp_path / "m.mlir"
    path.write_text(
        f""""func.func"() <{{function_type = ({kind}) -> !torch.none, sym_name = "f"}}> ({{
          ^bb0(%a: {kind}):
            %b = "torch.operator"(%a, %a) <{{name = "onnx.FusedMatMul"}}> : ({kind}, {kind}) -> !torch.none
            "func.return"(%b) : (!torch.none) -> ()
        }}) {{torch.onnx_meta.opset_version = 17 : si64}} : () -> ()"""
    )
    analysis = analyze(path)
    assert analysis.summary.counts.macs == 4 * 4 * 4
    (notice,) = (one for one in analysis.model.warnings if one.code == "domain-assumed")
    assert "FusedMatMul" in notice.message


def test_small_constants_without_bytes_are_named(tmp_path: Path) -> None:
    text = (HERE / "iree" / "lstm.mlir").read_text("utf-8")
    path = tmp_path / "m.mlir"
    path.write_text(text[: text.index("{-#")])
    codes = [notice.code for notice in analyze(path).model.warnings]
    assert "elided-constants" in codes
    assert "elided-constants" not in [one.code for one in analyze(HERE / "iree" / "lstm.mlir").model.warnings]


def test_a_literal_that_repeats_one_value_is_not_spread_out(tmp_path: Path) -> None:
    kind = "tensor<1000000x1000000xf32>"
    path = tmp_path / "m.mlir"
    path.write_text(
        f""""func.func"() <{{function_type = (tensor<1x1000000xf32>) -> tensor<1x1000000xf32>, sym_name = "f"}}> ({{
          ^bb0(%a: tensor<1x1000000xf32>):
            %w = "onnx.Constant"() {{value = dense<1.0> : {kind}}} : () -> {kind}
            %b = "onnx.MatMul"(%a, %w) : (tensor<1x1000000xf32>, {kind}) -> tensor<1x1000000xf32>
            "func.return"(%b) : (tensor<1x1000000xf32>) -> ()
        }}) : () -> ()"""
    )
    summary = analyze(path).summary
    assert (summary.counts.macs, summary.parameters) == (10**12, 10**12)


PRETTY = b"func.func @f(%a: tensor<2xf32>) { %b = onnx.Relu %a : tensor<2xf32> return }"
LOWERED = b'"func.func"() <{function_type = () -> (), sym_name = "f"}> ({ "a.b"() : () -> () }) : () -> ()'


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (PRETTY, "no MLIR in generic form"),
        (b"ML\xefR\x0dMLIR", "is MLIR bytecode"),
        (b"\xff\xfe", "found no UTF-8 at byte 0"),
        (b"", "is empty"),
        (b'"builtin.module"() ({}) : () -> ()', "holds no func.func"),
        (LOWERED, "no op of ONNX"),
        (b'"a.b"() ({' * 3000, "nests too deeply"),
    ],
    ids=["pretty", "bytecode", "bytes", "empty", "no function", "lowered", "deep"],
)
def test_what_is_no_module_of_onnx_ops_is_refused(data: bytes, message: str, tmp_path: Path) -> None:
    path = tmp_path / "m.mlir"
    path.write_bytes(data)
    with pytest.raises(NotAModelError, match=message) as caught:
        parse(path)
    assert str(path) in str(caught.value)


def test_text_over_the_limit_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "m.mlir"
    path.write_text("// " + "x" * 100)
    with pytest.raises(LimitError, match=r"found 103 bytes, the limit is 50.*elide-resource-strings"):
        parse(path, Limits(graph_bytes=50))


def test_a_run_of_the_model_needs_the_onnx_file() -> None:
    with pytest.raises(UsageError, match="onnxruntime runs no MLIR"):
        analyze(HERE / "iree" / "lstm.mlir", Settings(observe="random"))


def test_without_xdsl_the_extra_is_named() -> None:
    code = (
        "import sys\n"
        "sys.modules['xdsl.context'] = None\n"
        "from onnx_roofline.cli.main import main\n"
        f"sys.exit(main(['analyze', {str(HERE / 'iree' / 'lstm.mlir')!r}]))\n"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.returncode == 2
    assert "pip install 'onnx-roofline[mlir]'" in result.stderr


def test_mlir_is_no_file_to_annotate(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = str(HERE / "iree" / "loop.mlir")
    assert main(["annotate", source, "-o", str(tmp_path / "out.onnx")]) == 2
    assert "of MLIR, analyze --mlir writes the figures" in capsys.readouterr().err
    assert not (tmp_path / "out.onnx").exists()
