"""Small constants that lie in an external data file, which is never opened: shapes that depend on them stay open."""

from collections.abc import Iterable, Iterator, Mapping

from onnx_roofline.base.text import shown
from onnx_roofline.ir.graph import Graph, Model, Notice, StoredTensor, nested_graphs
from onnx_roofline.ir.records import TypedOp

# The types of what ONNX takes for shapes, axes, lengths, trip counts and conditions.
_DTYPES = frozenset({"int32", "int64", "bool"})
# Ops that make a shape of floating-point numbers: scales, or the limits of a range.
_READ_FLOATS = frozenset({"Range", "Resize", "Upsample"})
# Smallest size in bytes that onnx.save_model moves into the external file where it is not told otherwise, and what it
# adds to a tensor's bytes before it compares: the header of Python's bytes object.
_DEFAULT_THRESHOLD, _HEADER_BYTES = 1024, 33


def notices_of_external_constants(model: Model, rows: Mapping[str, TypedOp], elements: int) -> tuple[Notice, ...]:
    """One notice where constants of at most so many elements lie outside the file and something stays open.

    Whether what is open depends on them is not followed.
    """
    if not any(map(_is_open, rows.values())):
        return ()
    graphs = nested_graphs((*(function.graph for function in model.functions.values()), model.graph))
    found = [(name, stored) for graph in graphs for name, stored in _external(graph, elements)]
    if not found:
        return ()
    largest = max(stored.type.bytes or 0 for _, stored in found) + _HEADER_BYTES
    threshold = _DEFAULT_THRESHOLD * (largest // _DEFAULT_THRESHOLD + 1)
    name = shown(found[0][0])
    many = len(found) > 1
    which = f"{len(found):,} small constants ({name} first) lie" if many else f"the small constant {name} lies"
    text = (
        f"{which} in external data, which is never opened: shapes, trip counts and branches that depend on such values "
        f"stay open; save the model with size_threshold={threshold} or more"
    )
    return (Notice("external-constants", found[0][0], text),)


def _is_open(row: TypedOp) -> bool:
    """Whether a shape, or how often a body runs, is not known for sure."""
    named = (kind for name, kind in zip(row.op.outputs, row.outputs, strict=True) if name)
    return any(body.origin in ("data", "assumed") for body in row.bodies) or not all(
        kind.is_known and kind.is_sure for kind in named
    )


def _external(graph: Graph, elements: int) -> Iterator[tuple[str, StoredTensor]]:
    """(name, tensor) of the initializers and Constants of a graph that would be followed were they in the file."""
    floats = {name for op in graph.ops if op.op_type in _READ_FLOATS and not op.domain for name in op.inputs[1:]}
    for name, stored in _constants(graph):
        count = stored.type.elements
        is_read = stored.type.dtype in _DTYPES or name in floats
        if stored.alias is not None and is_read and count is not None and count <= elements:
            yield name, stored


def _constants(graph: Graph) -> Iterable[tuple[str, StoredTensor]]:
    yield from graph.stored.items()
    for op in graph.ops:
        value = op.attributes.get("value") if op.op_type == "Constant" and not op.domain else None
        if isinstance(value, StoredTensor) and op.outputs:
            yield op.outputs[0], value
