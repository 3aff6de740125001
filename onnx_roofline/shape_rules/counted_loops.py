"""Loops that count: a condition that compares a counter with a bound tells how often the body runs.

PyTorch writes `while i < n: ...; i += 1` as a Loop without a trip count, and so its while_loop and its EmbeddingBag.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from onnx_roofline.graph import Graph, Op, StoredTensor, captured_names
from onnx_roofline.units import ceil_div

# Ops that hand on the value of a whole number.
_TRANSPARENT = frozenset({"CastLike", "Flatten", "Identity", "Reshape", "Squeeze", "Unsqueeze"})
# TensorProto types between which a Cast changes no counter: INT32, INT64; a condition may also become BOOL.
_WHOLE, _BOOL = frozenset({6, 7}), 9
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

# The value of a whole number of one element that is the same in every iteration, by its name outside the body.
Outside = Callable[[str], int | None]


@dataclass(frozen=True, slots=True)
class _Linear:
    """`offset` plus `sign` times the body's input `base`, or a constant where there is none."""

    offset: int
    base: str = ""
    sign: int = 1


def counted_trips(body: Graph, initial: Mapping[str, int], outside: Outside) -> tuple[int, bool] | None:
    """(how often a Loop runs at most, whether just so often) if its condition is true at first, or None.

    `initial` are the whole numbers that the body's inputs are in the first iteration, those of them that are known.
    None where no part of the condition compares a counter with a bound; another part may end the loop before that.
    """
    trace = _Trace(body, outside)
    counts = [trace.trips(part, initial) for part in trace.conjuncts(body.outputs[0].name)]
    known = [count for count in counts if count is not None]
    return (min(known), len(known) == len(counts)) if known else None


def is_only_inserted_into(body: Graph, position: int) -> bool:
    """Whether all that a body does with the carried sequence at a position is to insert elements.

    Each run then inserts as many, and of types that don't follow from how many there are.
    """
    name, formal = body.outputs[1 + position].name, body.inputs[2 + position].name
    producers, links = _producers(body), set[str]()
    while name != formal:
        op = producers.get(name)
        if op is None or op.op_type not in ("SequenceInsert", "Identity") or op.domain or name in links:
            return False
        links.add(name)
        name = op.inputs[0]
    readers = [read for op in body.ops for read in (*op.inputs, *captured_names(op)) if read in links or read == formal]
    outputs = [output.name for output in body.outputs if output.name in links or output.name == formal]
    return len(readers) == len(links) and len(outputs) == 1


def _producers(body: Graph) -> dict[str, Op]:
    return {output: op for op in body.ops for output in op.outputs if output}


class _Trace:
    """What whole numbers and conditions of a body are made of."""

    def __init__(self, body: Graph, outside: Outside) -> None:
        self._body, self._outside = body, outside
        self._producers = _producers(body)
        self._inputs = [formal.name for formal in body.inputs]

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

    def trips(self, name: str, initial: Mapping[str, int]) -> int | None:
        """How often the body runs until a comparison of a counter fails: base + k step < bound for k = 0, 1, ..."""
        condition = self._comparison(name)
        if condition is None:
            return None
        left, right, shift = condition
        # The condition holds while the difference is below 0.
        difference, step = left.offset - right.offset + shift, 0
        for side, sign in ((left, 1), (right, -1)):
            if not side.base:
                continue
            added = self.step(side.base)
            if added is None or side.base not in initial:
                return None
            difference += sign * side.sign * initial[side.base]
            step += sign * side.sign * added
        if difference >= 0:
            return 1
        return 1 + ceil_div(-difference, step) if step > 0 else None

    def _comparison(self, name: str) -> tuple[_Linear, _Linear, int] | None:
        """(left, right, shift) of a comparison that holds where left - right + shift is below 0."""
        negated = False
        for _ in range(_FOLLOWED_OPS):
            op = self._producers.get(name)
            if op is None or op.domain or not op.inputs:
                return None
            if op.op_type in _COMPARISONS and len(op.inputs) == 2:
                shift, swapped = _COMPARISONS[_OPPOSITES[op.op_type] if negated else op.op_type]
                sides = self.linear(op.inputs[0]), self.linear(op.inputs[1])
                left, right = reversed(sides) if swapped else sides
                return None if left is None or right is None else (left, right, shift)
            if op.op_type != "Not" and not _hands_on(op, frozenset({_BOOL})):
                return None
            negated ^= op.op_type == "Not"
            name = op.inputs[0]
        return None

    def step(self, base: str) -> int | None:
        """What each iteration adds to an input of the body, None where it does anything else to it."""
        position = self._inputs.index(base)
        if position == 0:
            return 1
        if position == 1:
            return None
        carried = self.linear(self._body.outputs[position - 1].name)
        return carried.offset if carried is not None and (carried.base, carried.sign) == (base, 1) else None

    def linear(self, name: str) -> _Linear | None:
        """A whole number as an input of the body and a constant, through Add and Sub."""
        offset, sign, pending, base = 0, 1, [(name, 1)], ""
        for _ in range(_FOLLOWED_OPS):
            if not pending:
                return _Linear(offset, base, sign)
            name, factor = pending.pop()
            if name in self._inputs:
                if base:
                    return None
                base, sign = name, factor
                continue
            op = self._producers.get(name)
            if op is not None and not op.domain and op.op_type in ("Add", "Sub") and len(op.inputs) == 2:
                pending += [(op.inputs[0], factor), (op.inputs[1], -factor if op.op_type == "Sub" else factor)]
                continue
            if op is not None and not op.domain and _hands_on(op, _WHOLE) and op.inputs:
                pending.append((op.inputs[0], factor))
                continue
            value = self._constant(name) if op is None else _constant_of(op)
            if value is None:
                return None
            offset += factor * value
        return None

    def _constant(self, name: str) -> int | None:
        stored = self._body.stored.get(name)
        return self._outside(name) if stored is None else _whole(stored)


def _hands_on(op: Op, dtypes: frozenset[int]) -> bool:
    """Whether the value of the first input comes out as it is; a Cast only to one of some types."""
    return op.op_type in _TRANSPARENT or (op.op_type == "Cast" and op.attributes.get("to") in dtypes)


def _constant_of(op: Op) -> int | None:
    value = op.attributes.get("value") if op.op_type == "Constant" and not op.domain else None
    if isinstance(value, StoredTensor):
        return _whole(value)
    given = op.attributes.get("value_int") if op.op_type == "Constant" and not op.domain else None
    return given if isinstance(given, int) else None


def _whole(stored: StoredTensor) -> int | None:
    value = stored.value
    return int(value.reshape(-1)[0]) if value is not None and value.size == 1 and value.dtype.kind in "iu" else None
