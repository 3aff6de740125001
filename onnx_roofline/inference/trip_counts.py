"""Loops that count: a condition that compares a counter with a bound tells how often the body runs.

PyTorch writes `while i < n: ...; i += 1` as a Loop without a trip count, and so its while_loop and its EmbeddingBag.
"""

from collections.abc import Callable, Mapping
from fractions import Fraction
from math import ceil, floor
from typing import TYPE_CHECKING

from msgspec import Struct

from onnx_roofline.inference.body_flow import FOLLOWED_OPS, producers_of
from onnx_roofline.ir.graph import Graph, Op, StoredTensor

if TYPE_CHECKING:
    from onnx_roofline.ir.graph import Array

# Ops that hand on a value as it is.
_TRANSPARENT = frozenset({"Flatten", "Identity", "Reshape", "Squeeze", "Unsqueeze"})
# The largest whole number up to which a type holds each one, by TensorProto type: FLOAT, INT16, INT32, INT64, FLOAT16,
# DOUBLE. Source: 24, 11 and 53 bits of a significand in IEEE 754.
_LARGEST: Mapping[object, int] = {1: 2**24, 5: 2**15 - 1, 6: 2**31 - 1, 7: 2**63 - 1, 10: 2**11, 11: 2**53}
_WHOLE_TYPES = (5, 6, 7)
_WIDEST = 2**63 - 1
_BOOL = 9
# Comparisons as left - right against 0: whether 0 itself fails, and whether the sides swap.
_COMPARISONS: Mapping[str, tuple[bool, bool]] = {
    "Less": (True, False),
    "LessOrEqual": (False, False),
    "Greater": (True, True),
    "GreaterOrEqual": (False, True),
}
# What a comparison becomes under a Not.
_OPPOSITES: Mapping[str, str] = {
    "Less": "GreaterOrEqual",
    "LessOrEqual": "Greater",
    "Greater": "LessOrEqual",
    "GreaterOrEqual": "Less",
}

# The value of a tensor that is the same in every iteration, by its name outside the body; None where it is not known.
Outside = Callable[[str], "Array | None"]


class _Linear(Struct, frozen=True):
    """`offset` plus `sign` times the body's input `base`, or a constant where there is none.

    `constants` is the sum of the magnitudes of what is added; nothing on the way may exceed `largest`, else it wraps or
    is rounded. `is_whole` says that it goes through a type without fractions.
    """

    offset: Fraction
    base: str
    sign: int
    constants: Fraction
    largest: int
    is_whole: bool


class _Comparison(Struct, frozen=True):
    """left - right < 0, or <= 0 where it is not strict; under `differs`, left != right."""

    left: _Linear
    right: _Linear
    is_strict: bool = True
    differs: bool = False


class _Counting(Struct, frozen=True):
    """How many iterations in a row a comparison of `counters` holds in: (side, start, what each iteration adds).

    None where it never fails.
    """

    held: int | None
    counters: tuple[tuple[_Linear, Fraction, _Linear], ...]

    def stays_in_range(self, steps: int) -> bool:
        """Whether no counter wraps or is rounded in so many iterations."""
        return all(_stays_in_range(*counter, steps) for counter in self.counters)


def counted_trips(body: Graph, initial: "Mapping[str, Array]", outside: Outside) -> tuple[int, bool] | None:
    """(how often a Loop runs at most, whether just so often) if its condition is true at first, or None.

    `initial` are the values of the body's inputs in the first iteration, those of them that are known. None where no
    part of the condition compares a counter with a bound, or where the counter would leave the range of its type;
    another part may end the loop before that.
    """
    trace = _Trace(body, initial, outside)
    counts = [trace.trips(*part) for part in trace.conjuncts(body.outputs[0].name)]
    known = [count for count in counts if count is not None]
    return (min(known), len(known) == len(counts)) if known else None


def final_counters(body: Graph, initial: "Mapping[str, Array]", outside: Outside, count: int) -> "dict[int, Array]":
    """Position among the carried tensors -> value after `count` iterations, of those to which each adds a constant."""
    import numpy as np

    trace = _Trace(body, initial, outside)
    found: dict[int, Array] = {}
    for position, formal in enumerate(body.inputs[2:]):
        first = initial.get(formal.name)
        last = None if first is None else trace.after(formal.name, count)
        if first is not None and last is not None:
            found[position] = np.full(first.shape, float(last) if first.dtype.kind == "f" else int(last), first.dtype)
    return found


def holds_through(body: Graph, initial: "Mapping[str, Array]", outside: Outside, iterations: int) -> bool:
    """Whether the condition of a Loop holds after each of its first iterations, if it is true at first.

    False also where that is not known.
    """
    return _Trace(body, initial, outside).holds(body.outputs[0].name, iterations)


