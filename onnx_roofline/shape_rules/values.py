"""Values of small tensors, which shapes depend on: integer arithmetic on Shape, Gather, Concat and the like.

The common ops are a line of numpy each; the others fall back to the onnx reference implementation, imported only then.
"""

import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from onnx_roofline.graph import Op, StoredTensor, TensorType
from onnx_roofline.units import product

if TYPE_CHECKING:
    from onnx_roofline.graph import Array

Evaluator = Callable[[Mapping[str, Any], "Sequence[Any]"], Any]

_TABLE: dict[str, Evaluator] = {}
# Ops whose result is not a function of their operands.
RANDOM_OPS = frozenset(
    {"RandomNormal", "RandomUniform", "RandomNormalLike", "RandomUniformLike", "Multinomial", "Bernoulli"}
)
# Ops that the reference implementation is not asked for: it would take long, or give nothing that shapes depend on.
_NOT_FOLLOWED = RANDOM_OPS | {"Conv", "ConvTranspose", "LSTM", "GRU", "RNN", "Attention", "DequantizeLinear", "Loop",
                              "Scan", "If", "SequenceMap", "StringNormalizer", "TfIdfVectorizer", "ImageDecoder",
                              "RegexFullMatch", "StringSplit", "StringConcat"}  # fmt: skip


def evaluate(
    op: Op,
    inputs: tuple[TensorType | None, ...],
    values: tuple["Array | None", ...],
    outputs: tuple[TensorType, ...],
    limit: int,
) -> tuple["Array | None", ...]:
    """Values of the outputs, None where they are unknown or have more than `limit` elements.

    Shape and Size need only the shapes of their inputs; every other op needs all its inputs.
    """
    import numpy as np

    none = (None,) * len(outputs)
    if op.domain:
        return none
    if op.op_type in ("Shape", "Size"):
        return (_shape_or_size(op, inputs[0]), *none[1:])
    if op.op_type in _NOT_FOLLOWED or any(kind.container != "tensor" for kind in outputs):
        return none
    if any(value is None for name, value in zip(op.inputs, values, strict=True) if name):
        return none
    if any((kind.elements or 0) > limit or not kind.is_known for kind in outputs):
        return none
    evaluator = _TABLE.get(op.op_type)
    # A reference inside a function body whose call gave no value.
    if any(not isinstance(value, int | float | str | tuple | StoredTensor) for value in op.attributes.values()):
        return none
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            if evaluator is not None:
                attributes = {**op.attributes, "_version": op.version}
                result = evaluator(attributes, values)
                results = result if isinstance(result, tuple) else (result,)
            else:
                results = _by_reference(op, values)
    except Exception:  # noqa: BLE001  a value that can't be computed is unknown; the types are known all the same
        return none
    return tuple(_checked(result, kind) for result, kind in zip((*results, *none), outputs, strict=False))


def _checked(result: Any, kind: TensorType) -> "Array | None":
    """The result as an array of the inferred shape; anything else is unknown."""
    import numpy as np

    if result is None:
        return None
    array = np.asarray(result)
    return array if array.shape == kind.shape else None


def _shape_or_size(op: Op, kind: TensorType | None) -> "Array | None":
    import numpy as np

    if kind is None or kind.container != "tensor" or not kind.is_known or not kind.exact:
        return None
    if op.op_type == "Size":
        return np.asarray(product(kind.dims), np.int64)
    start, end = op.attributes.get("start", 0), op.attributes.get("end", len(kind.dims))
    if not isinstance(start, int) or not isinstance(end, int):
        return None
    return np.asarray(kind.dims[slice(start, end)], np.int64)


def _by_reference(op: Op, values: "Sequence[Array | None]") -> tuple[Any, ...]:
    from onnx.reference import ReferenceEvaluator

    evaluator = ReferenceEvaluator(op.proto, opsets={op.domain: op.version})
    feeds = {name: value for name, value in zip(op.inputs, values, strict=True) if name}
    return tuple(evaluator.run(None, feeds))


