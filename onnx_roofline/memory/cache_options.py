"""What the user states of caches, checked against the model."""

from collections.abc import Collection, Mapping

from msgspec import Struct, field

from onnx_roofline.base.errors import UsageError
from onnx_roofline.base.text import did_you_mean, shown
from onnx_roofline.ir.graph import Model, op_reads
from onnx_roofline.ir.records import TypedOp


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
        if output not in _reached(model, name):
            raise UsageError(f"{label}: {shown(output)} doesn't depend on {shown(name)}; wanted what a run makes of it")
    twice = {output for output in options.stated.values() if list(options.stated.values()).count(output) > 1}
    if twice:
        output = min(twice)
        named = ", ".join(shown(name) for name, found in options.stated.items() if found == output)
        raise UsageError(f"{model.info.path}: --cache: found {named} for the output {shown(output)}, wanted one input")
    for name in options.refused:
        if name not in inputs and name not in states:
            raise UsageError(
                f"{model.info.path}: --no-cache {shown(name, quotes=False)}: found no input of that name"
                f"{did_you_mean(name, (*inputs, *states))}"
            )


def _reached(model: Model, name: str) -> set[str]:
    """Tensors of the main graph that depend on one."""
    found = {name}
    for row in model.column(TypedOp).values():
        if not row.scope and not found.isdisjoint(op_reads(row.op)):
            found.update(row.op.outputs)
    return found