class _Trace:
    """What whole numbers and conditions of a body are made of."""

    def __init__(self, body: Graph, initial: "Mapping[str, Array]", outside: Outside) -> None:
        self._body, self._initial, self._outside = body, initial, outside
        self._producers = producers_of(body)
        self._positions = {formal.name: position for position, formal in enumerate(body.inputs)}

    def conjuncts(self, name: str) -> list[tuple[str, bool]]:
        """(name, whether it is negated) of the conditions that all have to hold for one to hold.

        Those are what an And joins, or an Or under a Not. The condition that let the iteration run holds in it.
        """
        pending, found = [(name, False)], list[tuple[str, bool]]()
        for _ in range(FOLLOWED_OPS):
            if not pending:
                break
            name, negated = pending.pop()
            op = self._producers.get(name)
            if op is None or op.domain:
                is_held = self._positions.get(name) == 1 and not negated
                if not is_held:
                    found.append((name, negated))
            elif op.op_type == ("Or" if negated else "And") and len(op.inputs) == 2:
                pending += [(part, negated) for part in op.inputs]
            elif op.op_type == "Not" or self._is_bool_passed(op):
                pending.append((op.inputs[0], negated ^ (op.op_type == "Not")))
            elif not self._always_holds(op, negated):
                found.append((name, negated))
        return found + pending

    def _is_bool_passed(self, op: Op) -> bool:
        to_bool = op.op_type == "Cast" and op.attributes.get("to") == _BOOL
        inner = self._producers.get(op.inputs[0]) if op.inputs else None
        # A condition that is cast to numbers and back is itself; a number that is cast to a condition is none.
        from_bool = inner is None or inner.op_type in (*_COMPARISONS, "Equal", "And", "Or", "Not", *_TRANSPARENT)
        return op.op_type in _TRANSPARENT or (to_bool and from_bool)

    def _always_holds(self, op: Op, negated: bool) -> bool:
        value = constant_of(op)
        return value is not None and value.dtype.kind == "b" and bool((value != negated).all())

    def trips(self, name: str, negated: bool) -> int | None:
        """How often the body runs until a comparison of a counter fails: base + k step < bound for k = 0, 1, ..."""
        counting = self._counting(name, negated)
        held = None if counting is None else counting.held
        return held + 1 if counting is not None and held is not None and counting.stays_in_range(held) else None

    def holds(self, condition: str, iterations: int) -> bool:
        """Whether a condition holds after each of the first iterations: each part of an And, or one of an Or."""
        nodes, parts = [(condition, False)], list[range]()
        for name, negated in nodes:
            inner = self._parts(name, negated)
            parts.append(range(len(nodes), len(nodes) + len(inner)))
            if parts[-1].stop > FOLLOWED_OPS:
                return False
            nodes += inner
        held = [False] * len(nodes)
        # What a node is made of comes after it.
        for place, (name, negated) in reversed(list(enumerate(nodes))):
            if not parts[place]:
                held[place] = self._part_holds(name, negated, iterations)
                continue
            is_any = self._producers[name].op_type == ("And" if negated else "Or")
            held[place] = (any if is_any else all)(held[part] for part in parts[place])
        return held[0]

    def _parts(self, name: str, negated: bool) -> list[tuple[str, bool]]:
        """(name, whether it is negated) of the conditions that one is made of."""
        op = self._producers.get(name)
        if op is None or op.domain:
            return []
        if op.op_type in ("And", "Or") and len(op.inputs) == 2:
            return [(part, negated) for part in op.inputs]
        if op.op_type == "Not" or self._is_bool_passed(op):
            return [(op.inputs[0], negated ^ (op.op_type == "Not"))]
        return []

    def _part_holds(self, name: str, negated: bool, iterations: int) -> bool:
        if name in self._positions:
            # The condition that let the iteration run holds in it.
            return self._positions[name] == 1 and not negated
        value = self._array(name)
        if value is not None:
            return value.dtype.kind == "b" and bool((value != negated).all())
        counting = self._counting(name, negated)
        if counting is None or not counting.stays_in_range(iterations):
            return False
        held = counting.held
        return held is None or held >= iterations

    def _counting(self, name: str, negated: bool) -> "_Counting | None":
        """A comparison of counters; None where one of its sides is something else."""
        found = self._comparison(name, negated)
        if found is None:
            return None
        difference, step, counters = found.left.offset - found.right.offset, Fraction(0), []
        for side, sign in ((found.left, 1), (found.right, -1)):
            if not side.base:
                if side.constants > side.largest or (side.is_whole and side.constants.denominator > 1):
                    return None
                continue
            added = self._step(side.base)
            start = _number(self._initial.get(side.base))
            if added is None or start is None:
                return None
            difference += sign * side.sign * start
            step += sign * side.sign * added.offset
            counters.append((side, start, added))
        return _Counting(_held(found, difference, step), tuple(counters))

    def after(self, base: str, count: int) -> Fraction | None:
        """A counter's value after so many iterations; None where it is none, or leaves the range of its type."""
        start, added = _number(self._initial.get(base)), self._step(base)
        if start is None or added is None:
            return None
        side = _Linear(Fraction(0), base, 1, Fraction(0), added.largest, added.is_whole)
        return start + count * added.offset if _stays_in_range(side, start, added, count) else None

    def _comparison(self, name: str, negated: bool) -> _Comparison | None:
        op = self._producers.get(name)
        if op is None or op.domain or len(op.inputs) != 2:
            return None
        if op.op_type not in _COMPARISONS and not (op.op_type == "Equal" and negated):
            return None
        left, right = self._linear(op.inputs[0]), self._linear(op.inputs[1])
        if left is None or right is None:
            return None
        if op.op_type == "Equal":
            return _Comparison(left, right, differs=True)
        is_strict, is_swapped = _COMPARISONS[_OPPOSITES[op.op_type] if negated else op.op_type]
        return _Comparison(right, left, is_strict) if is_swapped else _Comparison(left, right, is_strict)

    def _step(self, base: str) -> _Linear | None:
        """What each iteration adds to an input of the body, None where it does anything else to it."""
        position = self._positions[base]
        if position == 0:
            return _Linear(Fraction(1), base, 1, Fraction(1), _WIDEST, True)
        if position == 1:
            return None
        carried = self._linear(self._body.outputs[position - 1].name)
        return carried if carried is not None and (carried.base, carried.sign) == (base, 1) else None

    def _linear(self, name: str) -> _Linear | None:
        """A number as an input of the body and a constant, through Add, Sub and Cast."""
        pending, constants = [(name, 1)], list[Fraction]()
        base, sign, largest, is_whole = "", 1, _WIDEST, False
        for _ in range(FOLLOWED_OPS):
            if not pending:
                return _Linear(sum(constants, Fraction(0)), base, sign, sum(map(abs, constants), Fraction(0)), largest,
                               is_whole)  # fmt: skip
            name, factor = pending.pop()
            op = self._producers.get(name)
            if op is not None and not op.domain and op.op_type in ("Add", "Sub") and len(op.inputs) == 2:
                pending += [(op.inputs[0], factor), (op.inputs[1], -factor if op.op_type == "Sub" else factor)]
                continue
            passed = None if op is None else self._largest_passed(op)
            if op is not None and passed is not None:
                largest = min(largest, passed)
                is_whole = is_whole or op.attributes.get("to") in _WHOLE_TYPES
                pending.append((op.inputs[0], factor))
                continue
            array = self._array(name)
            value = _number(array)
            if array is None or value is None or (name in self._positions and base):
                return None
            largest = min(largest, _largest_of(array))
            is_whole = is_whole or array.dtype.kind == "i"
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
            return _WIDEST
        if op.op_type == "Cast":
            target = op.attributes.get("to")
            return _LARGEST.get(target) if isinstance(target, int) else None
        if op.op_type == "CastLike" and len(op.inputs) == 2:
            like = self._array(op.inputs[1])
            return None if like is None or like.dtype.kind not in "if" else _largest_of(like)
        return None

    def _array(self, name: str) -> "Array | None":
        """The value of an input of the body in the first iteration, or of a constant in each."""
        if name in self._positions:
            return self._initial.get(name)
        op = self._producers.get(name)
        if op is not None:
            return constant_of(op)
        stored = self._body.stored.get(name)
        return self._outside(name) if stored is None else stored.value


