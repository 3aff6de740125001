"""Values of small tensors, which shapes depend on: integer arithmetic on Shape, Gather, Concat and the like.

The common ops are a line of numpy each; the others fall back to the onnx reference implementation, imported only then.
"""

import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from onnx_roofline.base.units import dtype_number, product
from onnx_roofline.inference.onnx_library import node_of
from onnx_roofline.ir.graph import Op, StoredTensor, TensorType

if TYPE_CHECKING:
    from onnx_roofline.ir.graph import Array

Evaluator = Callable[[Mapping[str, Any], "Sequence[Any]"], Any]

_TABLE: dict[str, Evaluator] = {}
INT64_MAX = 2**63 - 1
# Ops whose result is not a function of their operands.
RANDOM_OPS = frozenset(
    {"RandomNormal", "RandomUniform", "RandomNormalLike", "RandomUniformLike", "Multinomial", "Bernoulli"}
)
# Ops that look at the type of their operand alone.
SHAPE_OPS = frozenset({"Shape", "Size", "SequenceLength"})
# Ops that the reference implementation is asked for, where the values are integers or few: what shape computations use.
# Not the others: their time or memory does not follow from the sizes of their operands, or nothing depends on them.
_BY_REFERENCE = frozenset(
    {"ArgMax", "ArgMin", "BitShift", "BitwiseAnd", "BitwiseNot", "BitwiseOr", "BitwiseXor", "CastLike", "Clip",
     "Compress", "CumSum", "EyeLike", "Flatten", "GatherElements", "GatherND", "Hardmax", "IsInf", "IsNaN", "MatMul",
     "Mean", "NonZero", "OneHot", "Pad", "ReduceL1", "ReduceMean", "ReduceSumSquare", "Relu", "ReverseSequence",
     "ScatterElements", "ScatterND", "Split", "Sum", "Tile", "TopK", "Trilu", "Unique"}
)  # fmt: skip
# Casts to these are the same bits everywhere; narrower floats round in ways that runtimes disagree on.
_CAST_TO = frozenset({1, 2, 3, 4, 5, 6, 7, 9, 11, 12, 13})


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
    if op.op_type in SHAPE_OPS:
        return (_shape_or_size(op, inputs[0]), *none[1:])
    evaluator = _TABLE.get(op.op_type)
    if evaluator is None and op.op_type not in _BY_REFERENCE:
        return none
    if any(kind.container != "tensor" for kind in outputs):
        return none
    if any(value is None for name, value in zip(op.inputs, values, strict=True) if name):
        return none
    if any((kind.elements or 0) > limit or not kind.is_known for kind in outputs):
        return none
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
    except Exception:
        return none
    return tuple(_checked(result, kind) for result, kind in zip((*results, *none), outputs, strict=False))


def _checked(result: Any, kind: TensorType) -> "Array | None":
    """The result as an array of the inferred shape; anything else is unknown."""
    import numpy as np

    if result is None:
        return None
    array = np.asarray(result)
    is_right = array.shape == kind.shape and array.dtype == _numpy_type(dtype_number(kind.dtype))
    return array if is_right else None


def _shape_or_size(op: Op, kind: TensorType | None) -> "Array | None":
    import numpy as np

    if kind is None:
        return None
    if op.op_type == "SequenceLength":
        return None if kind.container != "sequence" or kind.length is None else np.asarray(kind.length, np.int64)
    if kind.container != "tensor" or not kind.is_known or not kind.exact:
        return None
    if op.op_type == "Size":
        size = product(kind.dims)
        return np.asarray(size, np.int64) if size <= INT64_MAX else None
    start, end = op.attributes.get("start", 0), op.attributes.get("end", len(kind.dims))
    if not isinstance(start, int) or not isinstance(end, int) or any(dim > INT64_MAX for dim in kind.dims):
        return None
    return np.asarray(kind.dims[slice(start, end)], np.int64)


def evaluator_of(op_type: str) -> Evaluator:
    """What computes the values of a common op from its attributes and operands; KeyError for another."""
    return _TABLE[op_type]


def _by_reference(op: Op, values: "Sequence[Array | None]") -> tuple[Any, ...]:
    from onnx.reference import ReferenceEvaluator

    evaluator = ReferenceEvaluator(node_of(op), opsets={op.domain: op.version})
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


def _fitting(result: Any, dtype: Any) -> Any:
    """Python integers as an array of `dtype`, or None if one does not fit: nothing wraps."""
    import numpy as np

    array = np.asarray(result, object)
    limits = np.iinfo(dtype)
    if array.size and not (limits.min <= array.min() and array.max() <= limits.max):
        return None
    return array.astype(dtype)


