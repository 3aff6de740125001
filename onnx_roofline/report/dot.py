"""The graph as DOT for Graphviz: a box an op, coloured by device, a cluster a kernel."""

from collections.abc import Iterator

from onnx_roofline.analysis.analyze import Analysis
from onnx_roofline.base.quantities import format_si
from onnx_roofline.base.text import visible
from onnx_roofline.report.colours import DEVICE_COLOURS
from onnx_roofline.report.flat_graph import flat_graph


def write_dot(analysis: Analysis) -> Iterator[str]:
    """Lines of the file."""
    graph = flat_graph(analysis)
    colours = dict(zip((device.slug for device in analysis.system.devices), DEVICE_COLOURS, strict=False))
    yield f"digraph {_text(graph.name)} {{\n"
    yield '  node [shape=box, style="filled,rounded", fillcolor="#EEEEEE", fontname="sans-serif", fontsize=10]\n'
    yield '  edge [fontname="sans-serif", fontsize=8, color="#777777"]\n'
    kernels: dict[str, list[str]] = {}
    for key, figures in graph.nodes(data=True):
        kernels.setdefault(str(figures.get("kernel", "")), []).append(key)
    for number, (kernel, members) in enumerate(kernels.items()):
        if kernel and len(members) > 1:
            yield f"  subgraph cluster_{number} {{ label={_text(graph.nodes[kernel].get('fusion', ''))}; fontsize=8\n"
            yield from (f"    {_text(key)}\n" for key in members)
            yield "  }\n"
    for key, figures in graph.nodes(data=True):
        time_s = figures.get("time_s")
        lines = [figures["op_type"], key] + ([format_si(time_s, "s")] if time_s else [])
        colour = colours.get(figures.get("placement", ""))
        style = f', fillcolor="{colour}", fontcolor="white"' if colour else ""
        yield f"  {_text(key)} [label={_text(chr(10).join(lines))}{style}]\n"
    for maker, reader, edge in graph.edges(data=True):
        yield f"  {_text(maker)} -> {_text(reader)} [label={_text(edge['type'])}, tooltip={_text(edge['tensor'])}]\n"
    yield "}\n"


def _text(name: str) -> str:
    """A quoted string of DOT: a line break is an escape, and every other character stands for itself."""
    lines = (visible(line).replace("\\", "\\\\").replace('"', '\\"') for line in str(name).split("\n"))
    return '"' + "\\n".join(lines) + '"'
