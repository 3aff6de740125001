"""The two laws of quantised graphs, over random graphs, the samples, and the node cases of the onnx package."""

import itertools
import warnings
from collections.abc import Callable
from pathlib import Path

import onnx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from onnx import TensorProto as T
from onnx import helper
from onnx.backend.test.case.node import collect_testcases
from quantized_laws import assert_quantized_laws, shaped

from onnx_roofline.base.errors import RooflineError

SAMPLES = sorted((Path(__file__).parents[2] / "sample_models").rglob("*.onnx"))
N = 8  # all tensors of the random graphs are [8, 8]
TYPES = (T.INT8, T.UINT8, T.INT16, T.UINT16, T.INT4, T.UINT4, T.FLOAT8E4M3FN, T.FLOAT4E2M1)


class Graph:
    """A graph that grows by one step of a random choice; `floats` and `quantized` are the tensors so far."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.stored: list[onnx.TensorProto] = []
        self.floats: list[str] = ["x", "x2"]
        # Of each quantised tensor its type, scale and zero point.
        self.quantized: list[tuple[str, int, str, str]] = []
        self.count = itertools.count()
        for name, value in (("axes", [0]), ("shape", [N, N]), ("ids", list(range(N)))):
            self.stored.append(helper.make_tensor(name, T.INT64, [len(value)], value))
        self.stored.append(helper.make_tensor("lone", T.FLOAT, [], [0.5]))
        for at, kind in enumerate(TYPES):
            self.stored.append(helper.make_tensor(f"s{at}", T.FLOAT, [], [0.1]))
            self.stored.append(helper.make_tensor(f"z{at}", kind, [], [0]))
            self.stored.append(helper.make_tensor(f"wide{at}", T.FLOAT, [N, 2], [0.1] * (2 * N)))

    def add(self, kind: str, inputs: list[str], outputs: int = 1, **attributes: object) -> str:
        names = [f"t{next(self.count)}" for _ in range(outputs)]
        domain = "com.microsoft" if kind == "FusedMatMul" else ""
        self.nodes.append(helper.make_node(kind, inputs, names, domain=domain, **attributes))
        return names[0]

    def some(self, at: int) -> str:
        # The newest tensors are taken most often, so that chains grow.
        return self.floats[-1 - at % min(3, len(self.floats))] if at % 2 else self.floats[at % len(self.floats)]

    def step(self, what: str, a: int, b: int) -> None:
        x, y = self.some(a), self.some(b)
        at = b % len(TYPES)
        match what:
            case "weight" | "input":
                name = f"q{next(self.count)}"
                if what == "weight":
                    size = N * N * helper.tensor_dtype_to_np_dtype(TYPES[at]).itemsize
                    if TYPES[at] in (T.INT4, T.UINT4, T.FLOAT4E2M1):
                        size = N * N // 2
                    self.stored.append(helper.make_tensor(name, TYPES[at], [N, N], bytes(size), raw=True))
                else:
                    self.inputs.append(helper.make_tensor_value_info(name, TYPES[at], [N, N]))
                self.quantized.append((name, at, f"s{at}", f"z{at}"))
                self.dequantize(self.quantized[-1], a)
            case "quantize":
                name = self.add("QuantizeLinear", [x, f"s{at}", f"z{at}"])
                self.quantized.append((name, at, f"s{at}", f"z{at}"))
            case "dequantize":
                if self.quantized:
                    self.dequantize(self.quantized[a % len(self.quantized)], b)
            case _:
                self.floats.append(STEPS[what](self, x, y))

    inputs: list[onnx.ValueInfoProto]

    def dequantize(self, tensor: tuple[str, int, str, str], a: int) -> None:
        name, at, scale, zero = tensor
        if a % 4 == 0:
            self.floats.append(self.add("DequantizeLinear", [name, f"wide{at}"], axis=1, block_size=4))
        elif a % 4 == 1 and self.quantized:
            # Scales that are quantised themselves.
            inner = f"q{next(self.count)}"
            self.stored.append(helper.make_tensor(inner, T.INT8, [N, 2], bytes(2 * N), raw=True))
            scales = self.add("DequantizeLinear", [inner, "s0"])
            self.floats.append(self.add("DequantizeLinear", [name, scales], axis=1, block_size=4))
        else:
            self.floats.append(self.add("DequantizeLinear", [name, scale, zero]))

    def body(self, kind: str, x: str, y: str) -> str:
        """A product of two captured tensors in a branch, or in a loop of three trips."""
        name, out = f"t{next(self.count)}", f"t{next(self.count)}"
        product = helper.make_node("MatMul", [x, y], [out])
        made = helper.make_tensor_value_info(out, T.FLOAT, [N, N])
        if kind == "If":
            graph = helper.make_graph([product], "b", [], [made])
            other = helper.make_graph([helper.make_node("Identity", [x], [f"{out}e"])], "e", [],
                                      [helper.make_tensor_value_info(f"{out}e", T.FLOAT, [N, N])])  # fmt: skip
            self.nodes.append(helper.make_node("If", ["flag"], [name], then_branch=graph, else_branch=other))
            return name
        infos = [helper.make_tensor_value_info(f"{out}{end}", kind, shape)
                 for end, kind, shape in (("i", T.INT64, []), ("c", T.BOOL, []), ("h", T.FLOAT, [N, N]))]  # fmt: skip
        carried = helper.make_node("Add", [out, f"{out}h"], [f"{out}r"])
        go_on = helper.make_node("Identity", [f"{out}c"], [f"{out}d"])
        ends = [
            helper.make_tensor_value_info(f"{out}d", T.BOOL, []),
            helper.make_tensor_value_info(f"{out}r", T.FLOAT, [N, N]),
        ]
        graph = helper.make_graph([product, carried, go_on], "b", infos, ends)
        self.nodes.append(helper.make_node("Loop", ["trips", "yes", "x"], [name], body=graph))
        return name


STEPS: dict[str, Callable[[Graph, str, str], str]] = {
    "transpose": lambda g, x, y: g.add("Transpose", [x], perm=[1, 0]),
    "reshape": lambda g, x, y: g.add("Reshape", [x, "shape"]),
    "squeeze": lambda g, x, y: g.add("Squeeze", [g.add("Unsqueeze", [x, "axes"]), "axes"]),
    "halves": lambda g, x, y: g.halves(x),  # type: ignore[attr-defined]
    "gather": lambda g, x, y: g.add("Gather", [x, "ids"]),
    "pick": lambda g, x, y: g.add("Gather", [x, "asked"]),
    "concat": lambda g, x, y: g.add("Slice", [g.add("Concat", [x, y], axis=0), "first", "last", "axes"]),
    "cast": lambda g, x, y: g.add("Cast", [g.add("Cast", [x], to=T.FLOAT16)], to=T.FLOAT),
    "scale": lambda g, x, y: g.add("Mul", ["lone", x]),
    "divide": lambda g, x, y: g.add("Div", [x, "lone"]),
    "identity": lambda g, x, y: g.add("Identity", [x]),
    "relu": lambda g, x, y: g.add("Relu", [x]),
    "add": lambda g, x, y: g.add("Add", [x, y]),
    "multiply": lambda g, x, y: g.add("Mul", [x, y]),
    "softmax": lambda g, x, y: g.add("Softmax", [x]),
    "matmul": lambda g, x, y: g.add("MatMul", [x, y]),
    "gemm": lambda g, x, y: g.add("Gemm", [x, y], transB=1),
    "fused": lambda g, x, y: g.add("FusedMatMul", [x, y], transB=1),
    "einsum": lambda g, x, y: g.add("Einsum", [x, y], equation="ij,kj->ik"),
    "branch": lambda g, x, y: g.body("If", x, y),
    "loop": lambda g, x, y: g.body("Loop", x, y),
}


def _halves(graph: Graph, x: str) -> str:
    first = graph.add("Split", [x], outputs=2, axis=0, num_outputs=2)
    second = graph.nodes[-1].output[1]
    return graph.add("Concat", [second, first], axis=0)


Graph.halves = _halves  # type: ignore[attr-defined]


def model_of(steps: list[tuple[str, int, int]], ends: int) -> onnx.ModelProto:
    graph = Graph()
    graph.inputs = [helper.make_tensor_value_info(name, T.FLOAT, [N, N]) for name in ("x", "x2")]
    graph.inputs += [
        helper.make_tensor_value_info("asked", T.INT64, [N]),
        helper.make_tensor_value_info("flag", T.BOOL, []),
    ]
    for name, kind, shape, value in (
        ("first", T.INT64, [1], [0]),
        ("last", T.INT64, [1], [N]),
        ("trips", T.INT64, [], [3]),
        ("yes", T.BOOL, [], [True]),
    ):
        graph.stored.append(helper.make_tensor(name, kind, shape, value))
    for step in steps:
        graph.step(*step)
    made = [name for node in graph.nodes for name in node.output]
    bodies = [attribute.g for node in graph.nodes for attribute in node.attribute if attribute.HasField("g")]
    read = {name for node in (*graph.nodes, *(node for body in bodies for node in body.node)) for name in node.input}
    outputs = [name for at, name in enumerate(made) if name not in read or (ends >> (at % 16)) % 16 == 0]
    infos = [onnx.ValueInfoProto(name=name) for name in outputs]
    proto = helper.make_graph(graph.nodes, "g", graph.inputs, infos, graph.stored)
    opsets = [helper.make_opsetid("", 23), helper.make_opsetid("com.microsoft", 1)]
    return helper.make_model(proto, opset_imports=opsets, ir_version=11)


STEP = st.tuples(
    st.sampled_from(
        (*STEPS, "weight", "weight", "weight", "input", "quantize", "quantize", "dequantize", "dequantize")
    ),
    st.integers(0, 63),
    st.integers(0, 63),
)


@settings(max_examples=500, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(STEP, min_size=3, max_size=24), st.integers(0, 2**20 - 1))
def test_random_quantised_graphs(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, int, int]], ends: int
) -> None:
    path = tmp_path_factory.getbasetemp() / "random.onnx"
    proto = model_of(steps, ends)
    path.write_bytes(proto.SerializeToString())
    assert_quantized_laws(shaped(path))


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_samples(path: Path) -> None:
    assert_quantized_laws(shaped(path))


def test_the_node_cases_of_onnx(tmp_path: Path) -> None:
    path, seen = tmp_path / "case.onnx", 0
    with warnings.catch_warnings():
        # Arrays of the package's own making overflow.
        warnings.simplefilter("ignore")
        cases = collect_testcases(None)
    for case in cases:
        if case.model is None:
            continue
        path.write_bytes(case.model.SerializeToString())
        try:
            model = shaped(path)
        except RooflineError:
            continue
        seen += 1
        assert_quantized_laws(model)
    assert seen > 1000
