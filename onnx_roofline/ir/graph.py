"""The frozen model: ops as nodes of a networkx multigraph, tensors as its edges, and typed columns beside it.

A `Model` never changes. A pass reads columns and returns one new column, which `with_column` adds to a new `Model`
that shares everything else. Control-flow bodies and model-local functions each are a `Graph` of their own.
"""

from collections.abc import Iterable, Mapping
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, TypeVar

from msgspec import Struct, field
from msgspec.structs import replace

from onnx_roofline.base.units import DTYPE_BITS, product, tensor_bytes

if TYPE_CHECKING:
    import networkx as nx
    import numpy as np

    Array = np.ndarray[tuple[int, ...], np.dtype[np.generic]]
    Ints = np.ndarray[tuple[int, ...], np.dtype[np.integer]]

# A column is keyed by its record's class, so that reading one is typed.
C = TypeVar("C")

# Floating types that a deployment at another width replaces; narrower ones are a quantisation that stays.
_RECASTABLE = frozenset({"float32", "float64", "float16", "bfloat16"})


class TensorType(Struct, frozen=True):
    """What a tensor is: element type, shape, and whether the shape is known exactly.

    `shape` is None for an unknown rank, and a dim is None where it is unknown. `exact` is False where the shape depends
    on values: it is then an upper bound. `container` is "tensor", "sequence", "optional" or "map"; for the last three,
    `dtype` and `shape` describe one element and `length` how many there are (None: unknown). `assumed` is set where the
    shape rests on a guess: a length or trip count that data decide, or a declaration. Of a shape that is a bound or
    assumed, `sure_axes` are the axes whose dims hold all the same; None where not even the rank does.
    """

    dtype: str
    shape: tuple[int | None, ...] | None
    exact: bool = True
    container: str = "tensor"
    length: int | None = None
    assumed: bool = False
    sure_axes: tuple[int, ...] | None = ()

    @property
    def is_sure(self) -> bool:
        """Whether the shape is neither a bound nor assumed."""
        return self.exact and not self.assumed

    def known_axes(self) -> tuple[int, ...]:
        """The axes whose dims are certain numbers."""
        dims = enumerate(self.shape or ())
        return tuple(i for i, dim in dims if dim is not None and (self.is_sure or i in (self.sure_axes or ())))

    def resting(self, *, exact: bool, assumed: bool, sure_axes: "Iterable[int] | None") -> "TensorType":
        """This type with another certainty; a tensor each of whose axes is sure is exact."""
        axes = None if sure_axes is None else tuple(sorted(sure_axes))
        if self.container == "tensor" and self.shape is not None and axes == tuple(range(len(self.shape))):
            exact, assumed = True, False
        if exact and not assumed:
            axes = ()
        return replace(self, exact=exact, assumed=assumed, sure_axes=axes)

    def certain(self) -> "TensorType":
        """This type with every dim that is a bound or assumed left open; without a shape where the rank may differ."""
        if self.is_sure:
            return self
        kept = set(self.known_axes())
        shape = (
            None
            if self.shape is None or self.sure_axes is None
            else tuple(dim if axis in kept else None for axis, dim in enumerate(self.shape))
        )
        length = self.length if self.assumed and self.exact else None
        return TensorType(self.dtype, shape, True, self.container, length)

    @property
    def is_known(self) -> bool:
        """Whether the element count is known: every dim is an integer."""
        return self.shape is not None and None not in self.shape

    @property
    def dims(self) -> tuple[int, ...]:
        """The shape, of a tensor whose shape is known."""
        assert self.shape is not None
        return tuple(dim for dim in self.shape if dim is not None)

    @property
    def elements(self) -> int | None:
        """Number of elements, or None if unknown; all elements of a sequence together."""
        each = None if self.shape is None else _elements(self.shape)
        if self.container == "sequence" and each is not None:
            return None if self.length is None else each * self.length
        return each

    @property
    def bytes(self) -> int | None:
        """Bytes in memory with packed sub-byte types, or None if unknown."""
        elements = self.elements
        return None if elements is None else tensor_bytes(self.dtype, elements)

    def at_width_of(self, dtype: str) -> "TensorType":
        """This type with `dtype` in place of a floating type of 16 bits or more; "" leaves it as it is."""
        return replace(self, dtype=dtype) if dtype and self.dtype in _RECASTABLE else self

    def __str__(self) -> str:
        if self.shape is None:
            dims = "[...]"
        else:
            dims = "[" + ", ".join("?" if dim is None else str(dim) for dim in self.shape) + "]"
        text = f"{self.dtype or 'unknown'}{dims}"
        return text if self.container == "tensor" else f"{self.container}({text})"