def _numpy_type(number: int) -> Any:
    from onnx import helper

    return helper.tensor_dtype_to_np_dtype(number)


def _evaluator(*op_types: str) -> Callable[[Evaluator], Evaluator]:
    def register(function: Evaluator) -> Evaluator:
        for op_type in op_types:
            _TABLE[op_type] = function
        return function

    return register


def _binary(name: str) -> Evaluator:
    def apply(attributes: Mapping[str, Any], values: Sequence[Any]) -> Any:
        import numpy as np

        return getattr(np, name)(values[0], values[1])

    return apply


def _unary(name: str) -> Evaluator:
    def apply(attributes: Mapping[str, Any], values: Sequence[Any]) -> Any:
        import numpy as np

        return getattr(np, name)(values[0]).astype(values[0].dtype)

    return apply


for _op_type, _name in {"Add": "add", "Sub": "subtract", "Mul": "multiply", "Equal": "equal", "Greater": "greater",
                        "Less": "less", "GreaterOrEqual": "greater_equal", "LessOrEqual": "less_equal",
                        "And": "logical_and", "Or": "logical_or", "Xor": "logical_xor"}.items():  # fmt: skip
    _TABLE[_op_type] = _binary(_name)
for _op_type, _name in {"Neg": "negative", "Abs": "abs", "Floor": "floor", "Ceil": "ceil", "Sqrt": "sqrt",
                        "Exp": "exp", "Log": "log", "Sin": "sin", "Cos": "cos", "Sign": "sign",
                        "Reciprocal": "reciprocal", "Round": "rint", "Tanh": "tanh"}.items():  # fmt: skip
    _TABLE[_op_type] = _unary(_name)


@_evaluator("Not")
def _not(attributes: Mapping[str, Any], values: Sequence[Any]) -> Any:
    import numpy as np

    return np.logical_not(values[0])


@_evaluator("Div")
def _div(attributes: Mapping[str, Any], values: Sequence[Any]) -> Any:
    """Integer division truncates towards zero."""
    import numpy as np

    a, b = values
    if a.dtype.kind not in "iu":
        return (a / b).astype(a.dtype)
    quotient = np.abs(a) // np.abs(b)
    return (np.sign(a) * np.sign(b) * quotient).astype(a.dtype) if a.dtype.kind == "i" else a // b


@_evaluator("Mod")
def _mod(attributes: Mapping[str, Any], values: Sequence[Any]) -> Any:
    import numpy as np

    return np.fmod(*values) if attributes.get("fmod", 0) else np.mod(*values)


@_evaluator("Pow")
def _pow(attributes: Mapping[str, Any], values: Sequence[Any]) -> Any:
    import numpy as np

    return np.power(values[0], values[1]).astype(values[0].dtype)


@_evaluator("Min")
def _min(attributes: Mapping[str, Any], values: Sequence[Any]) -> Any:
    import numpy as np

    result = values[0]
    for value in values[1:]:
        result = np.minimum(result, value)
    return result


@_evaluator("Max")
def _max(attributes: Mapping[str, Any], values: Sequence[Any]) -> Any:
    import numpy as np

    result = values[0]
    for value in values[1:]:
        result = np.maximum(result, value)
    return result


@_evaluator("Identity")
def _identity(attributes: Mapping[str, Any], values: Sequence[Any]) -> Any:
    return values[0]


@_evaluator("Cast")
def _cast(attributes: Mapping[str, Any], values: Sequence[Any]) -> Any:
    return values[0].astype(_numpy_type(attributes["to"]))


@_evaluator("Concat")
def _concat(attributes: Mapping[str, Any], values: Sequence[Any]) -> Any:
    import numpy as np

    return np.concatenate(values, axis=attributes.get("axis", 1))


@_evaluator("Gather")
def _gather(attributes: Mapping[str, Any], values: Sequence[Any]) -> Any:
    import numpy as np

    return np.take(values[0], values[1], axis=attributes.get("axis", 0))


