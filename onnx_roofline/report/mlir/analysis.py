"""An analysis as an MLIR module: every type that is certain, and the figures on each op."""

from collections.abc import Iterator, Mapping
from functools import cached_property

from msgspec import Struct
from msgspec.structs import replace

from onnx_roofline import __version__
from onnx_roofline.analysis.analyze import Analysis
from onnx_roofline.ir.graph import Graph, Op, TensorType
from onnx_roofline.ir.records import FileTypes, TypedOp
from onnx_roofline.report.annotations import PREFIX, model_annotations
from onnx_roofline.report.mlir.syntax import figure, identifier, integer, string, unique
from onnx_roofline.report.mlir.writer import Call, ModuleWriter
from onnx_roofline.report.node_figures import NodeFigures

_UNKNOWN = TensorType("", None)


def write_mlir(analysis: Analysis) -> Iterator[str]:
    """The lines of the module; its dims are those of the analysis, so that it can be analysed again alone."""
    source = _AnalysisSource(analysis)
    info, graph = analysis.model.info, analysis.model.graph
    attributes = {
        f"{PREFIX}tool": string(f"onnx-roofline {__version__}"),
        f"{PREFIX}producer": string(info.producer),
        f"{PREFIX}ir_version": integer(info.ir_version),
        **{PREFIX + name: figure(value) for name, value in model_annotations(analysis).items()},
    }
    main = Call(graph, "", source.symbol(""))
    yield from ModuleWriter(source).module(main, attributes, info.opsets)


class _AnalysisSource(Struct, frozen=True, dict=True):
    """What the passes found, as the writer asks for it."""

    analysis: Analysis

    @cached_property
    def _rows(self) -> Mapping[str, TypedOp]:
        """The rows at the types of the file: at those of an assumed width an op may not be valid."""
        model = self.analysis.model
        own = model.wholes.get(FileTypes)
        return own.rows if isinstance(own, FileTypes) else model.column(TypedOp)

    @cached_property
    def _figures(self) -> NodeFigures:
        return NodeFigures(self.analysis)

    @cached_property
    def _symbols(self) -> dict[str, str]:
        return {"": identifier(self.analysis.model.graph.name) or "main_graph"}

    @cached_property
    def _kinds(self) -> dict[tuple[str, str], TensorType | None]:
        """The types of the tensors of every scope: those that ops make, and those that formals are given."""
        main = self.analysis.model.graph
        found: dict[tuple[str, str], TensorType | None] = {("", one.name): one.type for one in main.inputs}
        formals: dict[tuple[str, str], TensorType] = {}
        declared = {("", name): one.type for name, one in main.declared.items()}
        for row in self._rows.values():
            for body in row.bodies:
                graph = self._graph_of(row.op, body.attribute)
                declared.update(((body.scope, name), one.type) for name, one in graph.declared.items())
                formals.update(((body.scope, one.name), one.type) for one in graph.inputs)
                if row.op.function is not None:
                    given = (*row.inputs, *(None,) * (len(graph.inputs) - len(row.inputs)))
                    found.update(
                        ((body.scope, formal.name), None if kind is None else kind.certain())
                        for formal, kind in zip(graph.inputs, given, strict=False)
                    )
        for row in self._rows.values():
            for name, kind in zip(row.op.outputs, row.outputs, strict=True):
                stated = declared.get((row.scope, name), _UNKNOWN)
                found[row.scope, name] = _joined(kind.certain(), stated)
            for name, given_kind in zip(row.op.inputs, row.inputs, strict=True):
                # The formal of a loop's body: what its first reader found.
                if given_kind is not None:
                    found.setdefault((row.scope, name), given_kind.certain())
        return formals | found

    def _graph_of(self, op: Op, attribute: str) -> Graph:
        return op.bodies[attribute] if op.function is None else self.analysis.model.functions[op.function].graph

    def op(self, scope: str, op: Op) -> Op:
        """The op as it is in a scope, with the attributes that a call gives."""
        row = self._rows.get(scope + op.id)
        return op if row is None else row.op

    def kind(self, scope: str, name: str) -> TensorType | None:
        """The type of a tensor of a scope, as far as it is certain."""
        return self._kinds.get((scope, name), _UNKNOWN)

    def function(self, scope: str, op: Op) -> Call:
        """The function that a row calls, in the scope of its signature."""
        inner = self._rows[scope + op.id].bodies[0].scope
        return Call(self._graph_of(op, "call"), inner, self.symbol(inner), op.function or "")

    def body(self, scope: str, op: Op, attribute: str) -> str:
        """The scope of a body; of one that was left out a scope without rows."""
        row = self._rows.get(scope + op.id)
        bodies = () if row is None else row.bodies
        return next((one.scope for one in bodies if one.attribute == attribute), f"{scope}{op.id}/{attribute}/")

    def figures(self, scope: str, op: Op) -> Mapping[str, str]:
        """The figures of a row as attributes."""
        row = self._rows.get(scope + op.id)
        if row is None:
            return {}
        figures = self._figures.of(scope + op.id)
        module = {"module": row.op.module} if row.op.module else {}
        return {PREFIX + name: figure(value) for name, value in (module | figures).items()}

    def symbol(self, scope: str) -> str:
        """The symbol of the function that runs in a scope: `pkg_Norm_0` for `pkg::Norm@0/`."""
        if scope not in self._symbols:
            taken = set(self._symbols.values())
            self._symbols[scope] = unique(identifier(scope) or "function", taken)
        return self._symbols[scope]


def _joined(kind: TensorType, declared: TensorType) -> TensorType:
    """A type with what the file declares where inference is not certain."""
    dtype = kind.dtype or declared.dtype
    if kind.container != declared.container or declared.shape is None or kind.shape == declared.shape:
        return replace(kind, dtype=dtype)
    if kind.shape is None:
        return replace(kind, dtype=dtype, shape=declared.shape)
    if len(kind.shape) != len(declared.shape):
        return kind
    dims = tuple(b if a is None else a for a, b in zip(kind.shape, declared.shape, strict=True))
    return replace(kind, dtype=dtype, shape=dims)
