"""What is known of the tensors of one scope while shapes are inferred, and how scopes ask for one another."""

from collections.abc import Generator, Mapping
from typing import TYPE_CHECKING

from msgspec import Struct, field
from msgspec.structs import replace

from onnx_roofline.ir.graph import UNKNOWN_TYPE, AttributeValue, Graph, Op, TensorType, body_scope
from onnx_roofline.ir.records import Body

if TYPE_CHECKING:
    from onnx_roofline.ir.graph import Array

# Where a tensor's value comes from, least dependent first: stored values alone, shapes, or what the user feeds.
CONSTANT, FROM_SHAPE, DATA = 0, 1, 2


class Known(Struct, frozen=True):
    """What is known of one tensor: type, value if small and computable, and what the value depends on.

    `bound` is an upper bound of the value, element by element, where the value itself depends on data. `partial` are
    the elements where some are not sure; a `value` beside it rests on an assumption. `hangs` are the lengths that data
    decide on which the type or the value depends, and `token` names the tensor that it was made as. `runs` are the
    values of its one element in all runs of its scope, where they differ.
    """

    type: TensorType
    value: "Array | None" = None
    origin: int = DATA
    bound: "Array | None" = None
    partial: "Array | None" = None
    hangs: frozenset[str] = frozenset()
    token: str = ""
    runs: "Array | None" = None

    @property
    def is_sure(self) -> bool:
        """Whether nothing of it is a bound, a guess or known in parts."""
        return self.type.is_sure and self.bound is None and self.partial is None


class Scope(Struct):
    """One run of a graph with given inputs: `prefix` begins the row ids, `tensors` fills as ops are visited.

    `numbers` tell for the tensors that ops read what is known of them, so far as ops can be alike in it.
    `loops` is how many loops run it, inside each other. `family` is the prefix without the number of the signature, in
    a function's body. `runs` is how many runs of it are told apart, and `picks` in which run of the scope around it
    each of them is; None where that is not known.
    """

    prefix: str
    graph: Graph
    parent: "Scope | None" = None
    attributes: Mapping[str, AttributeValue] = field(default_factory=dict)
    tensors: dict[str, Known] = field(default_factory=dict)
    loops: int = 0
    family: str = ""
    numbers: dict[str, int] = field(default_factory=dict)
    picks: "Array | None" = None
    runs: int | None = 1

    def find(self, name: str) -> Known:
        """What is known of a name here or in the scopes around."""
        scope: Scope | None = self
        while scope is not None:
            known = scope.tensors.get(name)
            if known is not None:
                return known if known.runs is None or scope is self else self._of_own_runs(known, scope)
            scope = scope.parent
        return Known(UNKNOWN_TYPE)

    def _of_own_runs(self, known: Known, around: "Scope") -> Known:
        """What the runs of a scope around this one are in the runs of this one."""
        assert known.runs is not None
        picks, scope = self.picks, self.parent
        while scope is not None and scope is not around and picks is not None:
            picks = None if scope.picks is None else scope.picks[picks]
            scope = scope.parent
        return replace(known, runs=None if picks is None else known.runs[picks])


class BodyRequest(Struct, frozen=True):
    """Infer a control-flow body: `inputs` are what its formal inputs are known to be, in order.

    `picks` are the runs of `scope` in which it runs, once for each run of the body; None where they are not known.
    `runs` is how many runs of it are told apart then.
    """

    op: Op
    attribute: str
    graph: Graph
    scope: Scope
    inputs: tuple[Known, ...]
    picks: "Array | None" = None
    runs: int | None = None

    @property
    def prefix(self) -> str:
        """Scope of the body: `loop_12/body/` in its parent's."""
        return body_scope(self.scope.prefix, self.op, self.attribute)

    @property
    def family(self) -> str:
        """The same, without the signature of the function that it is in."""
        return body_scope(self.scope.family, self.op, self.attribute)


class CallRequest(Struct, frozen=True):
    """Infer a model-local function for one signature of inputs and attributes."""

    op: Op
    scope: Scope
    inputs: tuple[Known, ...]


class GraphResult(Struct, frozen=True):
    """What a graph's outputs are known to be, and the scope its rows are in."""

    outputs: tuple[Known, ...]
    prefix: str


class OpResult(Struct, frozen=True):
    """What an op's outputs are known to be, with the bodies it runs.

    `left_out` are (branch, reason) of an If whose condition is open and one of whose branches can't be valid;
    `contradiction` is why nothing is known of an op whose operands can't be; `is_undecided` says that both branches can
    be and give types that differ; `is_own` that the types are the inference's own, without a declaration or a guess.
    """

    outputs: tuple[Known, ...]
    bodies: tuple[Body, ...] = ()
    note: str = ""
    left_out: tuple[tuple[str, str], ...] = ()
    contradiction: str = ""
    is_undecided: bool = False
    is_own: bool = False


Request = BodyRequest | CallRequest
# A step that may ask for other graphs before it answers; the driver keeps the stack, so nothing recurses.
Steps = Generator[Request, GraphResult, OpResult]
