"""The MLIR of every sample and of what MLIR has a form of its own for: read by xDSL, printed, read again, the same."""

import io
import shutil
import subprocess
import sysconfig
from pathlib import Path

import pytest
from models import TEXTS, parsed, save
from xdsl.dialects.builtin import ArrayAttr, IntegerAttr, ModuleOp, StringAttr
from xdsl.ir import Operation
from xdsl.printer import Printer

from onnx_roofline.analysis.analyze import Analysis, analyze
from onnx_roofline.analysis.settings import Settings
from onnx_roofline.cli.main import main
from onnx_roofline.ir.graph import LongList, StoredTensor, TensorType
from onnx_roofline.ir.records import TypedOp, Work
from onnx_roofline.report.mlir.analysis import write_mlir
from onnx_roofline.report.mlir.syntax import Resources, attribute, integer, stored_tensor

ROOT = Path(__file__).resolve().parents[2]
SAMPLES = sorted(path.name for path in (ROOT / "sample_models").glob("*.onnx"))
IREE_OPT = shutil.which("iree-opt", path=sysconfig.get_path("scripts"))


def printed(module: ModuleOp) -> str:
    stream = io.StringIO()
    Printer(stream=stream, print_generic_format=True, print_debuginfo=True).print_op(module)
    return stream.getvalue()


def assert_round_trip(text: str) -> ModuleOp:
    module = parsed(text)
    again = parsed(printed(module))
    # xDSL makes a class of its own for an unknown type each time.
    assert "!onnx." in text or module.is_structurally_equivalent(again)
    assert printed(again) == printed(module)
    return module


def named(op: Operation) -> str:
    """The op's type: its name in the onnx dialect, or that of an op of another domain."""
    name = op.attributes.get("function_name") or getattr(op, "op_name", None)
    return name.data if isinstance(name, StringAttr) else op.name


def figure(op: Operation, name: str) -> int | None:
    found = op.attributes.get(f"onnx_roofline.{name}")
    return found.value.data if isinstance(found, IntegerAttr) else None


def flops(module: ModuleOp) -> list[tuple[str, int]]:
    """(op type, FLOPs) of every op with some, in the order of the text."""
    found = [(named(op), figure(op, "flops")) for op in module.walk() if op is not module]
    return [(name, count) for name, count in found if count]


def mlir_of(name: str, folder: Path, settings: Settings | None = None) -> str:
    return "".join(write_mlir(analyze(save(name, folder), settings)))


@pytest.mark.parametrize("name", SAMPLES)
def test_a_sample_round_trips_and_every_op_has_its_figures(name: str, analyzed_sample) -> None:
    analysis: Analysis = analyzed_sample(name)
    module = assert_round_trip("".join(write_mlir(analysis)))
    works = analysis.model.column(Work)
    found = {op.attributes["onnx_roofline.id"].data: op for op in module.walk() if "onnx_roofline.id" in op.attributes}
    assert found.keys() == works.keys()
    for key, op in found.items():
        counts = works[key].counts
        assert (figure(op, "macs"), figure(op, "flops")) == (
            (None, None) if counts is None else (counts.macs, counts.flops)
        )
        kinds = analysis.model.column(TypedOp)[key].outputs
        assert len(op.results) == len(kinds)
    assert figure(module, "macs") == analysis.summary.counts.macs


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        # 2*4 elements each; the If itself computes nothing
        ("branch", [("onnx.Neg", 8), ("onnx.Mul", 8), ("onnx.Add", 8), ("onnx.Exp", 8)]),
        # once round: Tanh of 2*4, then 3 additions for each of 2 rows
        ("loop", [("onnx.Tanh", 8), ("onnx.ReduceSum", 6)]),
        # one of 5 steps of 3 elements
        ("scan", [("onnx.Add", 3), ("onnx.Sqrt", 3)]),
        # three signatures of Twice, each with its own Scaled, 8 elements each
        ("functions", [("onnx.Add", 8)] * 3 + [("onnx.Mul", 8)] * 3),
        # 2*3*4 MACs and 2*3 multiplications by alpha; 6 comparisons with one limit; 2*3*3 MACs
        ("custom", [("FusedMatMul", 54), ("onnx.Clip", 6), ("onnx.MatMul", 36)]),
    ],
)
def test_figures_stand_on_the_ops_of_bodies_and_functions(name: str, wanted: list, tmp_path: Path) -> None:
    assert flops(assert_round_trip(mlir_of(name, tmp_path))) == wanted


def test_then_comes_before_else_and_bodies_see_the_values_around_them(tmp_path: Path) -> None:
    module = parsed(mlir_of("branch", tmp_path))
    (choice,) = (op for op in module.walk() if named(op) == "onnx.If")
    assert [named(op) for op in choice.regions[0].block.ops] == ["onnx.Constant", "onnx.Mul", "onnx.Add", "onnx.Yield"]
    assert [named(op) for op in choice.regions[1].block.ops] == ["onnx.Exp", "onnx.Yield"]
    (negation,) = (op for op in module.walk() if named(op) == "onnx.Neg")
    assert {named(use.operation) for use in negation.results[0].uses} == {"onnx.Mul", "onnx.Exp"}


