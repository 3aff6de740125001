"""The files for other tools: each is read back by a reader of its format and says what the analysis says."""

import csv
import io
import json
import xml.etree.ElementTree as ET
from collections import Counter
from itertools import pairwise
from pathlib import Path
from urllib.parse import unquote

import networkx as nx
import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper

from onnx_roofline.analysis.analyze import Analysis, analyze
from onnx_roofline.analysis.settings import Settings
from onnx_roofline.analysis.timeline import overlapped, timeline
from onnx_roofline.cli.main import main
from onnx_roofline.ir.placed_records import Placement, PlacementSummary
from onnx_roofline.ir.records import Kernel, TypedOp, Work
from onnx_roofline.ir.tensor_index import TensorIndex
from onnx_roofline.report.annotated_model import write_annotated
from onnx_roofline.report.colours import DEVICE_COLOURS
from onnx_roofline.report.formats import FORMATS

ROOT = Path(__file__).resolve().parents[2]
SAMPLES = ROOT / "sample_models"
BY_NAME = {one.name: one for one in FORMATS}
HOSTILE = ['=cmd|"/c calc"!A1', "</script><script>alert(1)</script>", "a\nb\x1b[31m\u202e", 'q" -> "r', "-1+1 ä", "%41"]


def text_of(name: str, analysis: Analysis) -> str:
    return "".join(BY_NAME[name].parts(analysis))


@pytest.fixture(scope="module")
def split() -> Analysis:
    """A decoder with kernels and transfers on both devices."""
    dims = {"batch": 32, "past_sequence": 1023}
    return analyze(SAMPLES / "llama_decode.onnx", Settings(dims=dims, system="a100-attacc", assume_dtype="float16"))


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Analysis:
    """A chain whose nodes, tensors and graph have names that attack."""
    tensors = ["x", *HOSTILE]
    nodes = [helper.make_node("Relu", [a], [b], name=b) for a, b in pairwise(tensors)]
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, (4,)) for name in (tensors[0], tensors[-1])]
    path = tmp_path_factory.mktemp("hostile") / "m.onnx"
    onnx.save(helper.make_model(helper.make_graph(nodes, HOSTILE[1], ends[:1], ends[1:])), path)
    return analyze(path, Settings(backend="none"))


