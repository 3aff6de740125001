"""Ops with senseless or enormous sizes: each is answered exactly, as unknown, or refused in a sentence, and at once."""

import resource
import string
import time
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnx_roofline.passes.shape_inference import ShapeInference

from onnx_roofline.base.errors import ShapeError
from onnx_roofline.ir.pipeline import Pipeline
from onnx_roofline.ir.records import TypedOp
from onnx_roofline.load import load

# Wall-clock seconds and bytes of memory that one op may take; the slowest answer here takes some milliseconds.
SECONDS, BYTES = 1.0, 64 * 2**20
INT64_MAX = 2**63 - 1

Shape = tuple[int, ...]
Values = list[int] | list[float] | int | float


def outputs_of(
    folder: Path,
    op_type: str,
    *inputs: Shape | Values,
    outputs: int = 1,
    dtype: int = TensorProto.FLOAT,
    version: int = 24,
    **attributes: object,
) -> str:
    """Types of the outputs as text. An input is a shape (tuple) or the values of an initializer (list or number)."""
    names = [f"x{i}" for i in range(len(inputs))]
    fed, stored = [], []
    for name, item in zip(names, inputs, strict=True):
        if isinstance(item, tuple):
            fed.append(helper.make_tensor_value_info(name, dtype, item))
        else:
            array = np.array(item)
            array = array.astype(np.float32) if array.dtype.kind == "f" else array.astype(np.int64)
            stored.append(numpy_helper.from_array(array, name))
    made = [f"y{i}" for i in range(outputs)]
    node = helper.make_node(op_type, names, made, **attributes)
    graph = helper.make_graph([node], "g", fed, [onnx.ValueInfoProto(name=name) for name in made], stored)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", version)])
    path = folder / "m.onnx"
    path.write_bytes(model.SerializeToString())
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    started = time.process_time()
    try:
        rows = Pipeline((ShapeInference(),)).run(load(path)).column(TypedOp)
        (row,) = rows.values()
        return " ".join(map(str, row.outputs))
    finally:
        assert time.process_time() - started < SECONDS
        assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - memory < BYTES // 1024


