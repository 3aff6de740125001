"""Output types of onnxruntime's ops against what onnxruntime really gives."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from msgspec.structs import replace
from onnx import TensorProto, helper, numpy_helper
from onnx_roofline.passes.op_count import OpCount
from onnx_roofline.passes.quantization import QuantizationFolding
from onnx_roofline.passes.shape_inference import ShapeInference

from onnx_roofline.base.errors import NotModelledError
from onnx_roofline.base.units import dtype_name, dtype_number
from onnx_roofline.ir.graph import TensorType
from onnx_roofline.ir.pipeline import Pipeline
from onnx_roofline.ir.records import TypedOp, Work
from onnx_roofline.load import DimOptions, bind, parse
from onnx_roofline.ops.shape.lookup import find_shape_rule

ort = pytest.importorskip("onnxruntime")
sys.path.insert(0, str(Path(__file__).parent))

from microsoft_cases import CASES, NOT_RUN, Case  # noqa: E402
from microsoft_other_cases import CASES as OTHER_CASES  # noqa: E402
from microsoft_other_cases import NHWC, NOT_COMPARED, NOT_INFERRED  # noqa: E402


def schemas() -> set[tuple[str, str]]:
    """(domain, op) of every op that onnxruntime knows and the standard does not."""
    from onnxruntime.capi.onnxruntime_pybind11_state import get_all_operator_schema

    standard = {(schema.domain, schema.name) for schema in onnx.defs.get_all_schemas_with_history()}
    return {(schema.domain, schema.name) for schema in get_all_operator_schema()} - standard


def model_of(case: Case) -> tuple[onnx.ModelProto, dict[str, Any]]:
    """The one-node model and what it is fed."""
    names, fed, inputs, stored = [], {}, [], []
    for position, value in enumerate(case.inputs):
        name = "" if value is None else f"x{position}"
        names.append(name)
        if value is None:
            continue
        array = np.asarray(value)
        if position in case.constants:
            stored.append(numpy_helper.from_array(array, name))
            continue
        kind = TensorProto.STRING if array.dtype == object else helper.np_dtype_to_tensor_dtype(array.dtype)
        inputs.append(helper.make_tensor_value_info(name, kind, array.shape))
        fed[name] = array
    outputs = ["" if i in case.skipped else f"y{i}" for i in range(case.outputs)]
    node = helper.make_node(case.op, names, outputs, domain=case.domain, **case.attributes)
    values = [helper.make_empty_tensor_value_info(name) for name in outputs if name]
    for value, dtype in zip(values, case.types, strict=False):
        value.type.tensor_type.elem_type = dtype_number(dtype)
    graph = helper.make_graph([node], "one", inputs, values, stored)
    imports = [helper.make_opsetid("", case.opset)]
    if case.domain:
        imports.append(helper.make_opsetid(case.domain, 1))
    return helper.make_model(graph, opset_imports=imports, ir_version=10), fed


def inferred(model: onnx.ModelProto, path: Path) -> tuple[TensorType, ...]:
    """Types of the node's outputs, through the loader and the pass; the file says nothing of them."""
    bare = onnx.ModelProto()
    bare.CopyFrom(model)
    for value in bare.graph.output:
        value.ClearField("type")
    path.write_bytes(bare.SerializeToString())
    analysed = Pipeline((ShapeInference(),)).run(bind(parse(str(path)), DimOptions({}, {})))
    (row,) = analysed.column(TypedOp).values()
    return row.outputs


def real(model: onnx.ModelProto, fed: dict[str, Any]) -> list[TensorType]:
    """Types of the outputs of a run on the CPU, without any rewriting before it."""
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 4
    session = ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    types = []
    for array in session.run(None, fed):
        text = array.dtype.kind in "OUS"
        dtype = "string" if text else dtype_name(helper.np_dtype_to_tensor_dtype(array.dtype))
        types.append(TensorType(dtype, tuple(array.shape)))
    return types


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.label)
def test_types_are_those_of_a_real_run(case: Case, tmp_path: Path) -> None:
    model, fed = model_of(case)
    ours = [kind for i, kind in enumerate(inferred(model, tmp_path / "one.onnx")) if i not in case.skipped]
    bounded = [i in case.bounded for i in range(case.outputs) if i not in case.skipped]
    for kind, found, is_bound in zip(ours, real(model, fed), bounded, strict=True):
        assert kind.dtype == found.dtype, (case.label, str(kind), str(found))
        assert kind.exact is not is_bound, (case.label, str(kind), str(found))
        assert kind.shape is not None, case.label
        if not is_bound:
            assert kind.shape == found.shape, (case.label, str(kind), str(found))
            continue
        assert len(kind.shape) == len(found.dims), (case.label, str(kind), str(found))
        assert all(a is None or a >= b for a, b in zip(kind.shape, found.dims, strict=True)), (str(kind), str(found))