def test_every_format_is_written_by_its_option(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = [part for one in FORMATS for part in (one.option, str(tmp_path / one.name))]
    assert main(["analyze", str(SAMPLES / "linear.onnx"), *options]) == 0
    assert "Totals" in capsys.readouterr().out
    for one in FORMATS:
        text = (tmp_path / one.name).read_bytes()
        assert text.isascii() or one.name in ("graphml", "dot", "html"), one.name
        assert main(["analyze", str(SAMPLES / "linear.onnx"), one.option, "-"]) == 0
        assert capsys.readouterr().out.encode() == text.replace(b"\r\n", b"\n") or one.name == "unindp"


def test_two_files_on_stdout_and_a_sweep_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    model = str(SAMPLES / "linear.onnx")
    assert main(["analyze", model, "--trace", "-", "--dot", "-"]) == 2
    assert "--trace - and --dot -: are one file" in capsys.readouterr().err
    assert main(["analyze", model, "--trace", "t.json", "--sweep", "batch=1..2"]) == 2
    assert "--trace: it shows one size of the model" in capsys.readouterr().err


def test_a_sweep_has_a_page(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model, page = str(SAMPLES / "bert_base.onnx"), tmp_path / "page.html"
    options = ["--dim", "sequence=16", "--sweep", "batch=1,2", "--html"]
    assert main(["analyze", model, *options, str(page)]) == 0
    assert "2 points over batch (2)" in capsys.readouterr().out
    assert main(["analyze", model, *options, "-"]) == 0
    assert capsys.readouterr().out == page.read_text("utf-8")
    assert '"axes":[["batch",[1,2],false]]' in page.read_text("utf-8")


def test_trace_has_every_span_and_its_slices_never_overlap(split: Analysis) -> None:
    trace = json.loads(text_of("trace", split))
    spans = (*timeline(split), *overlapped(split))
    slices = [event for event in trace["traceEvents"] if event["ph"] == "X"]
    # Whole nanoseconds, in microseconds.
    ends = [(round(span.start_s * 1e9), round(span.end_s * 1e9)) for span in spans]
    assert [(e["ts"], e["dur"]) for e in slices] == [(start / 1e3, (end - start) / 1e3) for start, end in ends]
    processes = {e["pid"]: e["args"]["name"] for e in trace["traceEvents"] if e["name"] == "process_name"}
    names = [split.system.gpu.name, split.system.pim.name, "link"]
    assert list(processes.values()) == [*names, *(f"both at once: {name}" for name in names)]
    lanes = {(e["pid"], e["tid"]) for e in slices}
    assert {pid for pid, _ in lanes} == set(processes)
    for place in lanes:
        lane = sorted((e for e in slices if (e["pid"], e["tid"]) == place), key=lambda e: e["ts"])
        assert all(a["ts"] + a["dur"] <= b["ts"] * (1 + 1e-12) for a, b in pairwise(lane))


def test_trace_of_one_device_has_no_link() -> None:
    analysis = analyze(SAMPLES / "lenet5.onnx", Settings(system="h100-sxm"))
    events = json.loads(text_of("trace", analysis))["traceEvents"]
    assert [e["args"]["name"] for e in events if e["name"] == "process_name"] == [analysis.system.gpu.name]
    assert len([e for e in events if e["ph"] == "X"]) == len(timeline(analysis))


def test_trace_counters_integrate_to_the_bytes_that_move(split: Analysis) -> None:
    events = json.loads(text_of("trace", split))["traceEvents"]
    moved = 0.0
    for pid in (1, 2):
        counter = [(e["ts"], e["args"]["value"]) for e in events if e["ph"] == "C" and e["name"] == "GB/s"
                   and e["pid"] == pid]  # fmt: skip
        assert counter[-1][1] == 0
        steps = pairwise(counter)
        moved += sum(value * 1e9 * (end - start) / 1e6 for (start, value), (end, _) in steps)
    # Ends stand at whole nanoseconds, the rates are of the times as they are: 0.5 ns at each end of some microseconds.
    wanted = sum(span.bytes or 0 for span in timeline(split) if span.kind == "kernel")
    assert moved == pytest.approx(wanted, rel=1e-4)


def test_trace_flows_start_and_end_inside_slices(split: Analysis) -> None:
    events = json.loads(text_of("trace", split))["traceEvents"]
    starts, ends = ({e["id"]: e for e in events if e["ph"] == kind} for kind in "sf")
    assert starts.keys() == ends.keys()
    assert starts
    slices = {(e["pid"], e["tid"], e["ts"]) for e in events if e["ph"] == "X"}
    for number, start in starts.items():
        assert {(e["pid"], e["tid"], e["ts"]) for e in (start, ends[number])} <= slices
        assert start["ts"] < ends[number]["ts"]


def test_schedule_is_read_back(split: Analysis) -> None:
    rows = list(csv.DictReader(io.StringIO(text_of("schedule", split))))
    spans, model = timeline(split), split.model
    assert [(row["kind"], row["id"], row["device"]) for row in rows] == [(s.kind, s.kernel, s.device) for s in spans]
    assert [float(row["end_s"]) for row in rows] == [span.end_s for span in spans]
    kernels = [row for row in rows if row["kind"] == "kernel"]
    index = model.whole(TensorIndex)
    for row in kernels:
        ops = [model.column(TypedOp)[key].op for key in model.column(Kernel)[row["id"]].members]
        assert row["ops"].split(" ") == [op.op_type for op in ops]
        # Views are seen through: what a kernel fetches has the name that it was made under.
        assert set(map(unquote, row["inputs"].split())) <= {index.root("", name) for op in ops for name in op.inputs}
    assert sum(len(row["outputs"].split()) for row in kernels) > 100


def test_device_map_has_every_placed_node_once_in_runs(split: Analysis) -> None:
    found = json.loads(text_of("device_map", split))
    rows, placements = split.model.column(TypedOp), split.model.column(Placement)
    nodes = [(node["id"], part["ep_name"]) for part in found["subgraphs"] for node in part["nodes"]]
    assert dict(nodes) == {key: row.device for key, row in placements.items() if row.device is not None}
    assert len(nodes) == len(dict(nodes))
    names = [part["ep_name"] for part in found["subgraphs"]]
    assert all(a != b for a, b in pairwise(names))
    assert all(node["op_type"] == rows[node["id"]].op.op_type for part in found["subgraphs"] for node in part["nodes"])


def test_onnxruntime_takes_the_layer_annotations(tmp_path: Path) -> None:
    """The CPU is the one device here: what is annotated for it is assigned, and the option is understood."""
    nodes = [helper.make_node("Relu", ["x"], ["y"], name="a"), helper.make_node("Neg", ["y"], ["z"], name="b")]
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, (4,)) for name in "xz"]
    onnx.save(helper.make_model(helper.make_graph(nodes, "g", ends[:1], ends[1:]), ir_version=10), tmp_path / "m.onnx")
    analysis = analyze(tmp_path / "m.onnx", Settings(backend="none"))
    write_annotated(analysis, str(tmp_path / "out.onnx"), layers=True)
    layers = {entry.value for node in onnx.load(tmp_path / "out.onnx").graph.node for entry in node.metadata_props
              if entry.key == "layer_ann"}  # fmt: skip
    assert layers <= {device.slug for device in analysis.system.devices}
    settings = json.loads(text_of("device_map", analysis))["session_options"]["session.layer_assignment_settings"]
    assert settings == "gpu(=teaching-gpu); accelerator(=teaching-pim)"
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.add_session_config_entry("session.layer_assignment_settings", settings.replace("gpu(", "cpu(", 1))
    session = onnxruntime.InferenceSession(str(tmp_path / "out.onnx"), options, providers=["CPUExecutionProvider"])
    (result,) = session.run(None, {"x": np.array([1, -2, 3, -4], np.float32)})
    assert result.tolist() == [-1, 0, -3, 0]
    broken = onnxruntime.SessionOptions()
    broken.add_session_config_entry("session.layer_assignment_settings", "cpu(")
    broken.log_severity_level = 4
    with pytest.raises(Exception, match="layer"):
        onnxruntime.InferenceSession(str(tmp_path / "out.onnx"), broken, providers=["CPUExecutionProvider"])


