"""Shape inference: a forward walk that gives every op the types of its operands, in every scope it runs in.

Inference beats declaration: what the file declares is compared and used only where nothing else is known. Repeated
signatures are inferred once. Function bodies are inferred once for each distinct signature, bodies of control flow once
for each op. The walk keeps its own stack; nothing recurses over the graph.
"""

from collections.abc import Mapping
from fractions import Fraction
from typing import ClassVar

from msgspec import Struct, field
from msgspec.structs import replace

from onnx_roofline.base.errors import UsageError
from onnx_roofline.base.text import shown
from onnx_roofline.inference.external_constants import notices_of_external_constants
from onnx_roofline.inference.trials import infer
from onnx_roofline.inference.user_trips import notices_of_unused, stated
from onnx_roofline.inference.user_values import stated_values
from onnx_roofline.inference.walk import WalkOptions
from onnx_roofline.ir.graph import Model, TensorType
from onnx_roofline.ir.output_dims import dims_of_outputs
from onnx_roofline.ir.pipeline import PassResult
from onnx_roofline.ir.records import FileTypes, TypedOp


class ShapeInference(Struct, frozen=True):
    """Options: `assume_dtype` recosts floating tensors at another width; `trips`, `branches`, `values`: what the user
    says of loops, branches and integer inputs; `observed` holds the true types that one real run showed, scope ->
    tensor -> type, and `observed_runs` how often each body ran per run of its op, by the body's scope. `lengths` are
    sizes by name; those count that name an axis of a tensor that an op makes, or a dim that only outputs have.
    """

    assume_dtype: str = ""
    trips: Mapping[str, int] = field(default_factory=dict)
    branches: Mapping[str, Fraction] = field(default_factory=dict)
    observed: Mapping[str, Mapping[str, TensorType]] = field(default_factory=dict)
    observed_runs: Mapping[str, Fraction] = field(default_factory=dict)
    value_elements: int = 1024
    # an op whose operands contradict each other is unknown, and so is what follows from it
    leaves_contradictions: bool = False
    values: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    lengths: Mapping[str, int] = field(default_factory=dict)

    name: ClassVar[str] = "shape-inference"
    unprinted: ClassVar[tuple[str, ...]] = ("observed", "observed_runs", "lengths")
    requires: ClassVar[tuple[type, ...]] = ()
    produces: ClassVar[type] = TypedOp

    def run(self, model: Model) -> PassResult:
        """A TypedOp for every op of every scope.

        Raises ShapeError where operands contradict each other; the message names the file, the op and the tensors.
        Raises UsageError where `trips` or `branches` name no op, and `values` no integer input or none of its shape.
        """
        said = stated(model, self.trips, self.branches)
        own = _input_dims(model)
        lengths = {name: size for name, size in self.lengths.items() if name not in own and _axis_of(name)}
        named = {name: axes for name, axes in dims_of_outputs(model.graph).items() if name in self.lengths}
        for name, axes in named.items():
            for axis in axes:
                if lengths.setdefault(axis, self.lengths[name]) != self.lengths[name]:
                    both = f"--dim {shown(name)}={self.lengths[name]} and {shown(axis)}={lengths[axis]}"
                    raise UsageError(f"{model.info.path}: found {both}, which are one axis; drop one")
        options = WalkOptions(
            value_elements=self.value_elements,
            observed=self.observed,
            observed_runs=self.observed_runs,
            lengths=lengths,
            leaves_contradictions=self.leaves_contradictions,
            values=stated_values(model, self.values, self.value_elements) if self.values else {},
        )
        try:
            walk = infer(model, options, said)
        except UsageError as error:
            raise UsageError(_by_names(str(error), named)) from None
        is_whole = not walk.left_out and not self.leaves_contradictions
        rows: Mapping[str, TypedOp] = walk.rows if is_whole else _reached(walk.rows)
        outside = notices_of_external_constants(model, rows, self.value_elements)
        unused = notices_of_unused(model, said, rows) + walk.lengths.notices_of_unused(lengths)
        wholes: tuple[object, ...] = (walk.lengths.report(),)
        if self.assume_dtype:
            wholes = (*wholes, FileTypes(rows))
            rows = {key: _recast(row, self.assume_dtype) for key, row in rows.items()}
        return PassResult(rows, walk.all_notices() + unused + outside, wholes)


def _input_dims(model: Model) -> set[str]:
    """Names of dims that the inputs have, those that the file fixes among them."""
    return {
        symbol if isinstance(symbol, str) else f"{graph_input.name}.{axis}"
        for graph_input in model.graph.inputs
        for axis, symbol in enumerate(graph_input.symbols or ())
    }


def _by_names(message: str, named: Mapping[str, tuple[str, ...]]) -> str:
    """A message with the axes of outputs by the names that the user gave."""
    for name, axes in named.items():
        for axis in axes:
            message = message.replace(f"--dim {shown(axis)}", f"--dim {shown(name)} ({axis})")
    return message


def _axis_of(name: str) -> bool:
    return name.rpartition(".")[2].isdecimal() and "." in name


def _reached(rows: Mapping[str, TypedOp]) -> dict[str, TypedOp]:
    """The rows of the scopes that the main graph runs: not those of a branch that was left out half-way."""
    scopes: dict[str, list[TypedOp]] = {}
    for row in rows.values():
        scopes.setdefault(row.scope, []).append(row)
    pending, reached = [""], {""}
    while pending:
        found = {body.scope for row in scopes.get(pending.pop(), ()) for body in row.bodies} - reached
        pending.extend(found)
        reached |= found
    return {key: row for key, row in rows.items() if row.scope in reached}


def _recast(row: TypedOp, dtype: str) -> TypedOp:
    """The row with its floating tensors at another width."""
    return replace(
        row,
        inputs=tuple(None if kind is None else kind.at_width_of(dtype) for kind in row.inputs),
        outputs=tuple(kind.at_width_of(dtype) for kind in row.outputs),
    )
