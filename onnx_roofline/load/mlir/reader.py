"""An .mlir file -> the graphs of an ONNX model, through xDSL."""

import re
from collections import Counter
from typing import TYPE_CHECKING

from msgspec.structs import replace

from onnx_roofline.base.errors import MissingExtraError, NotAModelError
from onnx_roofline.base.units import INTEGER_DTYPES, product
from onnx_roofline.ir.graph import Graph, Notice, Op, nested_graphs
from onnx_roofline.load.build import ParsedModel, parse_model
from onnx_roofline.load.limits import Limits
from onnx_roofline.load.mlir.attributes import Values
from onnx_roofline.load.mlir.model import VERSION_KEY, Imported, Importer, noted
from onnx_roofline.load.mlir.text import ELIDED, SlimText, read_text
from onnx_roofline.load.names import shown, shown_path
from onnx_roofline.load.wire import Slim

if TYPE_CHECKING:
    from xdsl.dialects.builtin import ModuleOp

_RESOURCE_USE = re.compile(r"dense_resource<([^>]*)>")


def read_mlir(path: str, limits: Limits) -> ParsedModel:
    """The graphs of a module in a file.

    Raises NotAModelError where it is no module of ONNX ops in generic form, MissingExtraError without xDSL.
    """
    slim = read_text(path, limits)
    label = shown_path(path)
    values = Values(limits, slim.resources, shared_keys(slim.text))
    imported = Importer(_parsed(slim, label), values, label).model()
    return parsed_model(imported, values, path, slim.file_bytes)


def parsed_model(imported: Imported, values: Values, path: str, file_bytes: int) -> ParsedModel:
    """The graphs of a model made of a module, by the same checks as those of a file."""
    data = imported.proto.SerializeToString()
    parsed = parse_model(Slim(data, file_bytes, 0, tuple(values.lists)), path, values.limits)
    functions = {
        key: replace(function, graph=_with_versions(function.graph)) for key, function in parsed.functions.items()
    }
    notices = imported.notices + parsed.notices + _notice_of_elided(parsed, values.limits)
    return replace(parsed, graph=_with_versions(parsed.graph), functions=functions, notices=notices)


def _notice_of_elided(parsed: ParsedModel, limits: Limits) -> tuple[Notice, ...]:
    """One notice where small integer constants came without their bytes, on which shapes may depend."""
    found = [
        name
        for graph in nested_graphs((parsed.graph, *(function.graph for function in parsed.functions.values())))
        for name, stored in graph.stored.items()
        if stored.value is None and stored.type.dtype in INTEGER_DTYPES
        and product(stored.type.dims) <= limits.value_elements
    ]  # fmt: skip
    if not found:
        return ()
    which = f"{len(found):,} small integer constants ({shown(found[0])} first) come" if len(found) > 1 else (
        f"the small integer constant {shown(found[0])} comes")  # fmt: skip
    text = (
        f"{which} without bytes: shapes that depend on such values stay open; --mlir-print-local-scope leaves them out"
    )
    return (Notice("elided-constants", found[0], text),)


def shared_keys(text: str) -> frozenset[str]:
    """Keys of resources that two tensors name: they are the same bytes."""
    keys = Counter(_RESOURCE_USE.findall(text))
    return frozenset(key for key, count in keys.items() if count > 1 and key != ELIDED)


def _parsed(slim: SlimText, label: str) -> "ModuleOp":
    try:
        from xdsl.context import Context
        from xdsl.dialect_interfaces.op_asm import OpAsmDialectInterface
        from xdsl.dialects.builtin import Builtin
        from xdsl.dialects.func import Func
        from xdsl.ir import Dialect
        from xdsl.parser import Parser
        from xdsl.utils.exceptions import ParseError
    except ImportError:
        raise MissingExtraError("xDSL", "mlir", f"{label}: to read MLIR") from None
    context = Context(allow_unregistered=True)
    # xDSL's own dialect renames the keys of resources that an earlier module had.
    own = Dialect("builtin", list(Builtin.operations), list(Builtin.attributes), [OpAsmDialectInterface()])
    context.load_dialect(own)
    context.load_dialect(Func)
    try:
        return Parser(context, slim.text, label).parse_module()
    except ParseError as error:
        where = f"line {error.span.get_line_col()[0] + 1}: " if hasattr(error.span, "get_line_col") else ""
        reason = f"{where}{error.msg}"
    except RecursionError:
        reason = "it nests too deeply"
    except Exception as error:  # what a parser of someone else makes of hostile text
        reason = f"{type(error).__name__}: {error}"
    raise NotAModelError(
        f"{label}: is no MLIR in generic form that xDSL reads: {' '.join(reason.split())[:300]}; print it with "
        "--mlir-print-op-generic"
    )


def _with_versions(graph: Graph) -> Graph:
    """The graph with the version of each op that onnx-mlir names after one."""
    ops = tuple(map(_with_version, graph.ops))
    return graph if all(a is b for a, b in zip(ops, graph.ops, strict=True)) else replace(graph, ops=ops)


def _with_version(op: Op) -> Op:
    version = noted(op, VERSION_KEY) or op.version
    bodies = {name: _with_versions(body) for name, body in op.bodies.items()}
    if version == op.version and all(bodies[name] is body for name, body in op.bodies.items()):
        return op
    return replace(op, version=version, bodies=bodies)