def test_netron_attachment_has_the_figures_by_name(analyzed_sample) -> None:
    analysis = analyzed_sample("resnet50.onnx")
    found = json.loads(text_of("netron", analysis))
    assert found["signature"] == "netron:attachment"
    works = analysis.model.column(Work)
    wanted = {row.op.name: works[key].counts.macs for key, row in analysis.model.column(TypedOp).items()}
    macs = {m["target"]: m["value"] for m in found["metrics"] if m["name"] == "macs"}
    assert macs == wanted
    assert {m["type"] for m in found["metrics"]} == {"int64", "float64", "string"}
    assert {m["kind"] for m in found["metrics"]} == {"node"}


def test_netron_attachment_leaves_out_names_that_are_not_unique(tmp_path: Path) -> None:
    names = ["same", "same", "", "own"]
    nodes = [helper.make_node("Relu", [f"t{n}"], [f"t{n + 1}"], name=name) for n, name in enumerate(names)]
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, (4,)) for name in ("t0", "t4")]
    onnx.save(helper.make_model(helper.make_graph(nodes, "g", ends[:1], ends[1:])), tmp_path / "m.onnx")
    found = json.loads(text_of("netron", analyze(tmp_path / "m.onnx")))
    assert {metric["target"] for metric in found["metrics"]} == {"own"}


def test_model_explorer_data_is_keyed_as_its_adapter_names_nodes(split: Analysis) -> None:
    devices, times = (json.loads(text_of(name, split)) for name in ("model_explorer", "model_explorer_times"))
    graph = split.model.graph
    names = {op.name or f"<node_{op.index}>" for op in graph.ops}
    # Its page takes a file by this: the values of a graph lie right under its name.
    assert devices.keys() == times.keys() == {graph.name}
    assert devices[graph.name]["results"].keys() | times[graph.name]["results"].keys() <= names
    found = Counter(entry["value"] for entry in devices[graph.name]["results"].values())
    assert found == Counter(row.device for row in split.model.column(Placement).values() if row.device)
    optimum = next(one for one in split.model.whole(PlacementSummary).alternatives if one.name == "optimum")
    assert sum(entry["value"] for entry in times[graph.name]["results"].values()) == pytest.approx(optimum.kernel_s)


