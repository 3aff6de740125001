"""The records of the JSON: closed, described, exact; what is written follows the schema that is printed."""

import gc
import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import jsonschema
import msgspec
import onnx
import pytest
from onnx import TensorProto, helper

from onnx_roofline.analysis.analyze import Analysis, analyze
from onnx_roofline.analysis.settings import Settings
from onnx_roofline.ci.metrics import totals_of
from onnx_roofline.cli.main import main
from onnx_roofline.ir.records import COUNT_CLASSES, STATUSES, OpRole
from onnx_roofline.load import Limits
from onnx_roofline.report import contract
from onnx_roofline.report.contract.common import Measured, Status
from onnx_roofline.report.document import build_document, write_document
from onnx_roofline.report.encoding import encode

SAMPLES = Path(__file__).resolve().parents[2] / "sample_models"
# Models with functions, loops, sequences of kernels that split, and a system whose devices work together.
PAIRED = Settings(system="pimflow", assume_dtype="float16")


def validator(name: str) -> jsonschema.Draft202012Validator:
    return jsonschema.Draft202012Validator(contract.schema_of(name))


def records() -> dict[str, Any]:
    """Every record of the documents by its name, as the schema has it."""
    return {
        name: record
        for document in contract.DOCUMENTS
        for name, record in contract.schema_of(document)["$defs"].items()
    }


def objects(value: object) -> Iterator[dict[str, Any]]:
    """Every object inside a JSON value, itself first."""
    if isinstance(value, dict):
        yield value
        for item in value.values():
            yield from objects(item)
    elif isinstance(value, list):
        for item in value:
            yield from objects(item)


def loop_around_a_branch(folder: Path) -> Path:
    """Three trips of an If with two bodies, over a dim that nobody states; and a call of a function of the file."""
    kind = helper.make_tensor_value_info
    x, y = kind("x", TensorProto.FLOAT, ["n"]), kind("y", TensorProto.FLOAT, ["n"])

    def branch(op: str) -> onnx.GraphProto:
        return helper.make_graph([helper.make_node(op, ["a"], [op])], op, [], [kind(op, TensorProto.FLOAT, ["n"])])

    choice = helper.make_node("If", ["c"], ["b"], then_branch=branch("Exp"), else_branch=branch("Neg"))
    body = helper.make_graph(
        [choice, helper.make_node("Identity", ["go"], ["on"])],
        "body",
        [kind("i", TensorProto.INT64, []), kind("go", TensorProto.BOOL, []), kind("a", TensorProto.FLOAT, ["n"])],
        [kind("on", TensorProto.BOOL, []), kind("b", TensorProto.FLOAT, ["n"])],
    )
    trips = helper.make_tensor("trips", TensorProto.INT64, [], [3])
    loop = helper.make_node("Loop", ["trips", "", "x"], ["z"], body=body)
    call = helper.make_node("Twice", ["z"], ["y"], domain="own")
    opsets = [helper.make_opsetid("", 18), helper.make_opsetid("own", 1)]
    twice = helper.make_function("own", "Twice", ["p"], ["q"], [helper.make_node("Add", ["p", "p"], ["q"])], opsets[:1])
    graph = helper.make_graph([loop, call], "g", [x, kind("c", TensorProto.BOOL, [])], [y], [trips])
    onnx.save(helper.make_model(graph, opset_imports=opsets, functions=[twice], ir_version=10), folder / "m.onnx")
    return folder / "m.onnx"


def caches(folder: Path) -> Path:
    """A step's rows behind those of a cache, and behind something that is only named like one."""
    text = """<ir_version: 10, opset_import: ["": 21]>
    g (float[1, 2, 9, 4] past_key, float[1, 2, 1, 4] k, float[1, 2, 1, 4] q, float[1, 2, 9, 4] past_rows)
    => (float[1, 2, 1, 10] y, float[1, 2, 10, 4] present_key, float[1, 2, 10, 4] present_rows) {
        present_key = Concat <axis = 2> (past_key, k)
        t = Transpose <perm = [0, 1, 3, 2]> (present_key)
        y = MatMul (q, t)
        e = Exp (past_rows)
        present_rows = Concat <axis = 2> (e, k)
    }"""
    onnx.save(onnx.parser.parse_model(text), folder / "caches.onnx")
    return folder / "caches.onnx"


