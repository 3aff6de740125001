"""A model's figures at sizes of its dims: everything that a formula may be of, as exact integers."""

from collections import defaultdict
from collections.abc import Mapping
from typing import Literal, get_args

from msgspec import Struct
from msgspec.structs import replace

from onnx_roofline.analysis.analyze import default_pipeline, system_of
from onnx_roofline.analysis.dim_search import run_valid
from onnx_roofline.analysis.settings import Settings
from onnx_roofline.analysis.weights import find_weights
from onnx_roofline.base.errors import RooflineError, UsageError
from onnx_roofline.base.module_paths import cut_path, shared_root
from onnx_roofline.base.text import did_you_mean, shown
from onnx_roofline.ir.graph import Model
from onnx_roofline.ir.pipeline import Pipeline
from onnx_roofline.ir.records import Executions, Kernel, Live, PeakActivations, Traffic, TypedOp, Work
from onnx_roofline.load import ParsedModel, Source, parse
from onnx_roofline.memory.cache_buffers import input_types
from onnx_roofline.memory.kv_caches import Caches
from onnx_roofline.what_if.formula.polynomial import Point, Value

Metric = Literal["macs", "flops", "parameters", "weight_bytes", "naive_bytes", "compulsory_bytes", "cache_bytes",
                 "activation_bytes"]  # fmt: skip
METRICS: tuple[Metric, ...] = get_args(Metric)
# Figures that are sums over ops, and therefore have parts.
SUMMED: tuple[Metric, ...] = ("macs", "flops", "naive_bytes", "compulsory_bytes")
GroupKind = Literal["model", "module", "kernel"]


class Key(Struct, frozen=True):
    """Which figure: of the model, of a module or of a class of kernels (the op type of their root, and the pattern)."""

    kind: GroupKind
    name: str
    metric: Metric


# None is unknown.
Figures = Mapping[Key, Value | None]


class Sampler:
    """One model, analysed at as many points as are asked for; each once."""

    def __init__(self, source: Source, settings: Settings, dims: tuple[str, ...], depth: int = 0) -> None:
        """`depth` is the levels of modules that are told apart, 0 for all.

        Raises UsageError where the model has no such dim, and what an analysis raises.
        """
        self.dims, self.settings, self._depth = dims, settings, depth
        self._parsed: ParsedModel = parse(source, settings.limits)
        whole = default_pipeline(settings, system_of(settings))
        last = next(place for place, item in enumerate(whole.passes) if item.produces is Live)
        self._pipeline = Pipeline(whole.passes[: last + 1])
        self.base = self._run(settings)
        self.pinned = {
            name: dim.value
            for name, dim in self.base.dims.items()
            if dim.origin == "assumed" and not dim.is_computed and name not in dims
        }
        self.start = tuple(self._start(name) for name in dims)
        self._known: dict[Point, Figures | None] = {}
        self.points = 0
        # What the last point was refused with.
        self.refusal = ""

    def _run(self, settings: Settings) -> Model:
        return run_valid(self._parsed, self._pipeline, settings, None, {}).model

    def _start(self, name: str) -> int:
        """The size that the model has now: of a dim by its name, or of an axis of an input."""
        if name in self.base.dims:
            dim = self.base.dims[name]
            if dim.is_computed:
                raise UsageError(f"--over {shown(name, quotes=False)}: it follows from other dims: {dim.reason}")
            return dim.value
        tensor, _, axis = name.rpartition(".")
        for graph_input in self.base.graph.inputs:
            if graph_input.name == tensor and axis.isdecimal() and int(axis) < len(graph_input.type.dims):
                return graph_input.type.dims[int(axis)]
        known = dict.fromkeys([*self.base.dims, *(f"{one.name}.{axis}" for one in self.base.graph.inputs
                                                  for axis in range(len(one.type.shape or ())))])  # fmt: skip
        raise UsageError(f"--over {shown(name, quotes=False)}: found no such dim{did_you_mean(name, tuple(known))}")

    def at(self, point: Point) -> Figures | None:
        """The figures at a size for each dim; None where the model is not valid there."""
        if point not in self._known:
            sizes = {**self.settings.dims, **self.pinned, **dict(zip(self.dims, point, strict=True))}
            self.points += 1
            try:
                self._known[point] = figures_of(self._run(replace(self.settings, dims=sizes)), self._depth)
            except RooflineError as error:
                self._known[point] = None
                self.refusal = str(error)
        return self._known[point]


def figures_of(model: Model, depth: int = 0) -> Figures:
    """Every figure of one analysis that follows from dims alone, those of the model first."""
    works, traffics = model.column(Work), model.column(Traffic)
    executions, kernels, rows = model.column(Executions), model.column(Kernel), model.column(TypedOp)
    found: dict[Key, Value | None] = defaultdict(int)
    root = shared_root(row.op.module for row in rows.values()) if depth else ""
    for key, row in rows.items():
        count, counts, traffic = executions[key].count, works[key].counts, traffics[key]
        if not count:
            continue
        values: tuple[Value | None, ...] = (
            None if counts is None else counts.macs,
            None if counts is None else counts.flops,
            traffic.naive_bytes,
            traffic.compulsory_bytes,
        )
        kernel = kernels[key]
        groups: list[tuple[GroupKind, str]] = [("model", "")]
        if row.role == "compute" and (works[key].moves_data or counts is None):
            groups.append(("module", cut_path(row.op.module, depth, root)))
            groups.append(("kernel", kernel_class(rows[kernel.id], kernel) if kernel.id else "no kernel"))
        for kind, name in groups:
            for metric, value in zip(SUMMED, values, strict=True):
                one = Key(kind, name, metric)
                before = found[one]
                found[one] = None if before is None or value is None else before + value * count
    weights = find_weights(model).total
    types = input_types(model)
    caches = [types[name].bytes for name in model.whole(Caches).inputs if name in types]
    found[Key("model", "", "parameters")] = weights.parameters
    found[Key("model", "", "weight_bytes")] = weights.weight_bytes
    found[Key("model", "", "cache_bytes")] = _total(caches)
    found[Key("model", "", "activation_bytes")] = model.whole(PeakActivations).bytes
    return dict(sorted(found.items(), key=lambda item: item[0].kind != "model"))


def kernel_class(root: TypedOp, kernel: Kernel) -> str:
    """What kernels are of one class: the op type of their root, and the pattern."""
    return f"{root.op.op_type} ({kernel.pattern})"


def _total(values: list[int | None]) -> int | None:
    return None if None in values else sum(value or 0 for value in values)
