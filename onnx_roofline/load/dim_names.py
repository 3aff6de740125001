"""What a message says where an option names no dim or input: what there is, and what may be meant."""

import difflib
import itertools
from collections.abc import Iterable, Mapping

from onnx_roofline.ir.graph import nested_graphs
from onnx_roofline.load.build import ParsedModel
from onnx_roofline.load.names import shown

# Names that a message lists, and names among which a similar one is looked for.
_LISTED, _COMPARED = 12, 1000


def names_of_inner_axes(parsed: ParsedModel) -> dict[str, str]:
    """Tensors that ops make, each with what its op goes by: a length that data decide is TENSOR.AXIS."""
    graphs = nested_graphs((parsed.graph, *(function.graph for function in parsed.functions.values())))
    return {
        tensor: f"{op.id} {op.name or op.id}" for graph in graphs for op in graph.ops for tensor in op.outputs if tensor
    }


def meant_inside(name: str, inner: Mapping[str, str]) -> str:
    """The axis of an inner tensor that a text may mean: it names the op that makes it, or is spelled alike."""
    tensor, dot, axis = name.rpartition(".")
    if not dot or not axis.isdecimal():
        return ""
    made = next((made for made, by in inner.items() if tensor in by.split(" ", 1)), "")
    close = difflib.get_close_matches(tensor[:100], _short(inner), n=1)
    found = made or next(iter(close), "")
    return f"{found}.{axis}" if found else ""


def choices(name: str, known: Mapping[str, None], none: str, inner: str = "") -> str:
    """The name that may be meant and the names that there are, or `none`; `inner` may be meant where none is alike."""
    close = difflib.get_close_matches(name[:100], _short(known), n=1)
    meant = close[0] if close else inner
    hint = f"did you mean {shown(meant)}? " if meant else ""
    if not known:
        return hint + none
    listed = ", ".join(shown(one) for one in itertools.islice(known, _LISTED))
    return f"{hint}the file has {listed}" + (" ..." if len(known) > _LISTED else "")


def _short(known: Iterable[str]) -> list[str]:
    return [name for name in itertools.islice(known, _COMPARED) if len(name) <= 100]
