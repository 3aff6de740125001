"""An ONNX file as an xDSL module, so that `xdsl-opt -p PASS model.onnx` reads it: dims stay open, no weight is read."""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import IO

from msgspec import Struct
from msgspec.structs import replace
from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.parser import Parser
from xdsl.utils.frontend import Frontend

from onnx_roofline.ir.graph import Graph, GraphInput, Op, TensorType
from onnx_roofline.load import ParsedModel, parse
from onnx_roofline.report.annotations import PREFIX
from onnx_roofline.report.mlir.syntax import identifier, integer, string, unique
from onnx_roofline.report.mlir.writer import Call, ModuleWriter

_UNKNOWN = TensorType("", None)


@dataclass(frozen=True)
class OnnxFrontend(Frontend):
    """Ops of the onnx dialect, which is unregistered, as onnx-mlir has them."""

    name = "onnx"

    def parse(self, ctx: Context, input: IO[bytes], input_name: str) -> ModuleOp:  # noqa: A002 - xDSL's name
        """The module of a file; of a path only the graph is read.

        Raises RooflineError where the file is no model.
        """
        parsed = parse(input_name if os.path.isfile(input_name) else input.read())
        # The onnx dialect is in no registry of xDSL.
        allowed, ctx.allow_unregistered = ctx.allow_unregistered, True
        try:
            return Parser(ctx, "".join(module_lines(parsed)), input_name).parse_module()
        finally:
            ctx.allow_unregistered = allowed


def module_lines(parsed: ParsedModel) -> Iterator[str]:
    """The lines of a module with what the file says: its types are those that are declared."""
    info = parsed.info
    attributes = {f"{PREFIX}producer": string(info.producer), f"{PREFIX}ir_version": integer(info.ir_version)}
    main = Call(parsed.graph, "", identifier(parsed.graph.name) or "main_graph")
    yield from ModuleWriter(_FileSource(parsed, main.symbol)).module(main, attributes, info.opsets)


class _FileSource(Struct, frozen=True, dict=True):
    """What a file says, as the writer asks for it; a scope is the path of attributes to a graph."""

    parsed: ParsedModel
    main: str

    @cached_property
    def _kinds(self) -> dict[tuple[str, str], TensorType]:
        pending: list[tuple[str, Graph]] = [("", self.parsed.graph)]
        pending += [(f"{key}/", function.graph) for key, function in self.parsed.functions.items()]
        found: dict[tuple[str, str], TensorType] = {}
        while pending:
            scope, graph = pending.pop()
            found.update(((scope, one.name), _declared(one)) for one in (*graph.declared.values(), *graph.inputs))
            pending += [(self.body(scope, op, name), body) for op in graph.ops for name, body in op.bodies.items()]
        return found

    @cached_property
    def _symbols(self) -> Mapping[str, str]:
        taken = {self.main}
        return {key: unique(identifier(key) or "function", taken) for key in self.parsed.functions}

    def op(self, scope: str, op: Op) -> Op:  # noqa: ARG002 - an op of a file is the same wherever it runs
        """The op; a call states the attributes that the function has defaults for."""
        if op.function is None:
            return op
        return replace(op, attributes={**self.parsed.functions[op.function].attribute_defaults, **op.attributes})

    def kind(self, scope: str, name: str) -> TensorType:
        """The type that the file declares."""
        return self._kinds.get((scope, name), _UNKNOWN)

    def function(self, scope: str, op: Op) -> Call:  # noqa: ARG002 - and so is a function
        """The function that an op calls."""
        assert op.function is not None
        key = op.function
        return Call(self.parsed.functions[key].graph, f"{key}/", self._symbols[key], key)

    def body(self, scope: str, op: Op, attribute: str) -> str:
        """The scope of a body."""
        return f"{scope}{op.id}/{attribute}/"

    def figures(self, scope: str, op: Op) -> Mapping[str, str]:  # noqa: ARG002 - no figures yet
        """The module of the op; nothing is analysed."""
        return {f"{PREFIX}module": string(op.module)} if op.module else {}


def _declared(one: GraphInput) -> TensorType:
    """The type as the file has it: dims with a name are open."""
    if one.symbols is None:
        return one.type
    return replace(one.type, shape=tuple(symbol if isinstance(symbol, int) else None for symbol in one.symbols))