HUGE = 2**62
REFUSED = "node 0:"
CASES = [
    # (op, inputs, keywords, the answer or a part of the refusal; REFUSED where the library words it)
    ("Range", (0, HUGE, 1), {}, f"int64[{HUGE}]"),
    ("Range", (-(2**63), INT64_MAX, 1), {}, f"int64[{2**64 - 1}]"),
    ("Range", (0.0, 3e38, 1e-38), {}, "float32["),
    ("Range", (0.0, float("inf"), 1.0), {}, "wanted finite numbers"),
    ("Range", (0, 9, 0), {}, "found delta 0"),
    ("Range", ([0, 1], 9, 1), {}, "wanted one"),
    ("ConstantOfShape", ([HUGE, HUGE],), {}, f"float32[{HUGE}, {HUGE}]"),
    ("ConstantOfShape", ([-5],), {}, "non-negative"),
    ("ConstantOfShape", ([2] * 1000,), {}, "rank 1000"),
    ("Reshape", ((2, 3), [2] * 1000), {}, "1000"),
    ("Reshape", ((HUGE, 4), [-1]), {}, f"float32[{2**64}]"),
    ("Reshape", ((6,), [-2, 3]), {}, REFUSED),
    ("Reshape", ((6,), [-1, -1]), {}, REFUSED),
    ("Flatten", ((HUGE, HUGE, HUGE),), {"axis": 2}, f"float32[{HUGE * HUGE}, {HUGE}]"),
    ("Concat", ((HUGE,), (HUGE,)), {"axis": 0}, f"float32[{2**63}]"),
    ("Concat", ((3,), (3,)), {"axis": 2**40}, "axis 1099511627776"),
    ("Tile", ((HUGE,), [HUGE]), {}, "float32[?]"),
    ("Tile", ((3,), [-1]), {}, REFUSED),
    ("Expand", ((1,), [HUGE] * 60), {}, "float32[" + ", ".join([str(HUGE)] * 60) + "]"),
    ("Pad", ((3,), [HUGE, HUGE]), {}, "float32[?]"),
    ("Pad", ((3,), [-5, -5]), {}, "wanted dims of 0 or more"),
    ("Split", ((6,),), {"num_outputs": 2**40, "outputs": 2}, "num_outputs"),
    ("Split", ((6,), [2**40] * 2), {"outputs": 2}, REFUSED),
    ("Einsum", ((3, 3),), {"equation": "ab->" + "a" * 500}, REFUSED),
    ("Einsum", ((3,) * 52,), {"equation": string.ascii_letters + "->"}, "float32[]"),
    ("Transpose", ((2, 3),), {"perm": [0, 2**40]}, REFUSED),
    ("Unsqueeze", ((2,), [2**40]), {}, REFUSED),
    ("Unsqueeze", ((2,), [0] * 900), {}, REFUSED),
    ("Squeeze", ((2, 1), [2**40]), {}, REFUSED),
    ("OneHot", ((2,), HUGE, [0, 1]), {"dtype": TensorProto.INT64}, f"int64[2, {HUGE}]"),
    ("OneHot", ((2,), -3, [0, 1]), {"dtype": TensorProto.INT64}, REFUSED),
    ("TopK", ((5,), [HUGE]), {"outputs": 2}, REFUSED),
    ("TopK", ((5,), [-1]), {"outputs": 2}, REFUSED),
    ("DepthToSpace", ((1, 4, HUGE, 4),), {"blocksize": 2}, "float32[1, 1, ?, 8]"),
    ("DepthToSpace", ((1, 4, 4, 4),), {"blocksize": 0}, REFUSED),
    ("Conv", ((1, 3, 8, 8), (4, 3, 3, 3)), {"strides": [0, 0]}, REFUSED),
    ("Conv", ((1, 3, 8, 8), (4, 3, 3, 3)), {"pads": [HUGE] * 4}, REFUSED),
    ("Conv", ((1, 3, 8, 8), (4, 3, 3, 3)), {"kernel_shape": [3] * 10_000}, REFUSED),
    ("Conv", ((1, 3, 8, 8), (4, 3, 3, 3)), {"group": 0}, "group 0"),
    ("Conv", ((1, 3, 8, 8), (4, 3, 3, 3)), {"group": 2**32}, "group 4294967296"),
    ("Conv", ((1, 3, 8, 8), (4, 2, 3, 3)), {}, "3 input channels"),
    ("ConvTranspose", ((1, 3, 8, 8), (4, 3, 3, 3)), {}, "3 input channels"),
    ("MaxPool", ((1, 3, 8, 8),), {"kernel_shape": [2**40, 2**40]}, REFUSED),
    ("ConvTranspose", ((1, 3, 8, 8), (3, 4, 3, 3)), {"strides": [HUGE, HUGE]}, REFUSED),
    ("Resize", ((1, 3, 8, 8), [], [1.0, 1.0, 3e38, 3e38]), {}, "float32["),
    ("Resize", ((1, 3, 8, 8), [], [1.0, 1.0, -1.0, float("nan")]), {}, REFUSED),
    ("Slice", ((5,), [0], [INT64_MAX], [0], [0]), {}, REFUSED),
    ("Slice", ((5,), [-(2**63)], [INT64_MAX], [0], [-(2**63)]), {}, "float32["),
    ("Gather", ((2, 3), [0]), {"axis": 2**40}, "axis 1099511627776"),
    ("Col2Im", ((1, 5, 5), [HUGE, HUGE], [1, 5]), {}, "float32["),
    ("CenterCropPad", ((5, 5), [HUGE, -1]), {}, REFUSED),
    ("DFT", ((1, 8, 1), HUGE), {}, "float32[1, "),
    ("STFT", ((1, 8, 1), 0, (4,)), {}, REFUSED),
    ("HannWindow", (HUGE,), {}, f"float32[{HUGE}]"),
    ("MelWeightMatrix", (HUGE, HUGE, 8000, 0.0, 4000.0), {}, "float32["),
    ("AffineGrid", ((1, 2, 3), [1, 3, HUGE, HUGE]), {}, "float32[1, "),
    ("EyeLike", ((HUGE, HUGE),), {}, f"float32[{HUGE}, {HUGE}]"),
    ("SplitToSequence", ((6,), 0), {}, REFUSED),
    ("SplitToSequence", ((HUGE,), 1), {}, "sequence(float32[1])"),
    ("NonMaxSuppression", ((1, 5, 4), (1, 2, 5), [-3]), {}, "int64[0, 3]"),
    ("NonMaxSuppression", ((1, 5), (1, 2, 5), [3]), {}, "int64[128, 3]"),  # assumed
    ("Shape", ((2, 3),), {"start": -(2**63), "end": INT64_MAX}, "int64[2]"),
    ("GridSample", ((1, 1, 4, 4), (1, HUGE, HUGE, 2)), {}, f"float32[1, 1, {HUGE}, {HUGE}]"),
    ("RandomNormal", (), {"shape": [HUGE, -1]}, REFUSED),
    ("ReduceSum", ((2, 3), [7]), {}, REFUSED),
    ("MatMul", ((HUGE, HUGE), (HUGE, HUGE)), {}, f"float32[{HUGE}, {HUGE}]"),
]