def _binary(name: str) -> Evaluator:
    def apply(_attributes: Mapping[str, Any], values: Sequence[Any]) -> Any:
        import numpy as np

        if values[0].dtype.kind in "iu" and name in ("add", "subtract", "multiply"):
            wide = getattr(np, name)(values[0].astype(object), values[1].astype(object))
            return _fitting(wide, values[0].dtype)
        return getattr(np, name)(values[0], values[1])

    return apply


def _unary(name: str) -> Evaluator:
    def apply(_attributes: Mapping[str, Any], values: Sequence[Any]) -> Any:
        import numpy as np

        if values[0].dtype.kind in "iu" and name in ("negative", "abs"):
            return _fitting(getattr(np, name)(values[0].astype(object)), values[0].dtype)
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
def _not(_attributes: Mapping[str, Any], values: Sequence[Any]) -> Any:
    import numpy as np

    return np.logical_not(values[0])


@_evaluator("Div")
def _div(_attributes: Mapping[str, Any], values: Sequence[Any]) -> Any:
    """Integer division truncates towards zero; by zero it is unknown."""
    import numpy as np

    a, b = values
    if a.dtype.kind not in "iu":
        return (a / b).astype(a.dtype)
    if not b.all():
        return None
    wide_a, wide_b = a.astype(object), b.astype(object)
    quotient = np.abs(wide_a) // np.abs(wide_b)
    return _fitting(np.where((wide_a < 0) != (wide_b < 0), -quotient, quotient), a.dtype)


@_evaluator("Mod")
def _mod(attributes: Mapping[str, Any], values: Sequence[Any]) -> Any:
    import numpy as np

    if values[1].dtype.kind in "iu" and not values[1].all():
        return None
    return np.fmod(*values) if attributes.get("fmod", 0) else np.mod(*values)


@_evaluator("Pow")
def _pow(_attributes: Mapping[str, Any], values: Sequence[Any]) -> Any:
    """The base's type; integers are exact, with exponents that cannot run away."""
    import numpy as np

    base, exponent = values
    if base.dtype.kind not in "iu":
        return np.power(base, exponent).astype(base.dtype)
    if exponent.dtype.kind not in "iu" or (exponent.size and not 0 <= exponent.min() <= exponent.max() <= 64):
        return None
    return _fitting(np.power(base.astype(object), exponent.astype(object)), base.dtype)


@_evaluator("Min")
def _min(_attributes: Mapping[str, Any], values: Sequence[Any]) -> Any:
    import numpy as np

    result = values[0]
    for value in values[1:]:
        result = np.minimum(result, value)
    return result


@_evaluator("Max")
def _max(_attributes: Mapping[str, Any], values: Sequence[Any]) -> Any:
    import numpy as np

    result = values[0]
    for value in values[1:]:
        result = np.maximum(result, value)
    return result


@_evaluator("Identity")
def _identity(_attributes: Mapping[str, Any], values: Sequence[Any]) -> Any:
    return values[0]


@_evaluator("Cast")
def _cast(attributes: Mapping[str, Any], values: Sequence[Any]) -> Any:
    """Between plain types; a float that its integer type does not hold is unknown."""
    import numpy as np

    value = values[0]
    if attributes["to"] not in _CAST_TO:
        return None
    target = np.dtype(_numpy_type(attributes["to"]))
    if value.dtype.kind not in "iub" and target.kind in "iu":
        limits = np.iinfo(target)
        if not np.isfinite(value).all() or (value.astype(np.float64) < limits.min).any():
            return None
        if (value.astype(np.float64) >= float(limits.max) + 1).any():
            return None
    return value.astype(target)


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
def _expand(_attributes: Mapping[str, Any], values: Sequence[Any]) -> Any:
    import numpy as np

    return np.broadcast_to(values[0], np.broadcast_shapes(values[0].shape, tuple(values[1].tolist())))


@_evaluator("Where")
def _where(_attributes: Mapping[str, Any], values: Sequence[Any]) -> Any:
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
def _range(_attributes: Mapping[str, Any], values: Sequence[Any]) -> Any:
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
        # Python's slices clamp as the standard does, also backwards to the very beginning.
        index[axis] = slice(start, end, step)
    return data[tuple(index)]


def _reduction(name: str) -> Evaluator:
    def apply(attributes: Mapping[str, Any], values: Sequence[Any]) -> Any:
        import numpy as np

        value, axes = values[0], _axes(attributes, values)
        if not axes:
            if attributes.get("noop_with_empty_axes", 0):
                return value
            axes = None
        keep = bool(attributes.get("keepdims", 1))
        if value.dtype.kind in "iu":
            return _fitting(getattr(np, name)(value.astype(object), axis=axes, keepdims=keep), value.dtype)
        return getattr(np, name)(value, axis=axes, keepdims=keep).astype(value.dtype)

    return apply


for _op_type, _name in {"ReduceProd": "prod", "ReduceSum": "sum", "ReduceMax": "max", "ReduceMin": "min"}.items():
    _TABLE[_op_type] = _reduction(_name)