UNKNOWN_TYPE = TensorType("", None)


# A model has few different shapes, and every pass asks for their sizes.
@lru_cache(maxsize=1 << 14)
def _elements(shape: tuple[int | None, ...]) -> int | None:
    known = [dim for dim in shape if dim is not None]
    return product(known) if len(known) == len(shape) else None


class StoredTensor(Struct, frozen=True):
    """A tensor that the file holds: an initializer or the value of a Constant node.

    `value` is None where the reader skipped it (large, or in another file). `alias` names the bytes in an external file
    (location, offset, length), so that two initializers of the same bytes count once.
    """

    type: TensorType
    value: "Array | None"
    is_constant_node: bool = False
    alias: tuple[str, int, int] | None = None
    sparse_values: int | None = None

    @property
    def is_weight(self) -> bool:
        """Whether this is a parameter: a floating-point or quantised (8-bit or narrower) tensor, not a lone literal.

        Wider integers and booleans are indices, shapes and masks; a scalar, or one element in a Constant node, is a
        literal such as an epsilon.
        """
        if self.type.shape is None or self.type.dtype in ("bool", "string", ""):
            return False
        if "float" not in self.type.dtype and DTYPE_BITS.get(self.type.dtype, 64) > 8:
            return False
        if self.type.shape == ():
            return False
        return not (self.is_constant_node and self.type.elements == 1)

    @property
    def stored_bytes(self) -> int | None:
        """Bytes the weight occupies in the file; of a sparse tensor its values and 64-bit indices."""
        if self.sparse_values is not None:
            values = tensor_bytes(self.type.dtype, self.sparse_values)
            return None if values is None else values + 8 * self.sparse_values
        return self.type.bytes


class LongList(Struct, frozen=True, eq=False):
    """A list attribute too long to be kept as it is, such as the nodes of a tree ensemble.

    `numbers` are its whole numbers, or indices into its few different `texts`; None where only the length is known.
    """

    count: int
    numbers: "Ints | None" = None
    texts: tuple[str, ...] = ()

    def __len__(self) -> int:
        """Number of entries."""
        return self.count


AttributeValue = (
    int | float | str | bytes | tuple[int, ...] | tuple[float, ...] | tuple[str, ...] | StoredTensor | LongList
)


class AttributeReference(Struct, frozen=True):
    """An attribute of an op in a function body whose value the call gives."""

    name: str


class Op(Struct, frozen=True, eq=False):
    """One node of the file.

    `id` is unique in its graph and stable (`12:Loop`); `name` is a label and may be empty or repeated. `inputs` and
    `outputs` are tensor names, "" for an absent optional one. `bodies` are the graphs of a control-flow op by attribute
    name, `function` the key of the model-local function it calls. `proto` is the node for the onnx library, which alone
    reads it: as bytes, an eighth of a parsed message, or as a message where it has bodies. `is_inserted`: the file has
    no such node; it stands for another precision that is tried.
    """

    id: str
    index: int
    name: str
    op_type: str
    domain: str
    version: int
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, AttributeValue | AttributeReference]
    module: str = ""
    bodies: Mapping[str, "Graph"] = field(default_factory=dict)
    function: str | None = None
    proto: object = None
    is_inserted: bool = False

    @property
    def qualified_type(self) -> str:
        """Op type with its domain where it is not the default one: `Conv`, `com.microsoft.FusedConv`."""
        return f"{self.domain}.{self.op_type}" if self.domain else self.op_type


class GraphInput(Struct, frozen=True):
    """A named input or output of a graph with its type.

    `symbols` are the dims as the file has them: an integer, the name of a symbolic dim, or None where nothing is said.
    """

    name: str
    type: TensorType
    symbols: tuple[int | str | None, ...] | None = None


class Graph(Struct, frozen=True, eq=False, dict=True):
    """Ops in topological order with the tensors that the graph holds.

    `declared` are the types that the file states for inner tensors; they are checked, never trusted.
    """

    name: str
    ops: tuple[Op, ...]
    inputs: tuple[GraphInput, ...]
    outputs: tuple[GraphInput, ...]
    stored: Mapping[str, StoredTensor]
    declared: Mapping[str, GraphInput] = field(default_factory=dict)

    @cached_property
    def nx(self) -> "nx.MultiDiGraph":
        """Frozen multigraph: node = op id with its Op under "op", edge key = tensor name."""
        import networkx as nx

        graph = nx.MultiDiGraph()
        graph.add_nodes_from((op.id, {"op": op}) for op in self.ops)
        producers = {name: op.id for op in self.ops for name in op.outputs if name}
        graph.add_edges_from(
            (producers[name], op.id, name) for op in self.ops for name in op_reads(op) if name in producers
        )
        nx.freeze(graph)
        return graph

    @cached_property
    def free_names(self) -> tuple[str, ...]:
        """Names that this graph and its bodies take from outside it, in first-use order, each once."""
        # Innermost first, so that no property asks for another one that is not there yet.
        pending, found = [self], []
        while pending:
            graph = pending.pop()
            found.append(graph)
            pending.extend(body for op in graph.ops for body in op.bodies.values() if "free_names" not in vars(body))
        for graph in reversed(found[1:]):
            vars(graph)["free_names"] = _free_names(graph)
        return _free_names(self)


