"""Sweeps: one model at every combination of some sizes, systems and figures, and where decisions change between."""

import re
from collections.abc import Mapping, Sequence

from msgspec import Struct
from msgspec.structs import replace

from onnx_roofline.analysis.dim_search import Progress
from onnx_roofline.analysis.repeated import Repeated
from onnx_roofline.analysis.settings import Settings
from onnx_roofline.base.errors import ProfileError, ShapeError, UsageError
from onnx_roofline.base.text import did_you_mean, shown
from onnx_roofline.ir.open_records import OpenBodies, OpenBody, dims_of
from onnx_roofline.ir.records import Kernel, TypedOp
from onnx_roofline.load import Source
from onnx_roofline.what_if.axes import Axis, Value, find_axes, points_of, settings_at
from onnx_roofline.what_if.basis import Basis, basis_of
from onnx_roofline.what_if.items import Items, find_items
from onnx_roofline.what_if.points import Point, point_of
from onnx_roofline.what_if.sweep_flips import SweepFlip, flips_along


class Sweep(Struct, frozen=True):
    """A model over the values of some axes.

    `model` is its file, `settings` hold at every point. `points` are every combination, the last axis fastest. `flips`
    are what changes along `flip_axis`, "" where nobody asked for one. `labels` names kernels for a reader, `items` what
    a run handles, `assumed` dims and `open` loops and branches that nobody stated. `basis` is that of the first point.
    `runs` analyses it took.
    """

    model: str
    axes: tuple[Axis, ...]
    settings: Settings
    points: tuple[Point, ...]
    labels: Mapping[str, str]
    flip_axis: str = ""
    flips: tuple[SweepFlip, ...] = ()
    items: Items | None = None
    assumed: tuple[str, ...] = ()
    open: tuple[OpenBody, ...] = ()
    basis: Basis = Basis({})
    runs: int = 0


class _Runs:
    """The points of a sweep, each analysed once, and what its reader has to know of all of them."""

    def __init__(self, source: Source, settings: Settings, wanted: Mapping[str, Sequence[object]]) -> None:
        self._repeated = Repeated(source, settings)
        self._settings = settings
        self.axes = find_axes(wanted, self._repeated.parsed, settings)
        self.items = find_items(self._repeated.parsed, any("batch" in names for names in (settings.dims, wanted)))
        self.labels: dict[str, str] = {}
        self.assumed: dict[str, None] = {}
        self.open: dict[OpenBody, None] = {}
        self.basis: Basis | None = None
        self.first_refusal: ShapeError | None = None
        self._found: dict[tuple[Value, ...], Point] = {}
        self._check_hardware()

    def _check_hardware(self) -> None:
        """Reads every system with its figures, so that what can't be is refused before anything is computed."""
        sizeless = [axis if axis.kind != "dim" else replace(axis, values=axis.values[:1]) for axis in self.axes]
        for values in points_of(sizeless):
            try:
                self._repeated.system_of(settings_at(self._settings, self.axes, values))
            except ProfileError as error:
                is_swept = any(axis.kind == "figure" and axis.name in str(error) for axis in self.axes)
                raise ProfileError(re.sub("^--set ", "--sweep ", str(error)) if is_swept else str(error)) from None

    @property
    def runs(self) -> int:
        return self._repeated.runs

    @property
    def model(self) -> str:
        return self._repeated.parsed.path

    def at(self, values: tuple[Value, ...]) -> Point:
        """A point; one at which the model is not valid says why."""
        if values not in self._found:
            try:
                self._found[values] = self._measured(values)
            except ShapeError as error:
                self.first_refusal = self.first_refusal or error
                self._found[values] = Point(values, refusal=str(error))
        return self._found[values]

    def _measured(self, values: tuple[Value, ...]) -> Point:
        analysis = self._repeated.at(settings_at(self._settings, self.axes, values))
        model = analysis.model
        self.assumed.update(
            (f"{name}={found.value}", None)
            for name, found in dims_of(model).items()
            if found.origin == "assumed" and not found.is_computed
        )
        self.open.update(dict.fromkeys(model.whole(OpenBodies).found))
        self.basis = self.basis or basis_of(model)
        rows = model.column(TypedOp)
        for key, kernel in model.column(Kernel).items():
            if kernel.id == key and key not in self.labels:
                self.labels[key] = f"{rows[key].op.op_type} ({kernel.pattern})"
        return point_of(analysis, values, self.items)


def _sizes(axes: Sequence[Axis], values: Sequence[Value]) -> list[int]:
    return [value for axis, value in zip(axes, values, strict=True) if axis.kind == "dim" and isinstance(value, int)]


def _flip_axis(axes: Sequence[Axis], wanted: str | None) -> int | None:
    """The place of the axis along which flips are looked for."""
    dims = {axis.name: place for place, axis in enumerate(axes) if axis.kind == "dim"}
    if wanted:
        if wanted not in dims:
            raise UsageError(f"--flips {shown(wanted, quotes=False)}: found no such dim in the sweep"
                             f"{did_you_mean(wanted, dims)}")  # fmt: skip
        return dims[wanted]
    return next(iter(dims.values())) if wanted is None and len(dims) == 1 else None


def sweep(
    source: Source,
    settings: Settings,
    wanted: Mapping[str, Sequence[object]],
    flips: str | None = None,
    progress: Progress | None = None,
) -> Sweep:
    """The model analysed at every combination of values, each exactly as an analysis alone would say.

    `wanted` has the values by what they are of: a dim, `system`, or a figure by its path. Flips are looked for along
    the one dim of the sweep, or along the axis that `flips` names; "" looks for none.
    Raises UsageError for an axis that can't be, and what the analysis raises, of shapes where no point is valid.
    """
    runs = _Runs(source, settings, wanted)
    axes = runs.axes
    along = _flip_axis(axes, flips)
    # What differs in the system alone comes one after the other: it shares all that does not depend on it.
    wanted_points = points_of(axes)
    for done, values in enumerate(sorted(wanted_points, key=lambda values: _sizes(axes, values))):
        if progress is not None:
            progress("points", done, len(wanted_points))
        runs.at(values)
    points = tuple(runs.at(values) for values in wanted_points)
    if runs.first_refusal is not None and all(point.refusal for point in points):
        raise runs.first_refusal
    if progress is not None:
        progress("flips", 0, 1)
    found = () if along is None else flips_along(axes, along, points, runs.at, runs.labels)
    return Sweep(
        model=runs.model,
        axes=axes,
        settings=settings,
        points=points,
        labels=runs.labels,
        flip_axis="" if along is None else axes[along].name,
        flips=found,
        items=runs.items,
        assumed=tuple(runs.assumed),
        open=tuple(runs.open),
        basis=runs.basis or Basis({}),
        runs=runs.runs,
    )