@pytest.fixture(scope="module")
def documents(tmp_path_factory: pytest.TempPathFactory) -> list[contract.AnnotatedGraph]:
    """Documents that together hold every record: bodies, functions, splits, caches, PIM profiles with row timings."""
    looped = loop_around_a_branch(tmp_path_factory.mktemp("loop"))
    system = Settings(system="a100-hbm-pim", assume_dtype="float16")
    return [
        build_document(analyze(looped)),
        build_document(analyze(caches(looped.parent))),
        build_document(analyze(SAMPLES / "resnet50.onnx", PAIRED)),
        build_document(analyze(SAMPLES / "linear.onnx", system)),
    ]


def test_every_object_is_closed_and_every_field_described() -> None:
    for name, record in records().items():
        # A row of many models has a column more for each device.
        assert name == "ModelRow" or record["additionalProperties"] is False, name
        assert [field for field, about in record["properties"].items() if not about.get("description")] == [], name
        assert record["description"], name


def test_an_unknown_key_is_refused_in_any_object(documents: list[contract.AnnotatedGraph]) -> None:
    """Each record's own schema takes an instance of it from the documents, and none with a key more."""
    schema = contract.schema_of("annotated-graph")
    instances: dict[str, Any] = {}
    pending: list[object] = list(documents)
    for value in pending:
        if isinstance(value, contract.Record):
            if type(value).__name__ not in instances:
                instances[type(value).__name__] = json.loads(encode(value))
            pending.extend(getattr(value, name) for name in value.__struct_fields__)
        elif isinstance(value, dict):
            pending.extend(value.values())
        elif isinstance(value, tuple):
            pending.extend(value)
    assert set(instances) == set(schema["$defs"])
    for name, instance in instances.items():
        closed = jsonschema.Draft202012Validator({**schema, "$ref": f"#/$defs/{name}"})
        closed.validate(instance)
        assert not closed.is_valid({**instance, "surprise": 1}), name
        assert isinstance(instance, dict)
        for field in schema["$defs"][name]["required"]:
            assert not closed.is_valid({key: value for key, value in instance.items() if key != field}), (name, field)


def test_records_with_floating_point_figures_refuse_what_json_can_not_say() -> None:
    """msgspec writes NaN as null, which would say that the figure is unknown: no record holds one."""

    def numbers(part: object) -> bool:
        return any(item.get("type") == "number" for item in objects(part))

    with_floats = {name for name, record in records().items() if numbers(record["properties"])}
    exact = {"Node", "Kernel", "Function", "Body"}  # executions alone: whole numbers and fractions, never NaN
    assert {name for name in with_floats if not issubclass(getattr(contract, name), Measured)} == exact
    for bad in (math.nan, math.inf, -math.inf):
        with pytest.raises(ValueError, match=r"Split\.time_s is"):
            contract.Split("outputs", 0.5, bad, 1.0, 1.0)
        with pytest.raises(ValueError, match=r"TotalTime\.devices of 'gpu'"):
            contract.TotalTime({"gpu": bad}, None)


def test_closed_sets_are_those_of_the_analysis() -> None:
    defs = records()
    assert set(defs["Node"]["properties"]["role"]["enum"]) == set(get_args(OpRole))
    assert set(get_args(Status)) == set(STATUSES) == set(contract.Statuses.__struct_fields__)
    assert contract.Counts.__struct_fields__ == COUNT_CLASSES
    assert contract.Limits.__struct_fields__ == tuple(Limits().as_dict())


