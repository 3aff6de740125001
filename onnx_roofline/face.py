"""What `import onnx_roofline` offers: an analysis, and its results as JSON, rows and a networkx graph."""

import os
from collections.abc import Mapping, Sequence
from fractions import Fraction
from importlib import import_module
from typing import TYPE_CHECKING, Any, Literal, TypedDict, Unpack

from msgspec.structs import replace

from onnx_roofline import plugin
from onnx_roofline.analysis import analyze as analysis
from onnx_roofline.analysis.dim_search import Progress
from onnx_roofline.analysis.settings import Settings
from onnx_roofline.base.errors import UsageError
from onnx_roofline.base.terms import MathMode
from onnx_roofline.base.text import did_you_mean, shown, visible
from onnx_roofline.hardware import System
from onnx_roofline.ir.placed_records import Dispatch, Objective, PimTimeModel
from onnx_roofline.load import Limits, Source

if TYPE_CHECKING:
    import networkx

    from onnx_roofline.ci.diff import Diff
    from onnx_roofline.report.csv_table import Cell, Row
    from onnx_roofline.report.notebook import Svg


class Options(TypedDict, total=False):
    """The settings as `analyze` takes them by name: in any form that `Settings` understands."""

    dims: Mapping[str, int]
    input_shapes: Mapping[str, Sequence[int]]
    system: str | os.PathLike[str] | System
    figures: Mapping[str, float]
    assume_dtype: str
    quantize: str | Mapping[str, str]
    trips: Mapping[str, int]
    branches: Mapping[str, Fraction | float]
    values: Mapping[str, int | Sequence[int]]
    caches: Mapping[str, str]
    no_caches: Sequence[str]
    limits: Mapping[str, int | str] | Limits
    backend: str | os.PathLike[str]
    pim_model: PimTimeModel
    math: MathMode | Literal[""]
    objective: Objective
    dispatch: Dispatch
    on_chip: str | int
    residency: bool
    observe: str | os.PathLike[str]
    observe_limit_s: float
    observe_limit_gb: float


# Suffix of a file -> who writes its text, MODULE:FUNCTION of `report`; and those of pictures.
_WRITERS = {
    ".html": "html.page:write_page",
    ".json": "document:write_document",
    ".csv": "csv_table:write_csv",
    ".mlir": "mlir.analysis:write_mlir",
    ".graphml": "graphml:write_graphml",
    ".dot": "dot:write_dot",
}
_PICTURES = (".svg", ".png", ".pdf")


