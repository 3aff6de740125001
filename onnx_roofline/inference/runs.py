"""Values that differ from one run of a body to the next in a way that is known: the iteration number, and counters.

Only tensors of one element are followed: their values in all runs of a scope are one vector, on which the ops that
compute trip counts and conditions work element by element. An inner loop then runs as often as the sum over the runs
says, and a branch in just the runs whose condition picks it.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from onnx_roofline.inference.constant_values import evaluator_of
from onnx_roofline.ir.graph import Graph, Op, TensorType, captured_names
from onnx_roofline.ops.shape.targets import position_of_target

if TYPE_CHECKING:
    from onnx_roofline.inference.scope import Known, Scope
    from onnx_roofline.ir.graph import Array, Ints

# Runs of one scope that are followed: one vector operation on them takes some milliseconds.
MOST_RUNS = 1 << 16
# Ops that hand one element on, or compute one from others; of a Gather the indices differ from run to run.
_PASSED = frozenset({"Flatten", "Identity", "Reshape", "Squeeze", "Unsqueeze", "Transpose"})
_COMPUTED = frozenset(
    {"Add", "Sub", "Mul", "Div", "Mod", "Pow", "Min", "Max", "Neg", "Abs", "Floor", "Ceil", "Equal", "Less", "Greater",
     "LessOrEqual", "GreaterOrEqual", "And", "Or", "Xor", "Not", "Where", "Cast"}
)  # fmt: skip
# Ops that take sizes, indices or counts from an operand, beside those that state the shape of their output.
_SIZED_BY: Mapping[str, tuple[int, ...]] = {"Range": (0, 1, 2), "Slice": (1, 2, 3, 4), "TopK": (1,), "Split": (1,)}


def sized_by(op: Op) -> tuple[int, ...]:
    """Positions of the operands whose values decide the shape of an op's output."""
    target = position_of_target(op.op_type, op.domain)
    if target is not None:
        return (target,)
    return () if op.domain else _SIZED_BY.get(op.op_type, ())


def reads_runs(body: Graph, formals: Iterable[str]) -> bool:
    """Whether a loop, branch, call or shape in a body may depend on some of its inputs."""
    reached = {name for name in formals if name}
    for op in body.ops:
        captured = captured_names(op) if op.bodies else ()
        if reached.isdisjoint(op.inputs) and reached.isdisjoint(captured):
            continue
        sizing = sized_by(op)
        if op.bodies or op.function is not None:
            return True
        if any(op.inputs[at] in reached for at in sizing if at < len(op.inputs)):
            return True
        if not op.domain and (op.op_type in _PASSED or op.op_type in _COMPUTED or op.op_type in ("Concat", "Gather")):
            reached.update(name for name in op.outputs if name)
    return False


def runs_of_output(op: Op, inputs: "Sequence[Known | None]", output: TensorType) -> "Array | None":
    """The value of an op's one element in each run; None where it is not known in all of them."""
    import numpy as np

    runs = max((len(known.runs) for known in inputs if known is not None and known.runs is not None), default=0)
    if not runs or op.domain or not output.is_known or output.elements != 1 or output.container != "tensor":
        return None
    if op.op_type in _PASSED:
        return inputs[0].runs if inputs[0] is not None else None
    is_table = op.op_type == "Gather" and inputs[0] is not None and inputs[0].runs is None
    operands: list[Any] = []
    for position, known in enumerate(inputs):
        if known is None:
            return None
        if known.runs is not None:
            operands.append(known.runs)
        elif known.value is None or known.partial is not None:
            return None
        elif is_table and position == 0 and known.value.ndim == 1:
            operands.append(known.value)
        elif known.value.size == 1:
            operands.append(known.value.reshape(1))
        else:
            return None
    if op.op_type not in _COMPUTED and not is_table:
        return None
    try:
        with np.errstate(all="ignore"):
            found = evaluator_of(op.op_type)({**op.attributes, "_version": op.version}, operands)
    except (ValueError, IndexError, TypeError, KeyError, OverflowError):
        return None
    if found is None or found.dtype.kind not in "iufb":
        return None
    return np.broadcast_to(found, (runs,)) if found.shape in ((runs,), (1,)) else None


def most_of(runs: "Array", like: TensorType) -> "Array | None":
    """The upper bound of a whole number that differs from run to run."""
    import numpy as np

    if not like.is_known or runs.dtype.kind not in "iu":
        return None
    return np.full(like.dims, runs.max(), runs.dtype)


def in_run(known: "Known | None", run: int) -> "Known | None":
    """What is known of a tensor in one run."""
    from msgspec.structs import replace

    if known is None or known.runs is None or not known.type.is_known:
        return known
    value = known.runs[run].reshape(known.type.dims)
    return replace(known, value=value, bound=None, partial=None, runs=None)


def different_runs(known: "Iterable[Known | None]", most: int) -> tuple[list[int], list[int]] | None:
    """(runs that differ in some operand, for each run which of them it is like); None for more than `most`, or none."""
    vectors = [one.runs.tolist() for one in known if one is not None and one.runs is not None]
    if not vectors:
        return None
    numbers: dict[tuple[object, ...], int] = {}
    first, like = list[int](), list[int]()
    for run, values in enumerate(zip(*vectors, strict=True)):
        number = numbers.setdefault(values, len(first))
        if number == len(first):
            first.append(run)
            if len(first) > most:
                return None
        like.append(number)
    return first, like


def all_runs(scope: "Scope") -> "Ints | None":
    """Every run of a scope once."""
    return repeated_runs(scope, 1)


def repeated_runs(scope: "Scope", counts: "int | Ints") -> "Ints | None":
    """Every run of a scope so many times, or as often as its own number says."""
    import numpy as np

    if scope.runs is None:
        return None
    total = int(np.sum(counts)) if isinstance(counts, np.ndarray) else scope.runs * counts
    return np.repeat(np.arange(scope.runs), counts) if total <= MOST_RUNS else None


def iterations_of(picks: "Array") -> "Ints":
    """The iteration number in each run of a body, whose runs are in order."""
    import numpy as np

    _, first, counts = np.unique(picks, return_index=True, return_counts=True)
    return np.arange(len(picks)) - np.repeat(first, counts)