@_evaluator("Reshape")
def _reshape(attributes: Mapping[str, Any], values: Sequence[Any]) -> Any:
    shape = values[1].tolist() if len(values) > 1 else list(attributes["shape"])
    if not attributes.get("allowzero", 0):
        shape = [values[0].shape[i] if size == 0 else size for i, size in enumerate(shape)]
    return values[0].reshape(shape)


def _axes(attributes: Mapping[str, Any], values: Sequence[Any]) -> tuple[int, ...] | None:
    if len(values) > 1 and values[1] is not None:
        return tuple(values[1].reshape(-1).tolist())
    return tuple(attributes["axes"]) if "axes" in attributes else None


@_evaluator("Squeeze")
def _squeeze(attributes: Mapping[str, Any], values: Sequence[Any]) -> Any:
    import numpy as np

    return np.squeeze(values[0], axis=_axes(attributes, values))


@_evaluator("Unsqueeze")
def _unsqueeze(attributes: Mapping[str, Any], values: Sequence[Any]) -> Any:
    import numpy as np

    return np.expand_dims(values[0], axis=_axes(attributes, values) or ())


@_evaluator("Transpose")
def _transpose(attributes: Mapping[str, Any], values: Sequence[Any]) -> Any:
    return values[0].transpose(attributes.get("perm"))


@_evaluator("Expand")
def _expand(attributes: Mapping[str, Any], values: Sequence[Any]) -> Any:
    import numpy as np

    return values[0] * np.ones(values[1].tolist(), values[0].dtype) if values[0].dtype != bool else (
        np.broadcast_to(values[0], np.broadcast_shapes(values[0].shape, tuple(values[1].tolist()))))  # fmt: skip


@_evaluator("Where")
def _where(attributes: Mapping[str, Any], values: Sequence[Any]) -> Any:
    import numpy as np

    return np.where(*values)


@_evaluator("ConstantOfShape")
def _constant_of_shape(attributes: Mapping[str, Any], values: Sequence[Any]) -> Any:
    import numpy as np

    value = attributes.get("value")
    if value is None:
        return np.zeros(values[0].tolist(), np.float32)
    return None if value.value is None else np.full(values[0].tolist(), value.value.reshape(-1)[0])


@_evaluator("Range")
def _range(attributes: Mapping[str, Any], values: Sequence[Any]) -> Any:
    import numpy as np

    start, limit, delta = (value.reshape(-1)[0] for value in values)
    return np.arange(start, limit, delta, dtype=values[0].dtype)


@_evaluator("Slice")
def _slice(attributes: Mapping[str, Any], values: Sequence[Any]) -> Any:
    data = values[0]
    if "starts" in attributes:
        starts, ends = attributes["starts"], attributes["ends"]
        axes, steps = attributes.get("axes"), None
    else:
        starts, ends = values[1].tolist(), values[2].tolist()
        axes = values[3].tolist() if len(values) > 3 and values[3] is not None else None
        steps = values[4].tolist() if len(values) > 4 and values[4] is not None else None
    axes = axes if axes is not None else range(len(starts))
    steps = steps if steps is not None else [1] * len(starts)
    index: list[slice] = [slice(None)] * data.ndim
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        # An end below -size means "to the very beginning" when walking backwards.
        stop = None if step < 0 and end < -data.shape[axis] else end
        index[axis] = slice(start, stop, step)
    return data[tuple(index)]


def _reduction(name: str) -> Evaluator:
    def apply(attributes: Mapping[str, Any], values: Sequence[Any]) -> Any:
        import numpy as np

        axes = _axes(attributes, values)
        if axes is None and attributes.get("noop_with_empty_axes", 0):
            return values[0]
        keep = bool(attributes.get("keepdims", 1))
        return getattr(np, name)(values[0], axis=axes, keepdims=keep).astype(values[0].dtype)

    return apply


for _op_type, _name in {"ReduceProd": "prod", "ReduceSum": "sum", "ReduceMax": "max", "ReduceMin": "min"}.items():
    _TABLE[_op_type] = _reduction(_name)