def body_scope(scope: str, op: Op, attribute: str) -> str:
    """Scope of a body: `loop_12/body/` in its op's."""
    return f"{scope}{op.id.partition(':')[2].lower()}_{op.index}/{attribute}/"


def op_reads(op: Op) -> tuple[str, ...]:
    """Names of the tensors of its own graph that an op needs: its inputs, then what its bodies capture."""
    names = op.inputs if "" not in op.inputs else tuple(name for name in op.inputs if name)
    return names if not op.bodies else names + captured_names(op)


def captured_names(op: Op) -> tuple[str, ...]:
    """Names that the bodies of an op take from outside them, body by body in first-use order, each once."""
    return tuple(dict.fromkeys(name for body in op.bodies.values() for name in body.free_names))


def nested_graphs(graphs: Iterable[Graph]) -> list[Graph]:
    """These graphs and the bodies of their ops, at any depth, each once."""
    pending, found = list(graphs), []
    while pending:
        graph = pending.pop()
        found.append(graph)
        for op in graph.ops:
            pending.extend(op.bodies.values())
    return found


def _free_names(graph: Graph) -> tuple[str, ...]:
    """Names that a graph reads and does not define; those of its bodies are known already."""
    local = {graph_input.name for graph_input in graph.inputs} | set(graph.stored)
    local.update(name for op in graph.ops for name in op.outputs)
    reads = (name for op in graph.ops for name in op_reads(op))
    results = (output.name for output in graph.outputs)
    return tuple(dict.fromkeys(name for name in (*reads, *results) if name not in local))


class Dim(Struct, frozen=True):
    """A bound dim: its value and where it came from: `model`, `bound`, `assumed` or `data`."""

    value: int
    origin: str
    reason: str = ""

    @property
    def is_computed(self) -> bool:
        """Whether it follows from other dims, which are stated or assumed."""
        return self.reason.startswith("computed:")

    @property
    def is_overridden(self) -> bool:
        """Whether an option overrides the size that the file fixes."""
        return self.reason.startswith("overridden:")


class Notice(Struct, frozen=True):
    """Something the reader of a report should know: a stable code, where, and one sentence."""

    code: str
    where: str
    message: str


class FileInfo(Struct, frozen=True):
    """What the file says of itself; `graph_sha256` is the digest of the file with large tensor payloads left out."""

    path: str
    graph_sha256: str
    file_bytes: int
    ir_version: int
    opsets: Mapping[str, int]
    producer: str


class Function(Struct, frozen=True):
    """A model-local function: its body is analysed once per distinct signature and multiplied by its calls."""

    key: str
    graph: Graph
    attribute_defaults: Mapping[str, AttributeValue]


class Model(Struct, frozen=True):
    """A file, its graph, its functions, its bound dims, and the columns that passes have added."""

    info: FileInfo
    graph: Graph
    functions: Mapping[str, Function]
    dims: Mapping[str, Dim]
    warnings: tuple[Notice, ...] = ()
    columns: Mapping[type, Mapping[str, object]] = field(default_factory=dict)
    wholes: Mapping[type, object] = field(default_factory=dict)

    def column(self, record: type[C]) -> Mapping[str, C]:
        """The rows of one column by row id; KeyError names the record if no pass has produced it."""
        return self.columns[record]  # type: ignore[return-value]

    def whole(self, record: type[C]) -> C:
        """What a pass says of the model as a whole; KeyError names the record if no pass has said it."""
        return self.wholes[record]  # type: ignore[return-value]

    def with_column(
        self, record: type[C], rows: Mapping[str, C], warnings: tuple[Notice, ...] = (), added: Iterable[object] = ()
    ) -> "Model":
        """A new model with one more column; a column is never written twice. `added` are wholes, kept by class."""
        assert record not in self.columns, f"column {record.__name__} exists already"
        wholes = {**self.wholes, **{type(whole): whole for whole in added}}
        columns = {**self.columns, record: rows}
        return replace(self, columns=columns, wholes=wholes, warnings=self.warnings + warnings)
