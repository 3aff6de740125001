"""`xdsl-opt -p onnx-roofline{...}` on ONNX files and on MLIR: the figures are those of the file's own analysis."""

import importlib.metadata
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from models import TEXTS, parsed, save
from xdsl.context import Context
from xdsl.dialects.builtin import IntegerAttr, ModuleOp, StringAttr
from xdsl.ir import Operation
from xdsl.utils.exceptions import PassFailedException
from xdsl.xdsl_opt_main import xDSLOptMain

from onnx_roofline.analysis.analyze import Analysis, analyze
from onnx_roofline.analysis.settings import Settings
from onnx_roofline.compilers.xdsl_pass import OnnxRooflinePass
from onnx_roofline.compilers.xdsl_universe import UNIVERSE
from onnx_roofline.ir.records import TypedOp, Work

ROOT = Path(__file__).resolve().parents[2]
LOWERED = '"func.func"() <{function_type = () -> (), sym_name = "f"}> ({ "a.b"() : () -> () }) : () -> ()'
FLAG = "--allow-unregistered-dialect"


@pytest.fixture(autouse=True)
def _installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The entry point as an installed package has it, whatever the installed one says."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    ((name, value),) = settings["project"]["entry-points"]["xdsl.universe"].items()
    found = importlib.metadata.entry_points
    own = importlib.metadata.EntryPoint(name, value, "xdsl.universe")

    def entry_points(**wanted: str):  # type: ignore[no-untyped-def]
        others = [point for point in found(**wanted) if point.name != name]
        return [*others, own] if wanted == {"group": "xdsl.universe"} else found(**wanted)

    monkeypatch.setattr(importlib.metadata, "entry_points", entry_points)
    return


