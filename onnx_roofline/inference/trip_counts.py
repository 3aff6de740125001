"""Loops that count: a condition that compares a counter with a bound tells how often the body runs.

PyTorch writes `while i < n: ...; i += 1` as a Loop without a trip count, and so its while_loop and its EmbeddingBag.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from msgspec import Struct

from onnx_roofline.base.units import ceil_div
from onnx_roofline.ir.graph import Graph, Op, StoredTensor, captured_names

if TYPE_CHECKING:
    from onnx_roofline.ir.graph import Array

# Ops that hand on a value as it is.
_TRANSPARENT = frozenset({"Flatten", "Identity", "Reshape", "Squeeze", "Unsqueeze"})
# The largest value of the types that a Cast may give a counter, by TensorProto type: INT32, INT64.
_LARGEST: Mapping[object, int] = {6: 2**31 - 1, 7: 2**63 - 1}
_BOOL = 9
# Comparisons as left - right < 0 in whole numbers: what is added to the difference, and whether the sides swap.
_COMPARISONS: Mapping[str, tuple[int, bool]] = {
    "Less": (0, False),
    "LessOrEqual": (-1, False),
    "Greater": (0, True),
    "GreaterOrEqual": (-1, True),
}
# What a comparison becomes under a Not.
_OPPOSITES: Mapping[str, str] = {
    "Less": "GreaterOrEqual",
    "LessOrEqual": "Greater",
    "Greater": "LessOrEqual",
    "GreaterOrEqual": "Less",
}
# Ops between an output of the body and what it is made of; exporters need fewer than ten.
_FOLLOWED_OPS = 64

# The value of a tensor that is the same in every iteration, by its name outside the body; None where it is not known.
Outside = Callable[[str], "Array | None"]


class _Linear(Struct, frozen=True):
    """`offset` plus `sign` times the body's input `base`, or a constant where there is none.

    `constants` is the sum of the magnitudes of what is added; nothing on the way may exceed `largest`, else it wraps.
    """

    offset: int
    base: str
    sign: int
    constants: int
    largest: int


def counted_trips(body: Graph, initial: "Mapping[str, Array]", outside: Outside) -> tuple[int, bool] | None:
    """(how often a Loop runs at most, whether just so often) if its condition is true at first, or None.

    `initial` are the values of the body's inputs in the first iteration, those of them that are known. None where no
    part of the condition compares a counter with a bound, or where the counter would leave the range of its type;
    another part may end the loop before that.
    """
    trace = _Trace(body, initial, outside)
    counts = [trace.trips(part) for part in trace.conjuncts(body.outputs[0].name)]
    known = [count for count in counts if count is not None]
    return (min(known), len(known) == len(counts)) if known else None


def positions_inserted_into(body: Graph) -> frozenset[int]:
    """Positions of the carried sequences with which a body does nothing but insert elements.

    Each run then inserts as many, and of types that don't follow from how many there are.
    """
    producers = _producers(body)
    reads = Counter(read for op in body.ops for read in (*op.inputs, *captured_names(op)))
    results = Counter(output.name for output in body.outputs)

    def is_only_inserted_into(name: str, formal: str) -> bool:
        if reads[name] or results[name] != 1:
            return False
        while name != formal:
            op = producers.get(name)
            if op is None or op.op_type not in ("SequenceInsert", "Identity") or op.domain:
                return False
            name = op.inputs[0]
            # What is read twice ends the walk, so that no link is on two of them.
            if reads[name] != 1 or results[name]:
                return False
        return True

    pairs = zip(body.outputs[1:], body.inputs[2:], strict=False)
    return frozenset(i for i, (last, first) in enumerate(pairs) if is_only_inserted_into(last.name, first.name))


def _producers(body: Graph) -> dict[str, Op]:
    return {output: op for op in body.ops for output in op.outputs if output}


class _Trace:
    """What whole numbers and conditions of a body are made of."""

    def __init__(self, body: Graph, initial: "Mapping[str, Array]", outside: Outside) -> None:
        self._body, self._initial, self._outside = body, initial, outside
        self._producers = _producers(body)
        self._positions = {formal.name: position for position, formal in enumerate(body.inputs)}

    def conjuncts(self, name: str) -> list[str]:
        """The conditions that all have to hold for one to hold: what an And joins, or the condition alone."""
        pending, found = [name], list[str]()
        for _ in range(_FOLLOWED_OPS):
            if not pending:
                break
            name = pending.pop()
            op = self._producers.get(name)
            if op is not None and not op.domain and op.op_type == "And" and len(op.inputs) == 2:
                pending += op.inputs
            else:
                found.append(name)
        return found + pending

    def trips(self, name: str) -> int | None:
        """How often the body runs until a comparison of a counter fails: base + k step < bound for k = 0, 1, ..."""
        condition = self._comparison(name)
        if condition is None:
            return None
        left, right, shift = condition
        # The condition holds while the difference is below 0.
        difference, step, counters = left.offset - right.offset + shift, 0, []
        for side, sign in ((left, 1), (right, -1)):
            if not side.base:
                continue
            added = self._step(side.base)
            start = _whole(self._initial[side.base])
            if added is None or start is None:
                return None
            difference += sign * side.sign * start
            step += sign * side.sign * added.offset
            counters.append((side, start, added))
        if difference >= 0:
            count = 1
        elif step > 0:
            count = 1 + ceil_div(-difference, step)
        else:
            return None
        return count if all(_stays_in_range(*counter, count - 1) for counter in counters) else None

    def _comparison(self, name: str) -> tuple[_Linear, _Linear, int] | None:
        """(left, right, shift) of a comparison that holds where left - right + shift is below 0."""
        negated = False
        for _ in range(_FOLLOWED_OPS):
            op = self._producers.get(name)
            if op is None or op.domain or not op.inputs:
                return None
            if op.op_type in _COMPARISONS and len(op.inputs) == 2:
                shift, swapped = _COMPARISONS[_OPPOSITES[op.op_type] if negated else op.op_type]
                sides = self._linear(op.inputs[0]), self._linear(op.inputs[1])
                left, right = reversed(sides) if swapped else sides
                return None if left is None or right is None else (left, right, shift)
            is_bool = op.op_type == "Cast" and op.attributes.get("to") == _BOOL
            if op.op_type != "Not" and op.op_type not in _TRANSPARENT and not is_bool:
                return None
            negated ^= op.op_type == "Not"
            name = op.inputs[0]
        return None

    def _step(self, base: str) -> _Linear | None:
        """What each iteration adds to an input of the body, None where it does anything else to it."""
        position = self._positions[base]
        if position == 0:
            return _Linear(1, base, 1, 1, _LARGEST[7])
        if position == 1:
            return None
        carried = self._linear(self._body.outputs[position - 1].name)
        return carried if carried is not None and (carried.base, carried.sign) == (base, 1) else None

    def _linear(self, name: str) -> _Linear | None:
        """A whole number as an input of the body and a constant, through Add and Sub."""
        pending, constants = [(name, 1)], list[int]()
        base, sign, largest = "", 1, _LARGEST[7]
        for _ in range(_FOLLOWED_OPS):
            if not pending:
                return _Linear(sum(constants), base, sign, sum(map(abs, constants)), largest)
            name, factor = pending.pop()
            op = self._producers.get(name)
            if op is not None and not op.domain and op.op_type in ("Add", "Sub") and len(op.inputs) == 2:
                pending += [(op.inputs[0], factor), (op.inputs[1], -factor if op.op_type == "Sub" else factor)]
                continue
            passed = None if op is None else self._largest_passed(op)
            if op is not None and passed is not None:
                largest = min(largest, passed)
                pending.append((op.inputs[0], factor))
                continue
            array = self._array(name)
            value = _whole(array)
            if array is None or value is None or (name in self._positions and base):
                return None
            largest = min(largest, _largest_of(array))
            if name in self._positions:
                base, sign = name, factor
            else:
                constants.append(factor * value)
        return None

    def _largest_passed(self, op: Op) -> int | None:
        """The largest whole number that an op hands on as it is, None where it does anything else."""
        if op.domain or not op.inputs:
            return None
        if op.op_type in _TRANSPARENT:
            return _LARGEST[7]
        if op.op_type == "Cast":
            target = op.attributes.get("to")
            return _LARGEST.get(target) if isinstance(target, int) else None
        if op.op_type == "CastLike" and len(op.inputs) == 2:
            like = self._array(op.inputs[1])
            return None if like is None or like.dtype.kind != "i" else _largest_of(like)
        return None

    def _array(self, name: str) -> "Array | None":
        """The value of an input of the body in the first iteration, or of a constant in each."""
        if name in self._positions:
            return self._initial.get(name)
        op = self._producers.get(name)
        if op is not None:
            return _constant_of(op)
        stored = self._body.stored.get(name)
        return self._outside(name) if stored is None else stored.value


def _stays_in_range(side: _Linear, start: int, step: _Linear, steps: int) -> bool:
    """Whether no number wraps in so many steps of a counter: neither itself nor what is compared of it."""
    reach = abs(start) + abs(step.offset) * steps
    return reach + step.constants <= step.largest and reach + side.constants <= side.largest


def _constant_of(op: Op) -> "Array | None":
    import numpy as np

    if op.op_type != "Constant" or op.domain:
        return None
    value, given = op.attributes.get("value"), op.attributes.get("value_int")
    if isinstance(value, StoredTensor):
        return value.value
    return np.asarray(given, np.int64) if isinstance(given, int) else None


def _whole(array: "Array | None") -> int | None:
    """The one element of a signed whole number; counters without a sign wrap below 0, and no exporter makes them."""
    return int(array.reshape(-1)[0]) if array is not None and array.size == 1 and array.dtype.kind == "i" else None


def _largest_of(array: "Array") -> int:
    bits: int = 8 * array.dtype.itemsize
    return (1 << (bits - 1)) - 1
