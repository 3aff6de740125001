"""The bodies of a FlexAttention count beside the op. Figures by hand."""

from pathlib import Path

import onnx
from onnx import TensorProto, helper

from onnx_roofline.analysis.analyze import analyze
from onnx_roofline.analysis.settings import Settings
from onnx_roofline.ir.records import Counts, Executions, Kernel, TypedOp, Work


def test_the_modifiers_of_an_attention_run_once_on_its_scores(tmp_path: Path) -> None:
    """score_mod: s -> tanh(s) * tanh(s). Scores are [2, 8, 3, 5], in float32 however narrow the inputs are."""

    def value(name: str, kind: int, *shape: int) -> onnx.ValueInfoProto:
        return helper.make_tensor_value_info(name, kind, shape)

    half, single = TensorProto.FLOAT16, TensorProto.FLOAT
    body = helper.make_graph(
        [helper.make_node("Tanh", ["s"], ["t"]), helper.make_node("Mul", ["t", "t"], ["m"])],
        "square_of_tanh",
        [value("s", single, 2, 8, 3, 5)],
        [value("m", single, 2, 8, 3, 5)],
    )
    node = helper.make_node("FlexAttention", ["q", "k", "v"], ["y"], domain="ai.onnx.preview", score_mod=body)
    inputs = [value("q", half, 2, 8, 3, 4), value("k", half, 2, 2, 5, 4), value("v", half, 2, 2, 5, 6)]
    graph = helper.make_graph([node], "g", inputs, [value("y", half, 2, 8, 3, 6)])
    opsets = [helper.make_opsetid("", 24), helper.make_opsetid("ai.onnx.preview", 1)]
    path = tmp_path / "flex.onnx"
    onnx.save(helper.make_model(graph, opset_imports=opsets), path)

    analysis = analyze(path, Settings())
    rows, works = analysis.model.column(TypedOp), analysis.model.column(Work)
    found = {rows[key].op.op_type: (works[key].counts, rows[key].outputs[0]) for key in rows}
    scores = 2 * 8 * 3 * 5
    assert found["Tanh"][0] == Counts(transcendentals=scores)
    assert found["Mul"][0] == Counts(muls=scores)
    assert (found["Mul"][1].dtype, found["Mul"][1].shape) == ("float32", (2, 8, 3, 5))
    assert all(item.count == 1 for item in analysis.model.column(Executions).values())
    # Q K' and P V: 240 x (4 + 6)
    assert analysis.summary.counts.macs == scores * 10
    kernels = {kernel.id for kernel in analysis.model.column(Kernel).values()}
    assert any(rows[key].op.op_type == "FlexAttention" for key in kernels), "the op itself is a kernel too"