class Analysis(analysis.Analysis, frozen=True, eq=False):
    """A model with every column, the system it was put on, and its results in the forms that other tools read.

    `summary` has the totals, `model.column(Record)` the rows of one pass: see `onnx_roofline.ir`.
    """

    def to_json(self) -> str:
        """The annotated graph, as `onnx-roofline analyze --json` writes it; `docs/json.md` has its fields."""
        from onnx_roofline.report.document import write_document

        return "".join(write_document(self))

    def rows(self) -> "list[Row]":
        """A flat dict an op, with the columns of the CSV: numbers in base units, None where unknown.

        `pandas.DataFrame(analysis.rows())` is the table.
        """
        from onnx_roofline.report.csv_table import table_rows

        return list(table_rows(self))

    @property
    def totals(self) -> "dict[str, Cell]":
        """The figures of one run by name: `macs`, `flops`, `moved_bytes`, `time_s` ...; None is unknown."""
        from onnx_roofline.report.frames import totals

        return totals(self)

    def table(self, library: str = "") -> Any:
        """`rows()` as a data frame of a library, such as "polars"; of pandas where it is installed (extra: frames)."""
        from onnx_roofline.report.frames import frame

        return frame(self.rows(), library)

    def modules(self, depth: int = 0, library: str = "") -> Any:
        """A data frame with a row a module, to `depth` levels (0: all), the most expensive first (extra: frames)."""
        from onnx_roofline.report.frames import frame, module_rows

        if not isinstance(depth, int) or depth < 0:
            raise UsageError(f"depth: found {shown(str(depth), quotes=False)}, wanted a number of levels, or 0 for all")
        return frame(module_rows(self, depth), library)

    def diff(self, other: analysis.Analysis) -> "Diff":
        """What another analysis has that this has not, as `onnx-roofline diff` finds it: totals, op types and ops.

        Raises UsageError for what is no analysis.
        """
        from onnx_roofline.ci.diff import diff_snapshots
        from onnx_roofline.ci.diff_text import PrintedDiff
        from onnx_roofline.ci.snapshot import take_snapshot

        if not isinstance(other, analysis.Analysis):
            raise UsageError(f"diff: found {shown(type(other).__name__, quotes=False)}, wanted an analysis")
        found = diff_snapshots(take_snapshot(self, with_nodes=True), take_snapshot(other, with_nodes=True))
        return PrintedDiff.of(found)

    @property
    def graph(self) -> "networkx.MultiDiGraph":
        """`to_networkx()`."""
        return self.to_networkx()

    def plot(self, path: str | os.PathLike[str] | None = None) -> "Svg | None":
        """Draw the roofline as .svg, .png or .pdf; without a path a notebook shows it (extra: plot).

        Raises UsageError for another suffix or a folder that can't be written.
        """
        from onnx_roofline.report.notebook import Svg
        from onnx_roofline.report.plot.points import draw_analysis, svg_of

        if path is None:
            return Svg(svg_of(self))
        draw_analysis(self, os.fsdecode(path))
        return None

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the analysis as its suffix says: .html, .json, .csv, .mlir, .graphml, .dot, or .svg, .png and .pdf.

        Raises UsageError for another suffix or a folder that can't be written.
        """
        from onnx_roofline.report.files import write_atomically

        name = os.fsdecode(path)
        suffix = os.path.splitext(name)[1].lower()
        if suffix in _PICTURES:
            self.plot(name)
            return
        if suffix not in _WRITERS:
            raise UsageError(f"{visible(name, 400)}: wanted one of {', '.join((*_WRITERS, *_PICTURES))}")
        module, _, function = _WRITERS[suffix].partition(":")
        write_atomically(name, getattr(import_module(f"onnx_roofline.report.{module}"), function)(self))

    def _repr_html_(self) -> str:
        """What a notebook shows: the totals and a small roofline."""
        from onnx_roofline.report.notebook import summary_html

        return summary_html(self)

    def to_networkx(self) -> "networkx.MultiDiGraph":
        """The main graph: a node an op with all that the JSON says of it, an edge a tensor from one op to another."""
        from onnx_roofline.report.networkx_graph import to_networkx

        return to_networkx(self)


def analyze(
    source: Source, settings: Settings | None = None, *, progress: Progress | None = None, **options: Unpack[Options]
) -> Analysis:
    """Shapes, counts, traffic, roofline and placement of every op of a model.

    `source` is the path of a file, the bytes of one, an onnx.ModelProto or an onnx_ir.Model; none of them is changed,
    and no weight is read. Options have the names of the settings; one that `settings` has too replaces it.
    Raises RooflineError, one sentence for the user, where the model or an option can't be used.
    """
    plugin.load_installed()
    found = analysis.analyze(source, settings_with(settings, options), progress)
    return Analysis(found.run, found.system, found.pipeline, found.settings, found.timings_s, found.observation)


def settings_with(settings: Settings | None, options: Options) -> Settings:
    """The settings with options in the place of its own. Raises UsageError for a name that is none."""
    base = Settings() if settings is None else settings
    if not isinstance(base, Settings):
        raise UsageError(
            f"settings: found {shown(type(base).__name__, quotes=False)}, wanted a Settings; "
            "options go by their names, such as dims={'batch': 8}"
        )
    known = base.__struct_fields__
    for name in options:
        if name not in known:
            raise UsageError(f"settings: found none of the name {shown(name)}{did_you_mean(name, known)}")
    return replace(base, **options) if options else base
