"""The forward walk: types, small values and bodies of every op, in every scope it runs in.

Function bodies are inferred once for each distinct signature, bodies of control flow once for each op. The walk keeps
its own stack; nothing recurses over the graph.
"""

from collections.abc import Generator, Mapping
from fractions import Fraction
from itertools import islice
from math import ceil
from typing import TYPE_CHECKING, Any

from msgspec import Struct, field
from msgspec.structs import replace

from onnx_roofline.base.errors import ShapeError
from onnx_roofline.inference.alike import Alike, Classes
from onnx_roofline.inference.control_flow import Choice, infer_control_flow, with_modifiers
from onnx_roofline.inference.evidence import SHOWN_CONTRADICTIONS, Evidence
from onnx_roofline.inference.lengths import Lengths
from onnx_roofline.inference.onnx_library import known_attributes, node_with_attributes
from onnx_roofline.inference.open_axes import rows_of_reshape
from onnx_roofline.inference.plain_ops import PlainOps, bytes_of, sides_of
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
from onnx_roofline.inference.user_trips import Stated
from onnx_roofline.ir.graph import UNKNOWN_TYPE, AttributeReference, Model, Notice, Op, TensorType, captured_names
from onnx_roofline.ir.records import Body, OpRole, TypedOp

if TYPE_CHECKING:
    from onnx_roofline.ir.graph import Array

# Notices about branches that are left out; the others are only counted.
SHOWN_BRANCHES = 20

GraphSteps = Generator[Request, GraphResult, GraphResult]


class WalkOptions(Struct, frozen=True):
    """`observed` holds the true types that one real run showed, scope -> tensor -> type, and `observed_runs` how often
    each body ran per run of its op, by the body's scope. `lengths` are sizes that the user states of lengths that data
    decide, `proposed` sizes to try for others, `watched` axes whose sizes are kept, and `branches` what to take of open
    Ifs: row id -> (branch, origin, reason). `leaves_contradictions` makes an op whose operands contradict each other
    unknown; `values` are what the user says that integer inputs hold.
    """

    value_elements: int
    observed: Mapping[str, Mapping[str, TensorType]] = field(default_factory=dict)
    observed_runs: Mapping[str, Fraction] = field(default_factory=dict)
    lengths: Mapping[str, int] = field(default_factory=dict)
    proposed: Mapping[str, int] = field(default_factory=dict)
    watched: frozenset[str] = frozenset()
    branches: Mapping[str, Choice] = field(default_factory=dict)
    leaves_contradictions: bool = False
    values: "Mapping[str, Array]" = field(default_factory=dict)


