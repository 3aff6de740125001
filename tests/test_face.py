"""`import onnx_roofline`: its names, what it costs, and an analysis as JSON, rows and a graph that other tools read."""

import ast
import csv
import importlib
import json
import os
import subprocess
import sys
from fractions import Fraction
from pathlib import Path
from typing import Any, get_type_hints

import networkx
import onnx
import pytest

import onnx_roofline as rl
from onnx_roofline.analysis.analyze import analyze as plain_analyze
from onnx_roofline.cli.main import main
from onnx_roofline.face import Options
from onnx_roofline.ir.placed_records import PlacementSummary
from onnx_roofline.ir.records import TypedOp

ROOT = Path(__file__).resolve().parents[1]
SAMPLES = ROOT / "sample_models"
LENET = str(SAMPLES / "lenet5.onnx")

LOOP = """
<ir_version: 9, opset_import: ["": 18]>
decoder (int64 tokens, bool wide, float[B, 64] x, float[64, 64] w) => (float[B, 64] y) {
    yes = Constant <value = bool {1}> ()
    e = Exp (x)
    l = Loop (tokens, yes, e) <body = step (int64 i, bool go, float[B, 64] a) => (bool again, float[B, 64] b) {
        again = Identity (go)
        b = If (wide) <
            then_branch = product () => (float[B, 64] p) { p = MatMul (a, w) },
            else_branch = cheap () => (float[B, 64] q) { q = Relu (a) }
        >
    }>
    y = Add (l, e)
}
"""
STATED: dict[str, Any] = {"dims": {"B": 8}, "trips": {"2:Loop": 3}, "branches": {"then": Fraction(1, 4)}}


@pytest.fixture
def loop(tmp_path: Path) -> str:
    path = tmp_path / "decoder.onnx"
    onnx.save(onnx.parser.parse_model(LOOP), path)
    return str(path)