@pytest.mark.parametrize(("op_type", "inputs", "keywords", "wanted"), CASES)
def test_a_hostile_op_is_answered_at_once(
    op_type: str, inputs: tuple[Shape | Values, ...], keywords: dict[str, object], wanted: str, tmp_path: Path
) -> None:
    try:
        answer = outputs_of(tmp_path, op_type, *inputs, **keywords)
    except ShapeError as error:
        answer = str(error)
        assert f"node 0:{op_type}" in answer
        assert "\n" not in answer
    assert wanted in answer


OLD = [
    ("Gemm", ((2, 3), (3, 4), (4,)), {"version": 1, "broadcast": 1}, "float32[2, 4]"),
    ("Reshape", ((2, 3, 4),), {"version": 1, "shape": [0, -1]}, "float32[2, 12]"),
    ("Pad", ((2, 3),), {"version": 1, "paddings": [0, 1, 0, 1]}, "float32[2, 5]"),
    ("Split", ((6, 2),), {"version": 1, "outputs": 2, "split": [2, 4]}, "float32[2, 2] float32[4, 2]"),
    ("Upsample", ((1, 2, 3, 4),), {"version": 1, "height_scale": 2.0, "width_scale": 3.0}, "float32[1, 2, 6, 12]"),
    ("BatchNormalization", ((1, 3, 4), (3,), (3,), (3,), (3,)), {"version": 1, "consumed_inputs": [0, 0, 0, 1, 1]},
     "float32[1, 3, 4]"),
    ("BatchNormalization", ((1, 3, 4), (3,), (3,), (3,), (3,)), {"version": 6, "outputs": 5},
     "float32[1, 3, 4] float32[3] float32[3] float32[3] float32[3]"),
    ("GlobalLpPool", ((1, 3, 8, 8),), {"version": 1}, "float32[1, 3, 1, 1]"),
    ("LpPool", ((1, 3, 8, 9),), {"version": 1, "kernel_shape": [2, 2], "strides": [2, 2]}, "float32[1, 3, 4, 4]"),
    ("LpPool", ((1, 3, 8, 9),), {"version": 1, "kernel_shape": [2, 2], "strides": [2, 2], "auto_pad": "SAME_UPPER"},
     "float32[1, 3, 4, 5]"),
    ("Cast", ((1, 3),), {"version": 1, "to": "INT64"}, "int64[1, 3]"),
    ("RNN", ((5, 2, 3), (1, 4, 3), (1, 4, 4)), {"version": 1, "outputs": 2}, "float32[5, 1, 2, 4] float32[1, 2, 4]"),
    ("LSTM", ((5, 2, 3), (2, 16, 3), (2, 16, 4)), {"version": 7, "outputs": 3, "direction": "bidirectional"},
     "float32[5, 2, 2, 4] float32[2, 2, 4] float32[2, 2, 4]"),
    ("Dropout", ((2, 3),), {"version": 7, "outputs": 2}, "float32[2, 3] float32[2, 3]"),
    ("Dropout", ((2, 3),), {"version": 10, "outputs": 2}, "float32[2, 3] bool[2, 3]"),
    ("ThresholdedRelu", ((1, 3),), {"version": 1}, "float32[1, 3]"),
]  # fmt: skip


@pytest.mark.parametrize(("op_type", "inputs", "keywords", "wanted"), OLD)
def test_old_versions_are_inferred(
    op_type: str, inputs: tuple[Shape | Values, ...], keywords: dict[str, object], wanted: str, tmp_path: Path
) -> None:
    assert outputs_of(tmp_path, op_type, *inputs, **keywords) == wanted
