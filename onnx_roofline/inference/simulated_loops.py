"""Loops whose small whole-number and floating states follow from themselves: run iteration by iteration.

What doubles, halves, toggles or is compared with a product of constants has no closed form here; its values do.
"""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from msgspec import Struct

from onnx_roofline.inference.constant_values import evaluator_of
from onnx_roofline.inference.trip_counts import constant_of
from onnx_roofline.ir.graph import Graph, Op

if TYPE_CHECKING:
    from onnx_roofline.ir.graph import Array

# Iterations that are run, about 10 us an op; elements of a state that is followed.
STEPS, _ELEMENTS = 1024, 64

Outside = Callable[[str], "Array | None"]


class Simulation(Struct, frozen=True):
    """`trips` until the condition fails or the limit is reached, None where data decide or more would run; `states` are
    the values at the start of each iteration that was run, by position among the carried tensors.
    """

    trips: int | None
    states: "Mapping[int, tuple[Array, ...]]"


def simulate(body: Graph, initial: "Mapping[str, Array]", outside: Outside, limit: int | None) -> Simulation:
    """Runs what of a loop's body follows from stored and initial values alone, at most `limit` iterations."""
    import numpy as np

    followed = {
        position: formal.name
        for position, formal in enumerate(body.inputs[2:])
        if formal.name in initial and initial[formal.name].size <= _ELEMENTS
    }
    constants = _constants(body, outside)
    while True:
        known = {body.inputs[0].name, *followed.values()}
        ops = _computable(body, known, constants)
        reached = known.union(constants, *(op.outputs for op in ops))
        lost = [position for position in followed if body.outputs[position + 1].name not in reached]
        if not lost:
            break
        for position in lost:
            del followed[position]
    condition = body.outputs[0].name
    has_condition = condition in reached and condition not in constants
    if not followed and not has_condition:
        return Simulation(None, {})
    needed = _needed(ops, {condition, *(body.outputs[position + 1].name for position in followed)})
    values = {name: initial[name] for name in followed.values()}
    states: dict[int, list[Array]] = {position: [] for position in followed}
    trips: int | None = None
    for step in range(STEPS if limit is None else min(STEPS, max(0, limit))):
        for position, name in followed.items():
            states[position].append(values[name])
        found = {**constants, **values, body.inputs[0].name: np.asarray(step, np.int64)}
        if not _run(needed, found):
            break
        values = {name: found[body.outputs[position + 1].name] for position, name in followed.items()}
        if has_condition and not bool(found[condition].all()):
            trips = step + 1
            break
    else:
        if has_condition and limit is not None and limit <= STEPS:
            trips = max(0, limit)
    return Simulation(trips, {position: tuple(each) for position, each in states.items()})


def _constants(body: Graph, outside: Outside) -> "dict[str, Array]":
    """Small values that are the same in every iteration, of those that the body reads."""
    found: dict[str, Array] = {}
    made = {name for op in body.ops for name in op.outputs} | {formal.name for formal in body.inputs}
    for op in body.ops:
        value = constant_of(op)
        if value is not None and value.size <= _ELEMENTS:
            found[op.outputs[0]] = value
        for name in op.inputs:
            if name and name not in made and name not in found:
                stored = body.stored.get(name)
                value = outside(name) if stored is None else stored.value
                if value is not None and value.size <= _ELEMENTS:
                    found[name] = value
    return found


def _computable(body: Graph, known: set[str], constants: "Mapping[str, Array]") -> list[Op]:
    """The ops that follow from what is known and can be evaluated, in order."""
    reached = known.union(constants)
    found = []
    for op in body.ops:
        if op.bodies or op.function is not None or op.domain or not op.outputs or op.outputs[0] in constants:
            continue
        try:
            evaluator_of(op.op_type)
        except KeyError:
            continue
        if all(name in reached for name in op.inputs if name):
            found.append(op)
            reached.update(op.outputs[:1])
    return found


def _needed(ops: list[Op], wanted: set[str]) -> list[Op]:
    """Those of the ops that lead to what is wanted."""
    found = []
    for op in reversed(ops):
        if op.outputs[0] in wanted:
            wanted = wanted | {name for name in op.inputs if name}
            found.append(op)
    return found[::-1]


def _run(ops: list[Op], values: "dict[str, Array]") -> bool:
    """Evaluates the ops; whether all of them have a value, and a small one."""
    import numpy as np

    for op in ops:
        operands = [values.get(name) for name in op.inputs]
        try:
            with np.errstate(all="ignore"):
                result = evaluator_of(op.op_type)({**op.attributes, "_version": op.version}, operands)
        except (ValueError, IndexError, TypeError, KeyError, OverflowError, AttributeError):
            return False
        if result is None or isinstance(result, tuple) or np.size(result) > _ELEMENTS:
            return False
        values[op.outputs[0]] = np.asarray(result)
    return True