@pytest.mark.parametrize("name", ["linear.onnx", "lstm.onnx", "gcn_cora_self_loops.torchscript.onnx"])
def test_what_is_written_row_by_row_is_the_document(name: str, analyzed_sample) -> None:
    analysis = analyzed_sample(name)
    text = "".join(write_document(analysis))
    assert text.isascii()
    assert msgspec.json.decode(text, type=contract.AnnotatedGraph) == build_document(analysis)


def test_the_document_of_bodies_and_functions_is_written_whole(tmp_path: Path) -> None:
    analysis = analyze(loop_around_a_branch(tmp_path))
    document = json.loads("".join(write_document(analysis)))
    validator("annotated-graph").validate(document)
    assert document == json.loads(encode(build_document(analysis)))
    (loop, call) = document["graph"]["nodes"]
    assert [body["multiplicity"] for body in loop["bodies"]] == [3]
    assert "graph" not in call["bodies"][0]
    assert [function["executions"] for function in document["functions"].values()] == [1]


def test_a_model_without_ops_is_written(tmp_path: Path) -> None:
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [4])
    onnx.save(helper.make_model(helper.make_graph([], "g", [x], [x]), ir_version=10), tmp_path / "m.onnx")
    document = json.loads("".join(write_document(analyze(tmp_path / "m.onnx"))))
    validator("annotated-graph").validate(document)
    assert (document["graph"]["nodes"], document["graph"]["edges"], document["kernels"]) == ([], [], [])


def test_rows_are_not_kept(analyzed_sample) -> None:
    """At most the row that is written is alive; whole documents hold them all."""
    analysis = analyzed_sample("bert_base.onnx")
    before, alive = _rows_alive(), []
    for number, _ in enumerate(write_document(analysis)):
        if number % 200 == 0:
            alive.append(_rows_alive() - before)
    assert max(alive) <= 1
    whole = build_document(analysis)
    assert _rows_alive() - before >= len(whole.graph.nodes) + len(whole.kernels)


def _rows_alive() -> int:
    return sum(isinstance(found, contract.Node | contract.Kernel) for found in gc.get_objects())


def test_integers_are_exact_and_text_is_ascii() -> None:
    counts = contract.Counts(2**63, 2**64, 2**200, 0, 0, 0, 0, 0)
    assert json.loads(encode(counts))["muls"] == 2**200
    assert json.loads(encode(counts))["adds"] == 18_446_744_073_709_551_616
    for name in ("häß 中", "\U0001f600", "\u202e\u2028", '"\\\n', "\ud800 half"):
        text = encode(contract.GraphName(name))
        assert text.isascii()
        assert json.loads(text) == {"name": name}


GPU = """schema: 1
name: a GPU
kind: gpu
peak_tflops: {float32: 1}
bandwidth_gb_per_s: {external: 1000}
launch_us: 0
sources: {all: {source: made up for a test, label: assumed}}
"""
PIM = (
    GPU.replace("gpu", "pim")
    .replace("float32: 1", "float32: 2")
    .replace("external: 1000", "external: 1, internal: 1000")
)
PAIR = """schema: 1
name: a pair
kind: system
gpu: ./placement.yaml
pim: ./pim.yaml
link: {gb_per_s: 1000, latency_us: 0, shared_memory: true}
sources: {all: {source: made up for a test, label: assumed}}
"""


@pytest.fixture
def unlucky(tmp_path: Path) -> Analysis:
    """A model on a system whose GPU is called `placement`."""
    for name, text in (("placement", GPU), ("pim", PIM), ("pair", PAIR)):
        (tmp_path / f"{name}.yaml").write_text(text, "utf-8")
    return analyze(SAMPLES / "linear.onnx", Settings(system=str(tmp_path / "pair.yaml")))