def fresh(code: str) -> str:
    """What a new interpreter prints; PYTHONPATH makes this package the one that it imports."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-S", "-c", code]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    return done.stdout.strip()


class TestNames:
    def test_the_import_imports_nothing_else(self) -> None:
        code = (
            "import os, sys; before = set(sys.modules); import onnx_roofline\n"
            "onnx_roofline.__version__, dir(onnx_roofline)\n"
            "print(*sorted(set(sys.modules) - before))"
        )
        assert fresh(code) == "onnx_roofline"

    def test_errors_are_caught_without_a_library(self) -> None:
        code = (
            "import sys, onnx_roofline; onnx_roofline.RooflineError, onnx_roofline.UsageError\n"
            "print({'onnx', 'numpy', 'networkx', 'yaml', 'msgspec'} & set(sys.modules))"
        )
        assert fresh(code) == "set()"

    def test_every_name_is_there(self) -> None:
        assert rl.__all__ == sorted(rl.__all__)
        assert dir(rl) == rl.__all__
        for name in rl.__all__:
            assert getattr(rl, name) is getattr(rl, name)

    def test_a_type_checker_is_told_what_an_import_gives(self) -> None:
        tree = ast.parse(Path(rl.__file__).read_text("utf-8"))
        blocks = [node for node in tree.body if isinstance(node, ast.If)]
        (guarded,) = (node for node in blocks if ast.unparse(node.test) == "TYPE_CHECKING")
        told = {}
        for node in guarded.body:
            assert isinstance(node, ast.ImportFrom)
            assert node.module is not None
            told.update({alias.name: getattr(importlib.import_module(node.module), alias.name) for alias in node.names})
        assert told == {name: getattr(rl, name) for name in rl.__all__ if name != "__version__"}

    def test_another_name_is_an_attribute_error(self) -> None:
        with pytest.raises(AttributeError, match=r"^module 'onnx_roofline' has no attribute 'analyse'$"):
            rl.analyse  # type: ignore[attr-defined]  # noqa: B018
        with pytest.raises(ImportError):
            from onnx_roofline import analyse  # type: ignore[attr-defined]  # noqa: F401

    def test_a_star_imports_the_public_names(self) -> None:
        names: dict[str, object] = {}
        exec("from onnx_roofline import *", names)
        assert set(rl.__all__) == names.keys() - {"__builtins__"}

    def test_every_error_for_the_user_is_a_name(self) -> None:
        errors = importlib.import_module("onnx_roofline.base.errors")
        public = {name for name in vars(errors) if name.endswith("Error") and name != "NotModelledError"}
        assert public == {name for name in rl.__all__ if name.endswith("Error")}


class TestAnalyze:
    def test_settings_go_by_name(self) -> None:
        analysis = rl.analyze(SAMPLES / "bert_base.onnx", dims={"batch": 2, "sequence": 8}, system="a100-attacc")
        assert isinstance(analysis, rl.Analysis)
        assert analysis.settings == rl.Settings(dims={"batch": 2, "sequence": 8}, system="a100-attacc")
        assert analysis.system.slug == "a100-attacc"
        assert analysis.model.dims["batch"].value == 2

    def test_a_name_replaces_what_the_settings_have(self) -> None:
        settings = rl.Settings(dims={"batch": 2, "sequence": 8}, on_chip="1MB")
        analysis = rl.analyze(SAMPLES / "bert_base.onnx", settings, dims={"batch": 4}, objective="latency")
        assert analysis.settings == rl.Settings(dims={"batch": 4}, on_chip="1MB")
        assert settings.dims == {"batch": 2, "sequence": 8}

    def test_the_names_are_the_settings(self) -> None:
        assert tuple(get_type_hints(Options)) == rl.Settings.__struct_fields__

    @pytest.mark.parametrize(
        ("options", "said"),
        [
            ({"objective": "Energy"}, "'Energy': wanted latency, energy or energy-delay; did you mean 'energy'?"),
            ({"pim_model": "bogus"}, "--pim-model 'bogus': wanted roofline or full"),
            ({"on_chip": "-5"}, "--on-chip -5: '-5' is not a number with a unit"),
            ({"backend": "compilr"}, "found no shipped backend 'compilr'; did you mean 'compiler'?"),
            ({"dim": {"batch": 8}}, "settings: found none of the name 'dim'; did you mean 'dims'?"),
            ({"zzz": 1}, "settings: found none of the name 'zzz'; known: dims, input_shapes, system"),
            ({"settings": {"batch": 8}}, "settings: found dict, wanted a Settings; options go by their names, such as"),
            ({"settings": "teaching"}, "settings: found str, wanted a Settings"),
        ],
    )  # fmt: skip
    def test_what_makes_no_sense_is_refused(self, options: dict[str, Any], said: str) -> None:
        with pytest.raises(rl.RooflineError) as refused:
            rl.analyze(LENET, **options)
        assert said in str(refused.value)
        assert len(str(refused.value)) < 400

    def test_bytes_are_a_model_and_not_the_name_of_a_file(self) -> None:
        data = Path(LENET).read_bytes()
        found, wanted = (json.loads(rl.analyze(source).to_json()) for source in (data, LENET))
        assert found.pop("model") == wanted.pop("model") | {"path": "<bytes>"}
        beside = [one for one in wanted.pop("warnings") if one["code"] == "external-data-missing"]
        assert len(beside) == 1
        assert found.pop("warnings") == []
        assert found == wanted
        with pytest.raises(rl.NotAModelError) as refused:
            rl.analyze(data * 3 + b"\xff" * 1000)
        assert len(str(refused.value)) < 400

    @pytest.mark.parametrize("kind", ["proto", "ir"])
    def test_a_model_in_memory_is_not_changed(self, kind: str) -> None:
        proto = onnx.load(SAMPLES / "bert_base.onnx", load_external_data=False)
        ir = pytest.importorskip("onnx_ir") if kind == "ir" else None
        source: Any = proto if ir is None else ir.from_proto(proto)
        before = proto.SerializeToString() if ir is None else ir.to_proto(source).SerializeToString()
        found = rl.analyze(source, dims={"batch": 2, "sequence": 8})
        assert before == (proto.SerializeToString() if ir is None else ir.to_proto(source).SerializeToString())
        wanted = rl.analyze(SAMPLES / "bert_base.onnx", dims={"batch": 2, "sequence": 8})
        assert found.summary.counts == wanted.summary.counts
        assert found.rows() == wanted.rows()

    def test_a_run_needs_a_file(self) -> None:
        with pytest.raises(rl.UsageError, match=r"^--observe: found a model in memory, wanted the path of a file"):
            rl.analyze(Path(LENET).read_bytes(), observe="random")

    def test_a_loaded_system_is_taken(self) -> None:
        system = rl.load_system("a100-attacc")
        by_name, loaded = (rl.analyze(LENET, system=one) for one in ("a100-attacc", system))
        assert loaded.to_json() == by_name.to_json()


class TestResults:
    @pytest.mark.parametrize("system", ["teaching", "a100-attacc"])
    def test_json_is_the_command_lines(self, loop: str, system: str, capsys: pytest.CaptureFixture[str]) -> None:
        options = ["--dim", "B=8", "--trip", "2:Loop=3", "--branch", "then=0.25", "--system", system]
        assert main(["analyze", loop, "--json", "-", *options]) == 0
        assert rl.analyze(loop, system=system, **STATED).to_json() == capsys.readouterr().out

    def test_rows_are_the_csvs(self, loop: str, capsys: pytest.CaptureFixture[str]) -> None:
        options = ["--dim", "B=8", "--trip", "2:Loop=3", "--branch", "then=0.25"]
        assert main(["analyze", loop, "--format", "csv", *options]) == 0
        written = list(csv.DictReader(capsys.readouterr().out.splitlines()))
        rows = rl.analyze(loop, **STATED).rows()
        assert [{name: "" if cell is None else str(cell) for name, cell in row.items()} for row in rows] == written
        assert {type(cell) for row in rows for cell in row.values()} == {str, int, float, type(None)}
        product = next(row for row in rows if row["op_type"] == "MatMul")
        assert (product["macs"], product["executions"]) == (8 * 64 * 64, 0.75)  # 3 runs of the loop, a quarter of them

    def test_rows_have_names_as_in_the_file(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        x = onnx.helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [2])
        y = onnx.helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, [2])
        node = onnx.helper.make_node("Relu", ["x"], ["y"], name="=1+1")
        path = tmp_path / "m.onnx"
        onnx.save(onnx.helper.make_model(onnx.helper.make_graph([node], "g", [x], [y])), path)
        assert main(["analyze", str(path), "--format", "csv"]) == 0
        assert [row["name"] for row in csv.DictReader(capsys.readouterr().out.splitlines())] == ["'=1+1"]
        assert [row["name"] for row in rl.analyze(path).rows()] == ["=1+1"]

    @pytest.mark.parametrize("name", ["loop", "resnet50", "gcn_cora"])
    def test_the_graph_is_the_jsons(self, name: str, loop: str) -> None:
        analysis = rl.analyze(loop, **STATED) if name == "loop" else rl.analyze(SAMPLES / f"{name}.onnx")
        graph = analysis.to_networkx()
        assert type(graph) is networkx.MultiDiGraph
        read = networkx.node_link_graph(json.loads(analysis.to_json())["graph"], edges="edges")
        assert list(graph.nodes(data=True)) == list(read.nodes(data=True))
        assert list(graph.edges(keys=True, data=True)) == list(read.edges(keys=True, data=True))
        assert graph.graph == read.graph
        assert list(graph) == [key for key, row in analysis.model.column(TypedOp).items() if not row.scope]

    def test_the_figures_of_the_graph_add_up(self) -> None:
        analysis = rl.analyze(SAMPLES / "resnet50.onnx")
        graph = analysis.to_networkx()
        macs = [node["work"]["macs"] * node["executions"] for node in graph.nodes.values()]
        assert sum(macs) == analysis.summary.counts.macs
        roots = [name for name, node in graph.nodes.items() if node["kernel"] == name]
        placed = [name for name in roots if graph.nodes[name]["placement"]["device"] == analysis.system.pim.slug]
        optimum = analysis.model.whole(PlacementSummary).alternatives[-1]
        assert (optimum.name, optimum.on_pim) == ("optimum", len(placed))
        assert 0 < len(placed) < len(roots)

    def test_an_analysis_prints_itself_on_one_line(self) -> None:
        # 6 * 28*28 * 25 + 16 * 10*10 * 6*25 + 400*120 + 120*84 + 84*10 = 416,520 MACs
        analysis = rl.analyze(LENET)
        time_s = analysis.summary.time_placed.time_s
        assert time_s is not None
        assert repr(analysis) == f"<Analysis lenet5.onnx: 12 ops, 416.5 kMAC, {time_s * 1e9:.4g} ns on teaching>"
        assert repr(plain_analyze(LENET)) == repr(analysis)

    def test_what_is_unknown_is_printed_so(self, tmp_path: Path) -> None:
        path = tmp_path / "a\x1b[31m.onnx"
        text = '<ir_version: 9, opset_import: ["local": 1]> g (float[2, 4] x) => (float[N] y) { y = local.Foo (x) }'
        onnx.save(onnx.parser.parse_model(text), path)
        shown = repr(rl.analyze(path))
        assert shown == r"<Analysis a\x1b[31m.onnx: 1 ops, 0 MAC + 1 unknown, – on teaching>"