def test_graphml_is_the_graph_with_typed_figures(split: Analysis) -> None:
    graph = nx.parse_graphml(text_of("graphml", split), force_multigraph=True)
    whole = split.model.graph.nx
    assert set(graph.nodes) == set(whole.nodes)
    assert Counter((a, b) for a, b, _ in graph.edges) == Counter((a, b) for a, b, _ in whole.edges)
    works, nodes = split.model.column(Work), dict(graph.nodes(data=True))
    assert all(row["macs"] == works[key].counts.macs for key, row in nodes.items() if "macs" in row)
    optimum = next(one for one in split.model.whole(PlacementSummary).alternatives if one.name == "optimum")
    assert sum(row.get("time_s", 0.0) for row in nodes.values()) == pytest.approx(optimum.kernel_s)


def test_dot_names_every_node_and_edge(split: Analysis) -> None:
    text = text_of("dot", split)
    whole = split.model.graph.nx
    assert text.count(" -> ") == whole.number_of_edges()
    assert all(f'  "{key}" [label=' in text for key in whole.nodes)
    assert text.count("{") == text.count("}")


def test_unindp_workload_has_the_macs_of_the_products(analyzed_sample) -> None:
    """As its script reads it: an empty line, then name, type, M, K, N, B without the last character of the line."""
    analysis = analyzed_sample("lenet5.onnx")
    lines = text_of("unindp", analysis).split("\n")
    assert lines[0].strip() == "" == lines[-1]
    rows = [line[:-1].split(",") for line in lines[1:-1]]
    macs = [int(m) * int(k) * int(n) * int(b) for _, _, m, k, n, b in rows]
    # Conv 6x5x5 over 28x28, conv 16x6x5x5 over 10x10, then 400x120, 120x84, 84x10.
    assert macs == [28 * 28 * 6 * 25, 10 * 10 * 16 * 6 * 25, 400 * 120, 120 * 84, 84 * 10]
    assert [row[2:] for row in rows[-1:]] == [["1", "84", "10", "1"]]
    assert all(row[1] == "mm" and row[0].replace("_", "").isalnum() for row in rows)
    assert len({row[0] for row in rows}) == len(rows)


def test_names_are_data_in_every_format(hostile: Analysis) -> None:
    texts = {one.name: text_of(one.name, hostile) for one in FORMATS}
    for name, text in texts.items():
        assert not {"\x1b", "\u202e"} & set(text) or name == "graphml", name
    rows = list(csv.DictReader(io.StringIO(texts["schedule"])))
    assert [unquote(row["names"]) for row in rows if row["kind"] == "kernel"] == HOSTILE
    assert all(not cell.startswith(("=", "+", "-", "@")) for row in rows for cell in row.values())
    first_lines = {name.split("\n")[0] for name in HOSTILE}
    assert {metric["target"] for metric in json.loads(texts["netron"])["metrics"]} == first_lines
    root = ET.fromstring(texts["graphml"])
    assert len(root.findall(".//{*}node")) == len(HOSTILE)
    edges = [line for line in texts["dot"].splitlines() if " -> " in line.split("[")[0]]
    assert len(edges) == len(HOSTILE) - 1
    assert all(line.count('"') - line.count('\\"') in (4, 8) for line in edges)
    events = json.loads(texts["trace"])["traceEvents"]
    names = [event["args"]["name"] for event in events if event.get("cat") == "kernel"]
    assert len(names) == len(HOSTILE)


@pytest.mark.parametrize("option", ["--dot", "--model-explorer"])
def test_a_system_of_one_device_has_one_colour(option: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["analyze", str(SAMPLES / "linear.onnx"), "--system", "h100-sxm", option, "-"]) == 0
    printed = capsys.readouterr().out
    assert DEVICE_COLOURS[0] in printed
    assert DEVICE_COLOURS[1] not in printed
