"""`annotate`: metadata on the nodes and nothing else; the model runs as before, and its weights are never held."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, external_data_helper, helper, numpy_helper

from onnx_roofline.analysis.analyze import Analysis, analyze
from onnx_roofline.analysis.settings import Settings
from onnx_roofline.base.errors import UsageError
from onnx_roofline.cli.main import main
from onnx_roofline.report.annotated_model import PREFIX, write_annotated

ROOT = Path(__file__).resolve().parents[2]
SAMPLES = ROOT / "sample_models"
# Ten samples with the dims that they run at; the largest has 25 million weights.
RUN = {
    "attention_causal": {}, "attention_multi_head": {}, "attention_single_head": {}, "conv_layer": {},
    "depthwise_conv": {}, "lenet5": {}, "linear": {}, "lstm": {}, "residual_block": {}, "resnet50": {},
}  # fmt: skip
# Bytes of the large model's weights, and what annotating it may take.
LARGE_BYTES, MEMORY_BYTES = 1_500_000_000, 200_000_000


def with_weights(name: str, path: Path) -> None:
    """A sample with random weights inside the file in place of the absent ones."""
    proto = onnx.load(SAMPLES / f"{name}.onnx", load_external_data=False)
    random = np.random.default_rng(0)
    for tensor in external_data_helper._get_all_tensors(proto):
        if tensor.data_location == TensorProto.EXTERNAL:
            dtype = helper.tensor_dtype_to_np_dtype(tensor.data_type)
            values = random.standard_normal(tuple(tensor.dims)).astype(dtype) * dtype.type(0.05)
            tensor.CopyFrom(numpy_helper.from_array(values, tensor.name))
    onnx.save(proto, path)


def outputs_of(path: Path) -> list[np.ndarray]:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    random = np.random.default_rng(1)
    feeds = {}
    for item in session.get_inputs():
        shape = [dim if isinstance(dim, int) else 2 for dim in item.shape]
        feeds[item.name] = random.standard_normal(shape).astype(np.float32) if "float" in item.type else np.ones(
            shape, np.int64)  # fmt: skip
    return session.run(None, feeds)


def stripped(path: Path) -> onnx.ModelProto:
    """The model without the entries that `annotate` writes."""
    proto = onnx.load(path, load_external_data=False)
    pending = [proto.graph, *proto.functions]
    while pending:
        for node in pending.pop().node:
            kept = [entry for entry in node.metadata_props if not entry.key.startswith(PREFIX)]
            del node.metadata_props[:]
            node.metadata_props.extend(kept)
            pending += [attribute.g for attribute in node.attribute if attribute.HasField("g")]
    return proto


def said(node: onnx.NodeProto) -> dict[str, str]:
    return {e.key.removeprefix(PREFIX): e.value for e in node.metadata_props if e.key.startswith(PREFIX)}


def annotated(analysis: Analysis, path: Path) -> onnx.ModelProto:
    write_annotated(analysis, str(path))
    return onnx.load(path, load_external_data=False)


@pytest.mark.parametrize("name", RUN)
def test_an_annotated_sample_is_valid_and_runs_bit_equal(name: str, tmp_path: Path) -> None:
    before, after = tmp_path / "before.onnx", tmp_path / "after.onnx"
    with_weights(name, before)
    assert main(["annotate", str(before), "-o", str(after)]) == 0
    onnx.checker.check_model(str(after), full_check=True)
    proto = stripped(after)
    assert proto == onnx.load(before)
    assert proto.SerializeToString() == before.read_bytes()
    results = outputs_of(before), outputs_of(after)
    assert [(x.dtype, x.shape, x.tobytes()) for x in results[0]] == [
        (x.dtype, x.shape, x.tobytes()) for x in results[1]
    ]
    assert results[0][0].size


def test_metadata_is_read_back_as_the_figures_are(analyzed_sample, tmp_path: Path) -> None:
    nodes = annotated(analyzed_sample("linear.onnx"), tmp_path / "out.onnx").graph.node
    (gemm,) = [said(node) for node in nodes if node.op_type == "Gemm"]
    assert gemm["macs"] == str(64 * 128 * 128)
    assert gemm["flops"] == str(2 * 64 * 128 * 128)  # without a bias
    assert float(gemm["time_s"]) > 0
    assert gemm["placement"] in ("teaching-gpu", "teaching-pim")


def test_members_of_a_kernel_name_it_and_say_no_time(analyzed_sample, tmp_path: Path) -> None:
    nodes = [said(node) for node in annotated(analyzed_sample("resnet50.onnx"), tmp_path / "out.onnx").graph.node]
    first = nodes[0]
    relu = next(node for node in nodes if node["id"] != first["id"] and node["kernel"] == first["kernel"])
    assert {"time_s", "moved_bytes", "bound"} <= first.keys()
    assert not {"time_s", "moved_bytes", "bound"} & relu.keys()
    assert len({node["id"] for node in nodes}) == len(nodes) == 122


def test_an_unknown_figure_is_absent(tmp_path: Path) -> None:
    node = helper.make_node("Mystery", ["x"], ["y"], domain="nobody")
    graph = helper.make_graph([node], "g", [value("x")], [value("y")])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)]), tmp_path / "m.onnx")
    (found,) = map(said, annotated(analyze(tmp_path / "m.onnx"), tmp_path / "out.onnx").graph.node)
    assert found["status"] == "unknown"
    assert not {"macs", "flops", "time_s"} & found.keys()


def value(name: str, shape: tuple[int, ...] = (4, 4)) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)


def test_a_function_of_two_signatures_says_nothing_inside(tmp_path: Path) -> None:
    function = helper.make_function(
        "local", "F", ["p"], ["q"], [helper.make_node("Neg", ["p"], ["q"])], [helper.make_opsetid("", 17)]
    )
    imports = [helper.make_opsetid("", 17), helper.make_opsetid("local", 1)]
    for second, count in (((4, 4), 2), ((8, 4), 0)):
        nodes = [helper.make_node("F", [f"x{i}"], [f"y{i}"], domain="local") for i in (0, 1)]
        shapes = ((4, 4), second)
        graph = helper.make_graph(
            nodes, "g", [value(f"x{i}", s) for i, s in enumerate(shapes)], [value(f"y{i}", s) for i, s in
                                                                          enumerate(shapes)])  # fmt: skip
        proto = helper.make_model(graph, opset_imports=imports, functions=[function])
        onnx.save(proto, tmp_path / "m.onnx")
        after = annotated(analyze(tmp_path / "m.onnx"), tmp_path / "out.onnx")
        onnx.checker.check_model(after)
        inside = said(after.functions[0].node[0])
        assert inside.get("executions") == (str(count) if count else None)
        assert [said(node)["id"] for node in after.graph.node] == ["0:F", "1:F"]


def test_nodes_of_bodies_say_how_often_they_run(tmp_path: Path) -> None:
    body = helper.make_graph(
        [helper.make_node("Identity", ["go"], ["on"]), helper.make_node("Add", ["s", "s"], ["t"])], "body",
        [helper.make_tensor_value_info("i", TensorProto.INT64, ()), helper.make_tensor_value_info(
            "go", TensorProto.BOOL, ()), value("s")],
        [helper.make_tensor_value_info("on", TensorProto.BOOL, ()), value("t")],
    )  # fmt: skip
    loop = helper.make_node("Loop", ["n", "", "x"], ["y"], body=body)
    stored = [numpy_helper.from_array(np.array(7), "n")]
    graph = helper.make_graph([loop], "g", [value("x")], [value("y")], stored)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)]), tmp_path / "m.onnx")
    after = annotated(analyze(tmp_path / "m.onnx"), tmp_path / "out.onnx")
    inner = said(after.graph.node[0].attribute[0].g.node[1])
    assert (inner["id"], inner["executions"], inner["flops"]) == ("loop_0/body/1:Add", "7", str(4 * 4))


@pytest.mark.parametrize("link", [None, Path.symlink_to, Path.hardlink_to])
def test_the_model_is_never_the_output(link, tmp_path: Path) -> None:
    path = tmp_path / "m.onnx"
    path.write_bytes((SAMPLES / "linear.onnx").read_bytes())
    before = path.read_bytes()
    target = path if link is None else tmp_path / "other.onnx"
    if link is not None:
        link(target, path)
    with pytest.raises(UsageError, match="is a file that is read"):
        write_annotated(analyze(path), str(target))
    assert path.read_bytes() == before


def test_external_weights_stay_and_must_be_found(tmp_path: Path) -> None:
    with_weights("lenet5", tmp_path / "inline.onnx")
    path, weights = tmp_path / "m.onnx", tmp_path / "m.weights"
    onnx.save(onnx.load(tmp_path / "inline.onnx"), path, save_as_external_data=True, location=weights.name)
    before = weights.read_bytes()
    analysis = analyze(path)
    (tmp_path / "elsewhere").mkdir()
    with pytest.raises(UsageError, match=r"the weights in 'm.weights' are found from the folder of the model"):
        write_annotated(analysis, str(tmp_path / "elsewhere" / "out.onnx"))
    with pytest.raises(UsageError, match="is a file that is read"):
        write_annotated(analysis, str(weights))
    write_annotated(analysis, str(tmp_path / "out.onnx"))
    assert weights.read_bytes() == before
    assert outputs_of(tmp_path / "out.onnx")[0].tobytes() == outputs_of(path)[0].tobytes()


def test_figures_of_an_earlier_run_are_replaced(tmp_path: Path) -> None:
    """MACs are linear in the batch."""
    first, second = tmp_path / "first.onnx", tmp_path / "second.onnx"
    write_annotated(analyze(SAMPLES / "bert_base.onnx", Settings(dims={"batch": 1, "sequence": 16})), str(first))
    write_annotated(analyze(first, Settings(dims={"batch": 8, "sequence": 16})), str(second))
    nodes = [onnx.load(path, load_external_data=False).graph.node for path in (first, second)]
    macs = [[int(said(node)["macs"]) for node in found] for found in nodes]
    assert [8 * count for count in macs[0]] == macs[1]
    assert sum(macs[1])
    assert all(len(said(node)) == sum(e.key.startswith(PREFIX) for e in node.metadata_props) for node in nodes[1])


@pytest.mark.slow
def test_a_large_model_is_copied_in_little_memory(tmp_path: Path) -> None:
    """y = x W with W of 1.5 GB in the file, which is a hole on the disk."""
    rows = LARGE_BYTES // 4 // 1000
    weight = TensorProto(name="w", dims=[rows, 1000], data_type=TensorProto.FLOAT)
    graph = helper.make_graph([helper.make_node("MatMul", ["x", "w"], ["y"])], "g", [value("x", (1, rows))],
                              [value("y", (1, 1000))])  # fmt: skip
    proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])

    def head(number: int, length: int) -> bytes:
        return _varint(number << 3 | 2) + _varint(length)

    raw = head(9, LARGE_BYTES)
    tensor = weight.SerializeToString() + raw
    inside = proto.graph.SerializeToString()
    stored = head(5, len(tensor) + LARGE_BYTES) + tensor
    proto.ClearField("graph")
    path = tmp_path / "large.onnx"
    path.write_bytes(proto.SerializeToString() + head(7, len(inside) + len(stored) + LARGE_BYTES) + inside + stored)
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size + LARGE_BYTES)
    out = tmp_path / "out.onnx"
    code = f"""
import re
from onnx_roofline.cli.main import main
assert main(["annotate", {str(path)!r}, "-o", {str(out)!r}]) == 0
# Of this process alone: what getrusage says includes the process that it was forked from.
print(int(re.search(r"VmHWM:\\s+([0-9]+) kB", open("/proc/self/status").read())[1]) * 1024)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert int(done.stdout.splitlines()[-1]) < MEMORY_BYTES
    assert LARGE_BYTES < out.stat().st_size < LARGE_BYTES + 2000


def _varint(number: int) -> bytes:
    parts = bytearray()
    while number > 0x7F:
        parts.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes((*parts, number))