def test_an_absent_input_is_no_value_and_names_survive(tmp_path: Path) -> None:
    module = parsed(mlir_of("custom", tmp_path))
    (clip,) = (op for op in module.walk() if named(op) == "onnx.Clip")
    assert [str(value.type) for value in clip.operands] == ["tensor<2x3xf32>", "none", "tensor<f32>"]
    (mystery,) = (op for op in module.walk() if named(op) == "Mystery")
    assert str(mystery.attributes["domain_name"]) == '"own"'
    assert mystery.attributes["parts"] == ArrayAttr(parsed_floats(1.5, 2.0))
    assert "onnx_roofline.flops" not in mystery.attributes  # unknown is never 0


def parsed_floats(*values: float) -> list:
    from xdsl.dialects.builtin import FloatAttr, f32

    return [FloatAttr(value, f32) for value in values]


def test_types_are_the_files_own_where_a_width_is_assumed(tmp_path: Path) -> None:
    """A Cast to f32 whose result is f16 is no op of ONNX; the module says that its figures are of another width."""
    module = parsed(mlir_of("branch", tmp_path, Settings(assume_dtype="float16")))
    assert str(module.attributes["onnx_roofline.assume_dtype"]) == '"float16"'
    (negation,) = (op for op in module.walk() if named(op) == "onnx.Neg")
    assert str(negation.results[0].type) == "tensor<2x4xf32>"
    assert figure(negation, "naive_bytes") == 2 * 2 * 4 * 2  # read and written, 2*4 elements of 2 bytes


def test_an_op_of_another_opset_than_the_file_says_its_own(tmp_path: Path) -> None:
    """DequantizeLinear takes int4 from opset 21 on; the file is of 18."""
    path = ROOT / "sample_models/lenet5.onnx"
    module = parsed("".join(write_mlir(analyze(path, Settings(quantize="weights=int4")))))
    found = {(named(op), figure(op, "version")) for op in module.walk()}
    assert ("onnx.DequantizeLinear", 21) in found
    assert ("onnx.Conv", None) in found


def test_bytes_that_two_tensors_share_have_one_key() -> None:
    kind = TensorType("float32", (100,))
    alias = ("w.bin", 0, 400)
    keys = Resources()
    texts = [stored_tensor(StoredTensor(kind, None, alias=alias), kind, name, keys) for name in ("a", "b")]
    assert texts == ["dense_resource<a> : tensor<100xf32>"] * 2
    assert stored_tensor(StoredTensor(kind, None), kind, "/a", keys) == "dense_resource<a_2> : tensor<100xf32>"


def test_long_lists_keep_what_is_known_of_them() -> None:
    import numpy as np

    numbers = np.array([0, 1, 0], np.uint8)
    assert attribute(LongList(3, numbers), "n", Resources()) == "[0, 1, 0]"
    assert attribute(LongList(3, numbers, ("LEAF", "BRANCH_LEQ")), "n", Resources()) == '["LEAF", "BRANCH_LEQ", "LEAF"]'
    assert attribute(LongList(500), "n", Resources()) == "dense_resource<n> : tensor<500xf32>"


def test_figures_beyond_64_bits_have_a_wider_type() -> None:
    # i64 is signed: the largest is 2**63 - 1
    assert integer(2**63 - 1) == "9223372036854775807 : i64"
    assert integer(2**63) == "9223372036854775808 : i128"
    assert integer(2**127) == f"{2**127} : i256"


def test_the_command_line_writes_it_to_a_file_and_to_stdout(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    model, target = str(save("scan", tmp_path)), tmp_path / "scan.mlir"
    assert main(["analyze", model, "--mlir", str(target)]) == 0
    assert "TOTAL" in capsys.readouterr().out.upper()
    assert main(["analyze", model, "--mlir", "-"]) == 0
    assert capsys.readouterr().out == target.read_text("ascii")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--mlir", "-", "--json", "-"], "--json - and --mlir -: are one file; name two"),
        (["--mlir", "x.mlir", "--sweep", "x.0=1..4"], "--mlir: it shows one size of the model, and --sweep is of many"),
    ],
)
def test_what_excludes_another_output_is_refused(
    options: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    assert main(["analyze", str(save("scan", tmp_path)), *options]) == 2
    assert message in capsys.readouterr().err


@pytest.mark.skipif(IREE_OPT is None, reason="iree-opt, MLIR's own parser, is not installed")
@pytest.mark.parametrize("name", [*TEXTS, "lenet5", "lstm", "gcn_cora", "gpt2"])
def test_mlir_itself_reads_it_and_xdsl_reads_what_that_prints(name: str, tmp_path: Path) -> None:
    path = save(name, tmp_path) if name in TEXTS else ROOT / "sample_models" / f"{name}.onnx"
    text = "".join(write_mlir(analyze(path)))
    (tmp_path / "in.mlir").write_text(text, "ascii")
    command = [str(IREE_OPT), "--allow-unregistered-dialect", "--mlir-print-op-generic", "--mlir-print-debuginfo",
               "--mlir-print-local-scope", str(tmp_path / "in.mlir")]  # fmt: skip
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    assert flops(parsed(result.stdout)) == flops(parsed(text))
