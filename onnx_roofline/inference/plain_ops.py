"""Types and values of the outputs of ops without bodies; repeated signatures are inferred once."""

from functools import reduce
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from onnx_roofline.base.errors import ShapeError
from onnx_roofline.inference.constant_values import RANDOM_OPS, SHAPE_OPS, evaluate
from onnx_roofline.inference.onnx_library import known_attributes
from onnx_roofline.inference.output_types import assumed_types
from onnx_roofline.inference.partial_values import (
    Unsure,
    all_unsure,
    elements_of,
    is_unsure,
    partial_outputs,
    settled,
)
from onnx_roofline.inference.runs import different_runs, in_run, most_of, runs_of_output, sized_by
from onnx_roofline.inference.scope import CONSTANT, DATA, FROM_SHAPE, Known
from onnx_roofline.inference.value_bounds import bounded_outputs
from onnx_roofline.ir.graph import LongList, Op, StoredTensor, TensorType
from onnx_roofline.ops.shape.merge import merge_types
from onnx_roofline.ops.shape.targets import position_of_target

if TYPE_CHECKING:
    from onnx_roofline.ir.graph import Array

# Runs of a scope for which the shapes of an op are asked one by one.
_MOST_TYPES = 256
# Ops that turn stored weights into what is computed with at every run, since folding them would undo the compression.
_NOT_FOLDED = frozenset({"DequantizeLinear", "DynamicQuantizeLinear"})


class _Answer(Struct, frozen=True):
    """What one signature gives: types and values of the outputs, and the contradiction where an assumption made one."""

    types: tuple[TensorType, ...]
    values: "tuple[Array | None, ...]"
    misfit: ShapeError | None