def xdsl_opt(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    xDSLOptMain(args=list(arguments)).run()
    return capsys.readouterr().out


def figures(module: ModuleOp, name: str) -> list[int]:
    found = (op.attributes.get(f"onnx_roofline.{name}") for op in module.walk() if op is not module)
    return sorted(one.value.data for one in found if isinstance(one, IntegerAttr))


def flops_of(analysis: Analysis) -> list[int]:
    works = analysis.model.column(Work).values()
    return sorted(work.counts.flops for work in works if work.counts is not None)


def test_an_onnx_file_is_read_annotated_and_printed(capsys: pytest.CaptureFixture[str]) -> None:
    path = ROOT / "sample_models" / "lenet5.onnx"
    text = xdsl_opt(capsys, "-p", 'onnx-roofline{system="a100-attacc"}', "--print-op-generic", str(path))
    module, analysis = parsed(text), analyze(path, Settings(system="a100-attacc"))
    assert figures(module, "flops") == flops_of(analysis)
    assert module.attributes["onnx_roofline.system"] == StringAttr("a100-attacc")
    assert module.attributes["onnx_roofline.macs"] == IntegerAttr(analysis.summary.counts.macs, 64)
    assert module.attributes["onnx_roofline.time_s"].value.data == analysis.summary.time_placed.time_s


@pytest.mark.parametrize("name", TEXTS)
def test_bodies_functions_and_custom_ops_are_annotated_in_place(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = save(name, tmp_path)
    module = parsed(xdsl_opt(capsys, "-p", "onnx-roofline", "--print-op-generic", str(path)))
    analysis = analyze(path)
    assert module.attributes["onnx_roofline.flops"] == IntegerAttr(analysis.summary.counts.flops, 64)
    if name != "functions":
        assert figures(module, "flops") == flops_of(analysis)


def test_an_op_of_a_function_has_what_its_signatures_share(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Twice runs on 2*4 elements twice and on 8 once: as many FLOPs each, 3 executions together."""
    module = parsed(xdsl_opt(capsys, "-p", "onnx-roofline", "--print-op-generic", str(save("functions", tmp_path))))
    (addition,) = (op for op in module.walk() if name_of(op) == "onnx.Add")
    assert addition.attributes["onnx_roofline.flops"] == IntegerAttr(8, 64)
    assert addition.attributes["onnx_roofline.executions"] == IntegerAttr(3, 64)
    assert "onnx_roofline.id" not in addition.attributes


def name_of(op: Operation) -> str:
    name = getattr(op, "op_name", None)
    return op.name if name is None else name.data


def test_dims_stay_open_until_the_pass_states_them(capsys: pytest.CaptureFixture[str]) -> None:
    path = ROOT / "sample_models" / "gpt2.onnx"
    dims = analyze(path).model.dims
    assert dims, "the sample has symbolic dims"
    plain = parsed(xdsl_opt(capsys, "--print-op-generic", FLAG, str(path)))
    entry = next(op for op in plain.walk() if op.name == "func.func")
    assert any("?" in str(argument.type) for argument in entry.regions[0].block.args)
    stated = ",".join(f'"{name}=2"' for name in dims)
    module = parsed(xdsl_opt(capsys, "-p", f"onnx-roofline{{dims={stated}}}", "--print-op-generic", str(path)))
    wanted = analyze(path, Settings(dims=dict.fromkeys(dims, 2)))
    assert module.attributes["onnx_roofline.macs"] == IntegerAttr(wanted.summary.counts.macs, 64)
    assert module.attributes["onnx_roofline.dims"].data == ",".join(f"{name}=2" for name in dims)


def test_what_iree_imports_is_annotated_where_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    path = ROOT / "tests" / "mlir" / "iree" / "lenet5.mlir"
    text = path.read_text("utf-8")
    # xDSL has no parser for IREE's parameters, which the reader of files replaces.
    for key in ("c1.weight", "c3.weight", "c5.weight", "c5.bias", "f6.weight", "output.weight"):
        text = text.replace(f'#stream.parameter.named<"model"::"{key}">', "dense_resource<__elided__>")
    module = annotated(text)
    assert module.attributes["onnx_roofline.macs"] == IntegerAttr(
        analyze(ROOT / "sample_models" / "lenet5.onnx").summary.counts.macs, 64
    )
    assert figures(module, "macs").count(0) < len(figures(module, "macs"))


def annotated(text: str, **options: object) -> ModuleOp:
    module = parsed(text)
    OnnxRooflinePass(**options).apply(Context(allow_unregistered=True), module)
    return module


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        (LOWERED, {}, "onnx-roofline: <module>: holds no op of ONNX"),
        (LOWERED.replace("a.b", "onnx.NoOp"), {"system": "nowhere"}, "onnx-roofline: .*nowhere"),
        (LOWERED, {"dims": ("batch",)}, "onnx-roofline: .*batch"),
    ],
)  # fmt: skip
def test_what_the_pass_refuses_is_one_sentence(text: str, options: dict, message: str) -> None:
    with pytest.raises(PassFailedException, match=message) as caught:
        annotated(text, **options)
    assert "\n" not in str(caught.value)


def test_the_rows_of_the_pass_name_the_ops_that_the_file_has(capsys: pytest.CaptureFixture[str]) -> None:
    path = ROOT / "sample_models" / "residual_block.onnx"
    module = parsed(xdsl_opt(capsys, "-p", "onnx-roofline", "--print-op-generic", str(path)))
    ids = {op.attributes["onnx_roofline.id"].data for op in module.walk() if "onnx_roofline.id" in op.attributes}
    assert ids == analyze(path).model.column(TypedOp).keys()


def test_the_universe_imports_nothing_but_itself() -> None:
    """xdsl-opt loads it whatever it is asked for."""
    code = (
        "import sys\n"
        "import xdsl.universe\n"
        "before = set(sys.modules)\n"
        "import onnx_roofline.compilers.xdsl_universe\n"
        "found = {name for name in set(sys.modules) - before if not name.startswith('onnx_roofline')}\n"
        "assert not found, found\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)
    assert set(UNIVERSE.all_passes) == {"onnx-roofline"}
    assert set(UNIVERSE.all_frontends) == {"onnx"}