def test_every_op_of_onnxruntime_has_a_shape_rule() -> None:
    missing = sorted(key for key in schemas() if find_shape_rule(*key) is None)
    assert not missing


def test_every_kernel_of_the_cpu_is_run_or_says_why_not() -> None:
    from onnxruntime.capi.onnxruntime_pybind11_state import get_all_opkernel_def

    kernels = {(kernel.domain, kernel.op_name) for kernel in get_all_opkernel_def()} & schemas()
    ran = {(case.domain, case.op) for case in CASES}
    assert sorted(kernels - ran) == sorted(("com.microsoft", name) for name in NOT_RUN)


def complaint(model: onnx.ModelProto, types: list[TensorType]) -> str:
    """What onnxruntime's own inference says against these output types; "" where it agrees or has no opinion."""
    declared = onnx.ModelProto()
    declared.CopyFrom(model)
    for imported in declared.opset_import:
        imported.version = 17 if imported.domain == NHWC else imported.version
    for value, kind in zip(declared.graph.output, types, strict=True):
        value.CopyFrom(helper.make_tensor_value_info(value.name, dtype_number(kind.dtype), kind.shape))
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 4
    options.add_session_config_entry("session.strict_shape_type_inference", "1")
    try:
        ort.InferenceSession(declared.SerializeToString(), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # its own exceptions have no common base
        # Without a kernel the model is refused, after its types have been accepted; half precision is cast before that.
        accepted = ("NOT_IMPLEMENTED", "InsertedPrecisionFreeCast")
        return "" if any(word in str(error) for word in accepted) else str(error)
    return ""


@pytest.mark.parametrize("case", OTHER_CASES, ids=lambda case: case.label)
def test_types_are_those_of_its_own_inference(case: Case, tmp_path: Path) -> None:
    model, _ = model_of(case)
    ours = inferred(model, tmp_path / "one.onnx")
    kept = [i for i in range(case.outputs) if i not in case.skipped]
    assert all(ours[i].shape is not None for i in kept), [str(kind) for kind in ours]
    assert not complaint(model, [ours[i] for i in kept])
    for changed in kept:
        wrong = [replace(ours[i], shape=(*(ours[i].shape or ()), 7)) if i == changed else ours[i] for i in kept]
        has_opinion = bool(complaint(model, wrong))
        assert has_opinion is (f"{case.label}/{changed}" not in NOT_INFERRED), (case.label, changed)


def test_every_other_op_is_compared_or_says_why_not() -> None:
    from onnxruntime.capi.onnxruntime_pybind11_state import get_all_opkernel_def

    kernels = {(kernel.domain, kernel.op_name) for kernel in get_all_opkernel_def()}
    compared = {(case.domain, case.op) for case in OTHER_CASES}
    assert sorted(schemas() - kernels - compared) == sorted(NOT_COMPARED)


def optimised(model: onnx.ModelProto, path: Path) -> onnx.ModelProto:
    """The model as onnxruntime rewrites it for this machine."""
    options = ort.SessionOptions()
    options.log_severity_level = 4
    options.optimized_model_filepath = str(path)
    ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return onnx.load(path)


def network() -> tuple[onnx.ModelProto, dict[str, Any]]:
    """Convolutions with activations, a residual, pooling, then a layer norm of a sum, a product and a GELU."""
    random = np.random.default_rng(3)

    def stored(name: str, *shape: int) -> onnx.TensorProto:
        return numpy_helper.from_array(random.random(shape, np.float32), name)

    node = helper.make_node
    nodes = [
        node("Conv", ["x", "w0", "b0"], ["c0"], pads=[1, 1, 1, 1]),
        node("Relu", ["c0"], ["r0"]),
        node("MaxPool", ["r0"], ["p0"], kernel_shape=[2, 2], strides=[2, 2]),
        node("Conv", ["p0", "w1", "b1"], ["c1"], pads=[1, 1, 1, 1]),
        node("Add", ["c1", "p0"], ["s0"]),
        node("Relu", ["s0"], ["r1"]),
        node("GlobalAveragePool", ["r1"], ["g0"]),
        node("Flatten", ["g0"], ["t0"]),
        node("Unsqueeze", ["t0", "axis"], ["t1"]),
        node("Add", ["t1", "skip"], ["t2"]),
        node("LayerNormalization", ["t2", "gamma", "beta"], ["n0"]),
        node("MatMul", ["n0", "w2"], ["m0"]),
        node("Add", ["m0", "b2"], ["m1"]),
        node("Div", ["m1", "root"], ["e0"]),
        node("Erf", ["e0"], ["e1"]),
        node("Add", ["e1", "one"], ["e2"]),
        node("Mul", ["m1", "e2"], ["e3"]),
        node("Mul", ["e3", "half"], ["y"]),
    ]
    weights = [
        stored("w0", 16, 3, 3, 3), stored("b0", 16), stored("w1", 16, 16, 3, 3), stored("b1", 16), stored("gamma", 16),
        stored("beta", 16), stored("w2", 16, 24), stored("b2", 24),
        numpy_helper.from_array(np.array([1], np.int64), "axis"),
        numpy_helper.from_array(np.float32(2**0.5), "root"), numpy_helper.from_array(np.float32(1), "one"),
        numpy_helper.from_array(np.float32(0.5), "half"),
    ]  # fmt: skip
    inputs = [
        helper.make_tensor_value_info("x", TensorProto.FLOAT, [2, 3, 8, 8]),
        helper.make_tensor_value_info("skip", TensorProto.FLOAT, [2, 1, 16]),
    ]
    outputs = [helper.make_tensor_value_info("y", TensorProto.FLOAT, [2, 1, 24])]
    graph = helper.make_graph(nodes, "net", inputs, outputs, weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=10)
    fed = {"x": random.random((2, 3, 8, 8), np.float32), "skip": random.random((2, 1, 16), np.float32)}
    return model, fed


def test_an_optimised_network_has_the_types_of_its_run(tmp_path: Path) -> None:
    plain, fed = network()
    model = optimised(plain, tmp_path / "optimised.onnx")
    domains = {node.domain for node in model.graph.node}
    assert {"com.microsoft", "com.microsoft.nchwc"} <= domains, domains
    names = [name for node in model.graph.node for name in node.output if name]
    del model.graph.value_info[:], model.graph.output[:]
    model.graph.output.extend(helper.make_empty_tensor_value_info(name) for name in names)
    path = tmp_path / "all.onnx"
    path.write_bytes(model.SerializeToString())
    passes = Pipeline((ShapeInference(), QuantizationFolding(), OpCount()))
    analysed = passes.run(bind(parse(str(path)), DimOptions({}, {})))
    ours = {}
    for row in analysed.column(TypedOp).values():
        ours |= dict(zip(row.op.outputs, row.outputs, strict=True))
    for name, found in zip(names, real(model, fed), strict=True):
        assert (ours[name].dtype, ours[name].shape) == (found.dtype, found.shape), name
    assert {work.status for work in analysed.column(Work).values()} <= {"exact", "bounded"}


def test_a_compiled_graph_says_that_it_is_unknown() -> None:
    from onnx_roofline.ops.view import OpView

    rule = find_shape_rule("com.microsoft", "EPContext")
    assert rule is not None
    with pytest.raises(NotModelledError, match="compiled for one execution provider"):
        rule(OpView("EPContext", "com.microsoft", 1, (), (), {}))


def test_the_shape_rules_are_imported_only_when_one_is_asked_for() -> None:
    script = (
        "import sys; from onnx_roofline.ops.shape.lookup import find_shape_rule as find; name = "
        "'onnx_roofline.ops.shape.contrib'; find('', 'Relu'); assert name not in sys.modules; "
        "find('com.microsoft', 'Gelu'); assert name in sys.modules"
    )
    subprocess.run([sys.executable, "-c", script], check=True)