class PlainOps:
    """The memo of signatures; values of more than `limit` elements are not followed."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._memo: dict[object, _Answer] = {}

    def infer(self, op: Op, inputs: tuple[Known | None, ...], token: str) -> tuple[tuple[Known, ...], bool]:
        """What the op's outputs are known to be, and whether an assumed size contradicts another operand.

        `token` begins the names of elements that the op computes. Raises ShapeError where operands or attributes
        contradict each other whatever is assumed.
        """
        if op.op_type == "Constant" and not op.domain:
            return (_constant(op),), False
        origin = _origin(op, inputs)
        answer = self._answer(op, inputs)
        bounds: tuple[Array | None, ...] = (None,) * len(answer.types)
        outputs = answer.types
        at_most = bounded_outputs(op, inputs, outputs, self._limit)
        if at_most is not None:
            outputs, bounds = at_most
        values = list(answer.values)
        partials: list[Array | None] = [None] * len(outputs)
        if any(map(_is_open, inputs)):
            found = partial_outputs(op, inputs, outputs, token)
            rests = _rests(op, inputs)
            for position, partial in enumerate(found):
                if partial is not None:
                    values[position], partials[position] = settled(partial, outputs[position].dtype)
                elif rests and (value := values[position]) is not None:
                    partials[position] = all_unsure(value, f"{token}:{position}")
        known = tuple(
            Known(kind, value, origin, bound if value is None else None, partial)
            for kind, value, bound, partial in zip(outputs, values, bounds, partials, strict=True)
        )
        if any(one is not None and one.runs is not None for one in inputs):
            known = self._over_runs(op, inputs, known)
        return known, answer.misfit is not None

    def _over_runs(self, op: Op, inputs: tuple[Known | None, ...], outputs: tuple[Known, ...]) -> tuple[Known, ...]:
        """The outputs with what they are in each run of the scope: their values, and shapes that hold in all."""
        found = list(outputs)
        if outputs and outputs[0].value is None and (runs := runs_of_output(op, inputs, outputs[0].type)) is not None:
            found[0] = replace(outputs[0], runs=runs, bound=most_of(runs, outputs[0].type), partial=None)
        sizing = [inputs[at] for at in sized_by(op) if at < len(inputs)]
        if all(one.type.is_sure and one.type.is_known for one in found):
            return tuple(found)
        different = different_runs(sizing, _MOST_TYPES)
        if different is None:
            return tuple(found)
        each = [self._answer(op, tuple(in_run(known, run) for known in inputs)) for run in different[0]]
        if any(answer.misfit is not None for answer in each):
            return tuple(found)
        kinds = [reduce(merge_types, (answer.types[at] for answer in each)) for at in range(len(found))]
        return tuple(replace(one, type=kind) if kind.is_known else one for one, kind in zip(found, kinds, strict=True))

    def _answer(self, op: Op, inputs: tuple[Known | None, ...]) -> _Answer:
        types = tuple(None if known is None else known.type for known in inputs)
        values = tuple(None if known is None else known.value for known in inputs)
        position = position_of_target(op.op_type, op.domain)
        partials = tuple(
            None if known is None else elements_of(known) if i == position and known.value is None else known.partial
            for i, known in enumerate(inputs)
        )
        any_partial = any(partial is not None for partial in partials)
        signature = (
            op.domain, op.op_type, op.version, len(op.outputs), types, known_attributes(op.attributes),
            tuple(map(bytes_of, values)), tuple(map(sides_of, partials)) if any_partial else (),
            tuple(map(bool, op.outputs)),
        )  # fmt: skip
        answer = self._memo.get(signature)
        if answer is None:
            found = assumed_types(op, types, values, partials)
            answer = _Answer(found.types, evaluate(op, types, values, found.types, self._limit), found.misfit)
            self._memo[signature] = answer
        return answer


def _rests(op: Op, inputs: tuple[Known | None, ...]) -> bool:
    """Whether the values of the outputs follow from something that is assumed."""
    if op.op_type in SHAPE_OPS and not op.domain:
        return inputs[0] is not None and inputs[0].type.assumed
    return any(map(is_unsure, inputs))


def _is_open(known: Known | None) -> bool:
    """Whether a Shape of it, or an op on its elements, may be sure in parts only."""
    if known is None:
        return False
    return (
        known.partial is not None or not known.type.is_sure or (known.value is None and elements_of(known) is not None)
    )


def bytes_of(value: "Array | None") -> bytes | None:
    """What tells one value from another of the same type."""
    return None if value is None else value.tobytes()


def sides_of(partial: "Array | None") -> tuple[object, ...] | None:
    """What tells one partial value from another of the same type."""
    if partial is None:
        return None
    return tuple((part.number,) if isinstance(part, Unsure) else int(part) for part in partial.reshape(-1).tolist())


def _origin(op: Op, inputs: tuple[Known | None, ...]) -> int:
    """What the outputs' values depend on: the most dependent input decides."""
    if op.op_type in RANDOM_OPS or op.op_type in _NOT_FOLDED or (op.domain and not inputs):
        return DATA
    origin = max((known.origin for known in inputs if known is not None), default=CONSTANT)
    return min(origin, FROM_SHAPE) if op.op_type in SHAPE_OPS and not op.domain else origin


def _constant(op: Op) -> Known:
    """The output of a Constant node, whichever attribute holds it."""
    import numpy as np

    for name, value in op.attributes.items():
        if isinstance(value, StoredTensor):
            return Known(value.type, value.value, CONSTANT)
        if isinstance(value, LongList):
            dtype = {"value_floats": "float32", "value_ints": "int64"}.get(name, "string")
            return Known(TensorType(dtype, () if name == "value_string" else (len(value),)), None, CONSTANT)
        if name in ("value_float", "value_floats"):
            array = np.asarray(value, np.float32)
            return Known(TensorType("float32", array.shape), array, CONSTANT)
        if name in ("value_int", "value_ints"):
            array = np.asarray(value, np.int64)
            return Known(TensorType("int64", array.shape), array, CONSTANT)
        if name in ("value_string", "value_strings"):
            shape = () if isinstance(value, str) else (len(value),) if isinstance(value, tuple) else ()
            return Known(TensorType("string", shape), None, CONSTANT)
    raise ShapeError("found no value attribute, which Constant needs")
