"""What the user states of caches, checked against the model."""

from collections.abc import Callable, Collection, Mapping

from msgspec import Struct, field

from onnx_roofline.base.errors import UsageError
from onnx_roofline.base.text import did_you_mean, shown
from onnx_roofline.ir.graph import Model, TensorType, op_reads
from onnx_roofline.ir.records import TypedOp, Work
from onnx_roofline.ops.cost.lookup import traits_of


class CacheOptions(Struct, frozen=True):
    """What the user states: model outputs by the inputs whose caches they are, and inputs that hold none."""

    stated: Mapping[str, str] = field(default_factory=dict)
    refused: tuple[str, ...] = ()


def check_options(model: Model, options: CacheOptions, states: Collection[str]) -> None:
    """Raises UsageError where an option names no input or output, or an output that doesn't depend on its input.

    `states` are the names of what loops carry, of which a user may say that it is no cache.
    """
    inputs = {one.name: one for one in model.graph.inputs if one.name not in model.graph.stored}
    outputs = [one.name for one in model.graph.outputs]
    twice = {output for output in options.stated.values() if list(options.stated.values()).count(output) > 1}
    if twice:
        output = min(twice)
        named = ", ".join(shown(name) for name, found in options.stated.items() if found == output)
        raise UsageError(f"{model.info.path}: --cache: found {named} for the output {shown(output)}, wanted one input")
    for name, output in options.stated.items():
        label = f"{model.info.path}: --cache {shown(name, quotes=False)}={shown(output, quotes=False)}"
        if name not in inputs:
            raise UsageError(f"{label}: found no input {shown(name)}{did_you_mean(name, inputs)}")
        if output not in outputs:
            raise UsageError(f"{label}: found no output {shown(output)}{did_you_mean(output, outputs)}")
        kind = inputs[name].type
        if kind.container != "tensor" or not kind.shape:
            raise UsageError(f"{label}: found an input {kind}, wanted a tensor with an axis for its rows")
        if name in options.refused:
            raise UsageError(f"{label}: --no-cache names it too; drop one of the two")
        if output not in _reached(model, name, op_reads_of=_all_read):
            raise UsageError(f"{label}: {shown(output)} doesn't depend on {shown(name)}; wanted what a run makes of it")
        made = _type_of(model, output)
        if made is not None and not _is_taken_over(kind, made):
            raise UsageError(
                f"{label}: found {shown(output)} {made} for {shown(name)} {kind}, wanted what the next run takes in "
                "its place: the same type and rank, and one axis at most that is longer"
            )
        if output not in _reached(model, name, op_reads_of=_rows_read):
            raise UsageError(
                f"{label}: {shown(output)} is computed from {shown(name)} and has none of its rows; wanted what the "
                "next run takes in its place"
            )
    for name in options.refused:
        if name not in inputs and name not in states:
            raise UsageError(
                f"{model.info.path}: --no-cache {shown(name, quotes=False)}: found no input of that name"
                f"{did_you_mean(name, (*inputs, *states))}"
            )


def _reached(model: Model, name: str, op_reads_of: Callable[[Model, str, TypedOp, str], Collection[str]]) -> set[str]:
    """Tensors of the main graph that follow from one, by what each op's output takes of its inputs."""
    found = {name}
    for key, row in model.column(TypedOp).items():
        if not row.scope:
            found.update(made for made in row.op.outputs if not found.isdisjoint(op_reads_of(model, key, row, made)))
    return found


def _all_read(_model: Model, _key: str, row: TypedOp, _output: str) -> Collection[str]:
    return op_reads(row.op)


def _rows_read(model: Model, key: str, row: TypedOp, output: str) -> Collection[str]:
    """The inputs whose rows an output may have: none of those that the op multiplies or normalises."""
    work = model.column(Work)[key]
    if not work.contractions and not work.row_elements:
        return op_reads(row.op)
    slot = row.op.outputs.index(output)
    held = traits_of(row.op).cache_inputs
    at = held[slot - 1] if 0 < slot <= len(held) else -1
    return row.op.inputs[at : at + 1] if 0 <= at < len(row.op.inputs) else ()


def _type_of(model: Model, output: str) -> TensorType | None:
    for row in model.column(TypedOp).values():
        if not row.scope and output in row.op.outputs:
            return row.outputs[row.op.outputs.index(output)]
    return None


def _is_taken_over(past: TensorType, present: TensorType) -> bool:
    """Whether the next run can take a tensor in the place of one: where nothing is known of an axis it may."""
    if present.shape is None or past.shape is None:
        return not present.dtype or present.dtype == past.dtype
    if present.dtype != past.dtype or len(past.shape) != len(present.shape):
        return False
    pairs = [(a, b) for a, b in zip(past.shape, present.shape, strict=True) if a is not None and b is not None]
    return all(before <= after for before, after in pairs) and sum(a != b for a, b in pairs) <= 1
