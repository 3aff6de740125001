"""Shape inference: a forward walk that gives every op the types of its operands, in every scope it runs in.

Inference beats declaration: what the file declares is compared and used only where nothing else is known. Repeated
signatures are inferred once. Function bodies are inferred once for each distinct signature, bodies of control flow once
for each op. The walk keeps its own stack; nothing recurses over the graph.
"""

from collections.abc import Generator, Mapping
from fractions import Fraction
from itertools import islice
from math import ceil
from typing import TYPE_CHECKING, Any, ClassVar

from msgspec import Struct, field
from msgspec.structs import replace

from onnx_roofline.base.errors import ShapeError
from onnx_roofline.inference.constant_values import RANDOM_OPS, SHAPE_OPS, evaluate
from onnx_roofline.inference.control_flow import infer_control_flow, with_modifiers
from onnx_roofline.inference.external_constants import notices_of_external_constants
from onnx_roofline.inference.onnx_library import known_attributes
from onnx_roofline.inference.output_types import output_types
from onnx_roofline.inference.scope import (
    CONSTANT,
    DATA,
    FROM_SHAPE,
    BodyRequest,
    CallRequest,
    GraphResult,
    Known,
    OpResult,
    Request,
    Scope,
    Steps,
)
from onnx_roofline.inference.user_trips import Stated, notices_of_unused, stated
from onnx_roofline.inference.user_values import stated_values
from onnx_roofline.inference.value_bounds import bounded_outputs
from onnx_roofline.ir.graph import (
    UNKNOWN_TYPE,
    AttributeReference,
    GraphInput,
    LongList,
    Model,
    Notice,
    Op,
    StoredTensor,
    TensorType,
    captured_names,
)
from onnx_roofline.ir.pipeline import PassResult
from onnx_roofline.ir.records import Body, TypedOp

if TYPE_CHECKING:
    from onnx_roofline.ir.graph import Array

# Notices about declarations that contradict the inference; more than this are only counted.
SHOWN_CONTRADICTIONS = 20
# Notices about branches that are left out; the others are only counted.
SHOWN_BRANCHES = 20
# Ops that turn stored weights into what is computed with at every run, since folding them would undo the compression.
_NOT_FOLDED = frozenset({"DequantizeLinear", "DynamicQuantizeLinear"})


