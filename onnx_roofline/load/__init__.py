"""File -> Model: the weightless readers of ONNX and MLIR, their limits, and the binding of dims."""

import os

from msgspec.structs import replace

from onnx_roofline.ir.graph import Model, Notice, nested_graphs
from onnx_roofline.load.assumptions import alternatives
from onnx_roofline.load.build import ParsedModel, parse_model
from onnx_roofline.load.dims import TOTAL_REASON, ComputedDim, DimOptions, bind, dim_names, fixed_batch_axes, takes_dim
from onnx_roofline.load.limits import Limits
from onnx_roofline.load.names import is_mlir
from onnx_roofline.load.sources import Source, is_file, read_source

__all__ = [
    "TOTAL_REASON",
    "ComputedDim",
    "DimOptions",
    "Limits",
    "ParsedModel",
    "Source",
    "alternatives",
    "bind",
    "dim_names",
    "fixed_batch_axes",
    "is_file",
    "is_mlir",
    "load",
    "parse",
    "takes_dim",
]

NO_OPTIONS = DimOptions({}, {})


def parse(source: "Source | ParsedModel", limits: Limits | None = None) -> ParsedModel:
    """The graphs of a model, in a file or in memory, without its weights; memory and time follow the graph.

    A file named .mlir is read as a module of ONNX ops; what is parsed already is left as it is. Raises
    NotAModelError, MalformedModelError or LimitError, each a sentence for the user, UsageError for a source of another
    type, and MissingExtraError where MLIR is to be read without xDSL.
    """
    limits = limits or Limits()
    if isinstance(source, ParsedModel):
        return source
    if isinstance(source, str | os.PathLike) and is_mlir(os.fsdecode(source)):
        from onnx_roofline.load.mlir.reader import read_mlir

        return read_mlir(os.fsdecode(source), limits)
    slim, name = read_source(source, limits)
    parsed = parse_model(slim, name, limits)
    # Of a model in memory nobody knows where its external data would lie.
    return replace(parsed, notices=parsed.notices + _missing_external_files(parsed)) if is_file(source) else parsed


def load(source: Source, options: DimOptions = NO_OPTIONS, limits: Limits | None = None) -> Model:
    """The model with its dims bound; see `parse` and `bind` for what is refused."""
    return bind(parse(source, limits), options)


def _missing_external_files(parsed: ParsedModel) -> tuple[Notice, ...]:
    """One notice for each external data file that is not there; its weights are known by their dims all the same."""
    folder = os.path.dirname(parsed.path)
    locations: dict[str, int] = {}
    for graph in nested_graphs((parsed.graph, *(function.graph for function in parsed.functions.values()))):
        for stored in graph.stored.values():
            if stored.alias is not None:
                locations[stored.alias[0]] = locations.get(stored.alias[0], 0) + 1
    return tuple(
        Notice(
            "external-data-missing",
            location,
            f"external data file is not there; the sizes of its {count} tensors come from their dims",
        )
        for location, count in locations.items()
        if not os.path.lexists(os.path.join(folder, location))
    )