def _held(found: _Comparison, difference: Fraction, step: Fraction) -> int | None:
    """How many iterations in a row a comparison holds in; None where it never fails."""
    if found.differs:
        if not step:
            return 0 if not difference else None
        held = -difference / step
        return int(held) if held >= 0 and held.denominator == 1 else None
    if difference > 0 or (difference == 0 and found.is_strict):
        return 0
    if step <= 0:
        return None
    return ceil(-difference / step) if found.is_strict else floor(-difference / step) + 1


def _stays_in_range(side: _Linear, start: Fraction, step: _Linear, steps: int) -> bool:
    """Whether no number wraps or is rounded in so many steps of a counter: neither itself nor what is compared of it.

    Binary floating-point numbers that are multiples of one fraction are exact as far as whole numbers are.
    """
    reach = abs(start) + abs(step.offset) * steps
    for part in (step, side):
        unit = max(number.denominator for number in (start, part.offset, step.offset))
        if (part.is_whole and unit > 1) or unit * (reach + part.constants) > part.largest:
            return False
    return True


def constant_of(op: Op) -> "Array | None":
    """The number or tensor of a Constant; None of any other op, or where it is not kept."""
    import numpy as np

    if op.op_type != "Constant" or op.domain:
        return None
    for name, value in op.attributes.items():
        if isinstance(value, StoredTensor):
            return value.value
        if name == "value_int":
            return np.asarray(value, np.int64)
        if name == "value_float":
            return np.asarray(value, np.float32)
    return None


def _number(array: "Array | None") -> Fraction | None:
    """The one element of a signed number; counters without a sign wrap below 0, and no exporter makes them."""
    if array is None or array.size != 1 or array.dtype.kind not in "if":
        return None
    number = array.reshape(-1)[0].item()
    return Fraction(number) if abs(number) < float("inf") else None


def _largest_of(array: "Array") -> int:
    bits: int = 8 * array.dtype.itemsize
    if array.dtype.kind == "f":
        return {16: _LARGEST[10], 32: _LARGEST[1], 64: _LARGEST[11]}.get(bits, 0)
    return (1 << (bits - 1)) - 1