class ShapeInference(Struct, frozen=True):
    """Options: `assume_dtype` recosts floating tensors at another width; `trips`, `branches`, `values`: what the user
    says of loops, branches and integer inputs; `observed` holds the true types that one real run showed, scope ->
    tensor -> type, and `observed_runs` how often each body ran per run of its op, by the body's scope.
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

    name: ClassVar[str] = "shape-inference"
    unprinted: ClassVar[tuple[str, ...]] = ("observed", "observed_runs")
    requires: ClassVar[tuple[type, ...]] = ()
    produces: ClassVar[type] = TypedOp

    def run(self, model: Model) -> PassResult:
        """A TypedOp for every op of every scope.

        Raises ShapeError where operands contradict each other; the message names the file, the op and the tensors.
        Raises UsageError where `trips` or `branches` name no op, and `values` no integer input or none of its shape.
        """
        said = stated(model, self.trips, self.branches)
        values = stated_values(model, self.values, self.value_elements) if self.values else {}
        walk = _Walk(model, self, said, values)
        walk.infer_main()
        is_whole = not walk.left_out and not self.leaves_contradictions
        rows: Mapping[str, TypedOp] = walk.rows if is_whole else _reached(walk.rows)
        if self.assume_dtype:
            rows = {key: _recast(row, self.assume_dtype) for key, row in rows.items()}
        outside = notices_of_external_constants(model, rows, self.value_elements)
        return PassResult(rows, walk.all_notices() + notices_of_unused(model, said, rows) + outside)


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


GraphSteps = Generator[Request, GraphResult, GraphResult]


class _Walk:
    """One inference: the rows so far, the memo of signatures, and the notices."""

    def __init__(self, model: Model, options: ShapeInference, said: Stated, values: "Mapping[str, Array]") -> None:
        self.model, self.options, self.stated, self.values = model, options, said, values
        self.rows: dict[str, TypedOp] = {}
        self._outputs_by_signature: dict[object, tuple[tuple[TensorType, ...], tuple[Array | None, ...]]] = {}
        self._functions: dict[object, GraphResult] = {}
        self._function_scopes: dict[str, int] = {}
        self._notices: list[Notice] = []
        self._contradictions = 0
        self._left_unknown = 0
        self._refuted: set[tuple[str, str]] = set()
        # Branches that can't be valid, by row and attribute, with the reason.
        self.left_out: dict[tuple[str, str], str] = {}

    def all_notices(self) -> tuple[Notice, ...]:
        notices = list(self._notices)
        if self._contradictions > SHOWN_CONTRADICTIONS:
            more = self._contradictions - SHOWN_CONTRADICTIONS
            notices.append(Notice("declared-shape", "", f"{more} more declarations contradict the inference"))
        if self._left_unknown > SHOWN_CONTRADICTIONS:
            more = self._left_unknown - SHOWN_CONTRADICTIONS
            notices.append(Notice("contradiction", "", f"{more} more ops are unknown since their operands contradict"))
        for (where, branch), reason in islice(self.left_out.items(), SHOWN_BRANCHES):
            text = f"{branch} can't be valid with these shapes and is left out: {reason}"
            notices.append(Notice("branch-left-out", where, text))
        if len(self.left_out) > SHOWN_BRANCHES:
            more = len(self.left_out) - SHOWN_BRANCHES
            notices.append(Notice("branch-left-out", "", f"{more} more branches can't be valid with these shapes"))
        return tuple(notices)

    def infer_main(self) -> None:
        """Drive the main graph and whatever it asks for, with an explicit stack."""
        main = Scope("", self.model.graph)
        for graph_input in self.model.graph.inputs:
            known = Known(graph_input.type, self.values.get(graph_input.name))
            main.tensors[graph_input.name] = self._observed(graph_input.name, known, main)
        stack: list[tuple[GraphSteps, object]] = [(self._infer_graph(main), None)]
        answer: GraphResult | ShapeError | None = None
        while stack:
            steps, memo_key = stack[-1]
            try:
                if isinstance(answer, ShapeError):
                    request = steps.throw(answer)
                else:
                    request = next(steps) if answer is None else steps.send(answer)
            except ShapeError as error:
                # Whoever asked for this graph may do without it.
                stack.pop()
                if not stack:
                    raise
                answer = error
                continue
            except StopIteration as stopped:
                stack.pop()
                finished: GraphResult = stopped.value
                if memo_key is not None:
                    self._functions[memo_key] = finished
                answer = finished
                continue
            answer = None
            if isinstance(request, BodyRequest):
                stack.append((self._infer_graph(self._body_scope(request)), None))
                continue
            key = self._signature_of_call(request)
            answer = self._functions.get(key)
            if answer is None:
                stack.append((self._infer_graph(self._call_scope(request)), key))

    def _body_scope(self, request: BodyRequest) -> Scope:
        scope = Scope(request.prefix, request.graph, request.scope, request.scope.attributes, family=request.family)
        scope.loops = request.scope.loops + (request.op.op_type == "Loop")
        for formal, known in zip(request.graph.inputs, request.inputs, strict=False):
            if known.type == UNKNOWN_TYPE:
                known = Known(formal.type)
            scope.tensors[formal.name] = self._observed(formal.name, known, scope)
        return scope

    def _signature_of_call(self, request: CallRequest) -> object:
        inputs = tuple((known.type, _bytes_of(known.value), _bytes_of(known.bound), known.origin)
                       for known in request.inputs)  # fmt: skip
        return request.op.function, inputs, known_attributes(request.op.attributes), len(request.op.outputs)

    def _call_scope(self, request: CallRequest) -> Scope:
        assert request.op.function is not None
        function = self.model.functions[request.op.function]
        number = self._function_scopes.get(function.key, 0)
        self._function_scopes[function.key] = number + 1
        given = {
            name: value for name, value in request.op.attributes.items() if not isinstance(value, AttributeReference)
        }
        attributes = {**function.attribute_defaults, **given}
        family = f"{function.key}@/"
        scope = Scope(f"{function.key}@{number}/", function.graph, None, attributes, family=family)
        scope.loops = request.scope.loops
        for formal, known in zip(function.graph.inputs, request.inputs, strict=False):
            scope.tensors[formal.name] = known
        return scope

    def _resolved(self, op: Op, scope: Scope) -> Op:
        """The op with the attributes that its function's call gives filled in."""
        if not any(isinstance(value, AttributeReference) for value in op.attributes.values()):
            return op
        attributes: dict[str, Any] = {}
        for name, value in op.attributes.items():
            if not isinstance(value, AttributeReference):
                attributes[name] = value
            elif value.name in scope.attributes:
                attributes[name] = scope.attributes[value.name]
        return replace(op, attributes=attributes, proto=_with_attributes(op, attributes))

    def _infer_graph(self, scope: Scope) -> GraphSteps:
        graph = scope.graph
        for name, stored in graph.stored.items():
            scope.tensors[name] = Known(stored.type, stored.value, CONSTANT)
        for op in graph.ops:
            resolved = self._resolved(op, scope)
            inputs = tuple(scope.find(name) if name else None for name in resolved.inputs)
            result = yield from self._infer_op(resolved, scope, inputs)
            self._record(resolved, scope, inputs, result)
        return GraphResult(tuple(scope.find(output.name) for output in graph.outputs), scope.prefix)

    def _infer_op(self, op: Op, scope: Scope, inputs: tuple[Known | None, ...]) -> Steps:
        try:
            if op.function is not None:
                return (yield from self._infer_call(op, scope, inputs))
            if op.bodies and not op.domain:
                return (yield from self._infer_bodies(op, scope, inputs))
            result = self._infer_plain(op, scope, inputs)
            if op.bodies and (op.domain, op.op_type) == ("ai.onnx.preview", "FlexAttention"):
                return (yield from with_modifiers(op, scope, inputs, result))
            return result
        except ShapeError as error:
            located = ShapeError(self._located(op, scope, inputs, error))
            located.op, located.shapes = error.op, error.shapes
            if located.op is None:
                located.op = op
                located.shapes = tuple(None if known is None else known.type.shape for known in inputs)
            if not self.options.leaves_contradictions:
                raise located from None
            self._note_left(scope.prefix + op.id, str(located))
            return OpResult((Known(UNKNOWN_TYPE),) * len(op.outputs), contradiction=str(error))

    def _note_left(self, where: str, message: str) -> None:
        """Notes an op that is left unknown since its operands contradict each other; many are counted."""
        self._left_unknown += 1
        if self._left_unknown <= SHOWN_CONTRADICTIONS:
            text = message.removeprefix(f"{self.model.info.path}: ")
            self._notices.append(Notice("contradiction", where, f"{text}; the op is unknown"))

    def _infer_bodies(self, op: Op, scope: Scope, inputs: tuple[Known | None, ...]) -> Steps:
        """A control-flow op, with the trip count or branch that was observed where one was."""
        runs = {
            name: self.options.observed_runs[key]
            for name, body in op.bodies.items()
            if (key := BodyRequest(op, name, body, scope, ()).prefix) in self.options.observed_runs
        }
        said = self.stated
        if op.op_type == "Loop" and runs:
            said = replace(said, trips={scope.prefix + op.id: ceil(runs["body"])})
        if op.op_type == "If" and set(runs.values()) == {0, 1}:
            inputs = (_boolean(runs.get("then_branch") == 1), *inputs[1:])
        result = yield from infer_control_flow(op, scope, inputs, said)
        for branch, reason in result.left_out:
            self.left_out[scope.prefix + op.id, branch] = reason.removeprefix(self.model.info.path + ": ")
        bodies = tuple(
            replace(body, repeat=runs[body.attribute], origin="bound") if body.attribute in runs else body
            for body in result.bodies
        )
        return replace(result, bodies=bodies)

    def _observed(self, name: str, inferred: Known, scope: Scope) -> Known:
        """What one real run showed of a tensor in place of what is inferred; a contradiction is noted."""
        seen = self.options.observed.get(scope.prefix, {}).get(name)
        if seen is None:
            return inferred
        seen = replace(seen, dtype=seen.dtype or inferred.type.dtype)
        if seen.exact and _contradicts(inferred.type, seen) and (scope.prefix, name) not in self._refuted:
            self._refuted.add((scope.prefix, name))
            text = f"inference gives {inferred.type}, one run of the model gives {seen}; the run holds"
            self._notices.append(Notice("observed-shape", scope.prefix + name, text))
        value = inferred.value
        return replace(inferred, type=seen, value=value if value is not None and value.shape == seen.shape else None)

    def _located(self, op: Op, scope: Scope, inputs: tuple[Known | None, ...], error: ShapeError) -> str:
        """The message with file, op and operands, unless an inner op has put them there."""
        text = str(error)
        if text.startswith(self.model.info.path + ":"):
            return text
        name = f" ({op.name!r})" if op.name else ""
        operands = ", ".join(
            f"{tensor!r} {known.type}" for tensor, known in zip(op.inputs, inputs, strict=True) if known is not None
        )
        return f"{self.model.info.path}: node {scope.prefix}{op.id}{name}: {text}; its inputs are {operands or 'none'}"

    def _infer_call(self, op: Op, scope: Scope, inputs: tuple[Known | None, ...]) -> Steps:
        known = tuple(Known(UNKNOWN_TYPE) if item is None else item for item in inputs)
        result = yield CallRequest(op, scope, known)
        return OpResult(result.outputs, (Body("call", result.prefix, Fraction(1), "exact"),))

    def _infer_plain(self, op: Op, scope: Scope, inputs: tuple[Known | None, ...]) -> OpResult:
        origin = _origin(op, inputs)
        if op.op_type == "Constant" and not op.domain:
            return OpResult((_constant(op),))
        types = tuple(None if known is None else known.type for known in inputs)
        values = tuple(None if known is None else known.value for known in inputs)
        signature = (
            op.domain, op.op_type, op.version, len(op.outputs), types, known_attributes(op.attributes),
            tuple(map(_bytes_of, values)),
            tuple(bool(name) for name in op.outputs),
        )  # fmt: skip
        answer = self._outputs_by_signature.get(signature)
        if answer is None:
            outputs = output_types(op, types, values)
            # What is fed has a value where the user states it; it is computed with at run time all the same.
            is_known = origin != DATA or (
                self.values and all(item is None or item.value is not None for item in inputs)
            )
            limit = self.options.value_elements
            answer = outputs, evaluate(op, types, values, outputs, limit) if is_known else (None,) * len(outputs)
            self._outputs_by_signature[signature] = answer
        outputs, results = answer
        bounds: tuple[Array | None, ...] = (None,) * len(outputs)
        at_most = bounded_outputs(op, inputs, outputs, self.options.value_elements)
        if at_most is not None:
            outputs, bounds = at_most
        known = []
        for name, kind, value, bound in zip(op.outputs, outputs, results, bounds, strict=True):
            final = self._reconciled(name, kind, scope)
            known.append(Known(final, value, origin, None if value is not None else bound))
        return OpResult(tuple(known))

    def _reconciled(self, name: str, inferred: TensorType, scope: Scope) -> TensorType:
        """The inferred type; where it says nothing, what the file declares; a contradiction is noted."""
        declared = scope.graph.declared.get(name)
        if declared is None or inferred.container != "tensor":
            return inferred
        if inferred.is_known and inferred.dtype:
            self._note_contradiction(name, inferred, declared)
            return inferred
        stated = declared.type
        if declared.symbols is not None:
            shape = tuple(self._bound(symbol) for symbol in declared.symbols)
            stated = replace(stated, shape=shape)
        if inferred.shape is None:
            return replace(stated, dtype=inferred.dtype or stated.dtype, exact=False)
        if stated.shape is None or len(stated.shape) != len(inferred.shape):
            return inferred
        shape = tuple(b if a is None else a for a, b in zip(inferred.shape, stated.shape, strict=True))
        return replace(inferred, dtype=inferred.dtype or stated.dtype, shape=shape, exact=False)

    def _bound(self, symbol: int | str | None) -> int | None:
        if isinstance(symbol, str):
            dim = self.model.dims.get(symbol)
            return None if dim is None else dim.value
        return symbol

    def _note_contradiction(self, name: str, inferred: TensorType, declared: GraphInput) -> None:
        stated = declared.type
        if stated.shape is None or not inferred.exact:
            return
        same_rank = len(stated.shape) == len(inferred.dims)
        if same_rank and all(s is None or s == i for s, i in zip(stated.shape, inferred.dims, strict=True)):
            return
        self._contradictions += 1
        if self._contradictions <= SHOWN_CONTRADICTIONS:
            self._notices.append(
                Notice(
                    "declared-shape", name, f"the file declares {stated}, inference gives {inferred}; inference holds"
                )
            )

    def _record(self, op: Op, scope: Scope, inputs: tuple[Known | None, ...], result: OpResult) -> None:
        outputs = (*result.outputs, *(Known(UNKNOWN_TYPE),) * (len(op.outputs) - len(result.outputs)))
        outputs = outputs[: len(op.outputs)]
        outputs = tuple(self._observed(name, known, scope) for name, known in zip(op.outputs, outputs, strict=True))
        for name, known in zip(op.outputs, outputs, strict=True):
            if name:
                scope.tensors[name] = known
        self.rows[scope.prefix + op.id] = TypedOp(
            op=op,
            scope=scope.prefix,
            inputs=tuple(None if known is None else known.type for known in inputs),
            outputs=tuple(known.type for known in outputs),
            values=tuple(None if known is None else known.value for known in inputs),
            role=self._role(op, scope, inputs, outputs, result),
            bodies=result.bodies,
            note=result.note,
            contradiction=result.contradiction,
        )

    def _role(
        self,
        op: Op,
        scope: Scope,
        inputs: tuple[Known | None, ...],
        outputs: tuple[Known, ...],
        result: OpResult,
    ) -> str:
        if result.bodies:
            captured = [scope.find(name).origin for name in captured_names(op)] if op.bodies else []
            origins = [known.origin for known in inputs if known is not None] + captured
            return "constant" if origins and max(origins) == CONSTANT else "compute"
        origin = max((known.origin for known in outputs), default=DATA)
        if origin == CONSTANT:
            return "constant"
        if origin == FROM_SHAPE and all(
            known.type.shape is not None and len(known.type.shape) <= 1 for known in outputs
        ):
            return "shape_only"
        return "compute"


def _bytes_of(value: "Array | None") -> bytes | None:
    """What tells one value from another of the same type."""
    return None if value is None else value.tobytes()


def _boolean(value: bool) -> Known:
    import numpy as np

    return Known(TensorType("bool", ()), np.array(value))


def _contradicts(inferred: TensorType, seen: TensorType) -> bool:
    """Whether a type that was seen is not among those that the inference allows."""
    if inferred.container != "tensor" or seen.container != "tensor":
        return False
    if inferred.dtype and inferred.dtype != seen.dtype:
        return True
    if inferred.shape is None or seen.shape is None:
        return False
    if len(inferred.shape) != len(seen.shape):
        return inferred.exact
    pairs = [(a, b) for a, b in zip(inferred.shape, seen.shape, strict=True) if a is not None and b is not None]
    return any(a != b if inferred.exact else a < b for a, b in pairs)


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


def _with_attributes(op: Op, attributes: Mapping[str, Any]) -> object:
    """The node with references replaced by values, as the onnx library's inference wants it."""
    from onnx_roofline.inference.onnx_library import node_with_attributes

    return node_with_attributes(op.proto, attributes)
