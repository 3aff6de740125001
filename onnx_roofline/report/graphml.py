"""The graph as GraphML, which yEd, Gephi, Cytoscape and igraph read."""

from collections.abc import Iterator

from onnx_roofline.analysis.analyze import Analysis
from onnx_roofline.report.flat_graph import flat_graph


def write_graphml(analysis: Analysis) -> Iterator[str]:
    """Lines of the file; numbers keep their type, and 64 bits are enough for every count of a real model."""
    import networkx as nx

    yield '<?xml version="1.0" encoding="utf-8"?>\n'
    for line in nx.generate_graphml(flat_graph(analysis), named_key_ids=True):
        yield line + "\n"