def test_a_device_called_placement_keeps_its_time(unlucky: Analysis) -> None:
    document = json.loads("".join(write_document(unlucky)))
    # Operations / peak; the 131,072 B take 131 ns at 1000 GB/s. The PIM is faster, and nothing is copied to it.
    gpu_s, pim_s = 2_097_152 / 1e12, 2_097_152 / 2e12
    assert document["totals"]["time_s"] == {"devices": {"placement": gpu_s, "pim": pim_s}, "placement": pim_s}
    assert document["coverage"]["kernels_without_time"] == {"devices": {"placement": 0, "pim": 0}, "placement": 0}
    assert document["graph"]["nodes"][0]["roofline"]["placement"]["total_time_s"] == gpu_s


def test_a_device_called_placement_has_a_metric_of_its_own(unlucky: Analysis) -> None:
    metrics = {name: value for name, value in totals_of(unlucky).items() if name.startswith("time_s.")}
    gpu_s, pim_s = 2_097_152 / 1e12, 2_097_152 / 2e12
    assert metrics.pop("time_s.transfers") == 0
    assert metrics == {"time_s.pim": pim_s, "time_s.placement": pim_s, "time_s.devices.placement": gpu_s}


@pytest.mark.parametrize("name", contract.DOCUMENTS)
def test_the_schema_of_every_document_is_printed(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schema", name]) == 0
    schema = json.loads(capsys.readouterr().out)
    jsonschema.Draft202012Validator.check_schema(schema)
    assert schema == contract.schema_of(name)
    assert schema["$id"].endswith(":2.0")
    assert json.dumps(schema).count('"enum": ["2.0"]') == 1


def test_explanations_and_sweeps_follow_their_schemas(capsys: pytest.CaptureFixture[str]) -> None:
    resnet = ["resnet50.onnx", "0", "12", "--system", "pimflow", "--assume-dtype", "float16"]
    for model, *rest in (["linear.onnx", "0"], ["lenet5.onnx", "0", "3"], resnet):
        assert main(["explain", str(SAMPLES / model), *rest, "--json", "-"]) == 0
        found = json.loads(capsys.readouterr().out)
        validator("explanations").validate(found)
        assert not validator("explanations").is_valid([{**found[0], "surprise": 1}])
    assert main(["analyze", str(SAMPLES / "bert_base.onnx"), "--sweep", "batch=1,4", "--json", "-"]) == 0
    document = json.loads(capsys.readouterr().out)
    validator("sweep").validate(document)
    document["sweep"]["points"][0]["surprise"] = 1
    assert not validator("sweep").is_valid(document)


def test_findings_of_the_lint_follow_their_schema(capsys: pytest.CaptureFixture[str]) -> None:
    model = str(SAMPLES / "t5_small.onnx")
    assert main(["lint", model, "--json", "-", "--system", "a100-attacc", "--backend", "none"]) == 0
    document = json.loads(capsys.readouterr().out)
    validator("lint").validate(document)
    by_code = {one["code"]: one for one in document["findings"]}
    worths = [one["worth_s"] for one in document["findings"]]
    assert worths == sorted(worths, reverse=True)
    assert {"OR316", "OR319"} <= by_code.keys()
    assert [place["ops"] for place in by_code["OR319"]["places"]][:2] == [["59:Expand"], ["308:Expand"]]
    assert (by_code["OR319"]["mended"], by_code["OR319"]["unpriced"]) == (4, "")
    assert not validator("lint").is_valid({**document, "surprise": 1})


def test_rows_of_many_models_follow_their_schema(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(b"no protobuf")
    assert main(["analyze", str(SAMPLES / "linear.onnx"), str(broken), "--json", "-"]) == 2
    document = json.loads(capsys.readouterr().out)
    validator("models").validate(document)
    good, bad = document["models"]
    assert (good["status"], bad["status"], bad["time_s.placement"]) == ("analysed", "refused", None)
    for wrong in ({"status": "fine"}, {"time_s.placement": "fast"}):
        assert not validator("models").is_valid({**document, "models": [{**good, **wrong}]})