class Walk:
    """One inference: the rows so far, the memo of signatures, and the notices."""

    def __init__(self, model: Model, options: WalkOptions, said: Stated) -> None:
        self.model, self.options, self.stated = model, options, said
        self.rows: dict[str, TypedOp] = {}
        self._plain = PlainOps(options.value_elements)
        self._evidence = Evidence(model, options.observed)
        self.lengths = Lengths(model, options.lengths, options.proposed, options.watched)
        # Open Ifs whose branches give types that differ.
        self.open_choices: list[str] = []
        self._functions: dict[object, GraphResult] = {}
        # None where what is observed or stated of one tensor would not hold for another.
        self._classes = None if options.observed or options.lengths else Classes()
        self._function_scopes: dict[str, int] = {}
        # Ops that are left unknown since their operands contradict each other: the first notices, and how many.
        self._left: list[Notice] = []
        self._left_unknown = 0
        # Branches that can't be valid, by row and attribute, with the reason.
        self.left_out: dict[tuple[str, str], str] = {}

    @property
    def disagreements(self) -> int:
        """How many operands and declarations contradict what is assumed or inferred."""
        return self.lengths.conflicts + self._evidence.contradictions

    @property
    def misfits(self) -> tuple[int, int]:
        """How many operands contradict what is assumed, and how many ops have outputs of unknown sizes."""
        unknown = sum(not all(kind.is_known for kind in row.outputs) for row in self.rows.values())
        return self.lengths.conflicts, unknown

    def all_notices(self) -> tuple[Notice, ...]:
        """What contradicts declarations or a run, and the branches that are left out."""
        notices = [*self._evidence.notices(), *self._left]
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
            main.tensors[graph_input.name] = self._evidence.observed(
                graph_input.name,
                Known(graph_input.type, self.options.values.get(graph_input.name), token=graph_input.name),
                main,
            )
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
        scope.picks, scope.runs = request.picks, request.runs if request.picks is None else len(request.picks)
        self.lengths.forget_those_in(request.prefix)
        for formal, known in zip(request.graph.inputs, request.inputs, strict=False):
            if known.type == UNKNOWN_TYPE:
                known = Known(formal.type)
            known = replace(known, token=known.token or scope.prefix + formal.name)
            scope.tensors[formal.name] = self._evidence.observed(formal.name, known, scope)
        return scope

    def _signature_of_call(self, request: CallRequest) -> object:
        inputs = tuple(
            (
                known.type,
                bytes_of(known.value),
                bytes_of(known.bound),
                known.origin,
                sides_of(known.partial),
                known.hangs,
                bytes_of(known.runs),
            )
            for known in request.inputs
        )
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
        scope.runs = max((len(known.runs) for known in request.inputs if known.runs is not None), default=1)
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
        return replace(op, attributes=attributes, proto=node_with_attributes(op, attributes))

    def _infer_graph(self, scope: Scope) -> GraphSteps:
        graph = scope.graph
        for name, stored in graph.stored.items():
            scope.tensors[name] = Known(stored.type, stored.value, CONSTANT)
        classes = self._classes
        for op in graph.ops:
            signature = None if classes is None else classes.signature(op, scope)
            known = None if classes is None or signature is None else classes.find(signature)
            if known is not None:
                self._record_alike(op, scope, known)
                continue
            resolved = self._resolved(op, scope)
            inputs = tuple(self.lengths.settle(scope.find(name)) if name else None for name in resolved.inputs)
            result = yield from self._infer_op(resolved, scope, inputs)
            self._record(resolved, scope, inputs, result)
            if classes is not None and signature is not None and result.is_own:
                key = scope.prefix + op.id
                self.rows[key] = classes.learn(signature, self.rows[key], scope)
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
            self._left.append(Notice("contradiction", where, f"{text}; the op is unknown"))

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
        key = scope.prefix + op.id
        lengths = self.lengths.stated_of(op) if self.options.lengths else {}
        result = yield from infer_control_flow(op, scope, inputs, said, lengths, self.options.branches.get(key))
        if result.is_undecided and key not in self.open_choices:
            self.open_choices.append(key)
        for branch, reason in result.left_out:
            self.left_out[key, branch] = reason.removeprefix(self.model.info.path + ": ")
        bodies = tuple(
            replace(body, repeat=runs[body.attribute], origin="bound") if body.attribute in runs else body
            for body in result.bodies
        )
        return replace(result, bodies=bodies)

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
        found, is_misfit = self._plain.infer(op, inputs, scope.prefix + next(filter(None, op.outputs), ""))
        rows = rows_of_reshape(op, inputs)
        if is_misfit or (rows is not None and rows[0] % rows[1] and inputs[0] is not None and inputs[0].type.assumed):
            self.lengths.note_misfit(op, inputs)
        if op.op_type == "Constant" and not op.domain:
            return OpResult(found)
        types = tuple(
            self._evidence.reconciled(name, known.type, scope) for name, known in zip(op.outputs, found, strict=True)
        )
        is_own = not is_misfit and all(kind is known.type for kind, known in zip(types, found, strict=True))
        outputs = tuple(replace(known, type=kind) for known, kind in zip(found, types, strict=True))
        return OpResult(outputs, is_own=is_own)

    def _record_alike(self, op: Op, scope: Scope, known: Alike) -> None:
        """The row and the outputs of an op that is like one that was inferred."""
        row, prefix = known.row, scope.prefix
        for name, (output, number) in zip(op.outputs, known.outputs, strict=True):
            if scope.graph.declared:
                self._evidence.reconciled(name, output.type, scope)
            if name:
                scope.tensors[name] = Known(output.type, output.value, output.origin, token=prefix + name)
                scope.numbers[name] = number
        self.rows[prefix + op.id] = TypedOp(
            op, prefix, row.inputs, row.outputs, row.values, role=row.role, alike=row.alike
        )

    def _record(self, op: Op, scope: Scope, inputs: tuple[Known | None, ...], result: OpResult) -> None:
        outputs = (*result.outputs, *(Known(UNKNOWN_TYPE),) * (len(op.outputs) - len(result.outputs)))
        outputs = outputs[: len(op.outputs)]
        outputs = tuple(
            self._evidence.observed(name, known, scope) for name, known in zip(op.outputs, outputs, strict=True)
        )
        key = scope.prefix + op.id
        behind: frozenset[str] = frozenset().union(*(known.hangs for known in inputs if known is not None))
        if op.bodies:
            behind = behind.union(*(scope.find(name).hangs for name in captured_names(op)))
            behind = behind.union(*(self.lengths.arising_in(body.scope) for body in result.bodies))
        outputs = self.lengths.name_those_of(op, key, scope, inputs, outputs, behind)
        for name, known in zip(op.outputs, outputs, strict=True):
            if name:
                scope.tensors[name] = known
                scope.numbers.pop(name, None)
        self.rows[key] = TypedOp(
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
    ) -> OpRole:
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


def _boolean(value: bool) -> Known:
    import numpy as np

    return Known(TensorType("bool", ()), np.array(value))
