"""What `import onnx_roofline` offers of sweeps, apart from the rest, whose import needs none of it."""

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Unpack

from onnx_roofline import plugin
from onnx_roofline.analysis.settings import Settings
from onnx_roofline.base.errors import UsageError
from onnx_roofline.base.text import shown
from onnx_roofline.face import Options, settings_with
from onnx_roofline.load import Source
from onnx_roofline.what_if import sweep as sweeps
from onnx_roofline.what_if.axes import parse_sweep

if TYPE_CHECKING:
    from onnx_roofline.report.csv_table import Row


class Sweep(sweeps.Sweep, frozen=True):
    """A model over the values of some axes: `points`, `flips`, and both in the forms that other tools read."""

    def rows(self) -> "list[Row]":
        """A flat dict a point: the value of each axis, then numbers in base units, None where unknown."""
        from onnx_roofline.report.sweeps import point_rows

        return list(point_rows(self))

    def table(self, library: str = "") -> Any:
        """`rows()` as a data frame of a library, such as "polars"; of pandas where it is installed (extra: frames)."""
        from onnx_roofline.report.frames import frame

        return frame(self.rows(), library)

    def to_json(self) -> str:
        """The sweep, as `onnx-roofline analyze --sweep ... --json` writes it; `docs/json.md` has its fields."""
        from onnx_roofline.report.sweeps import sweep_document

        return sweep_document(self)

    def plot(self, path: str | os.PathLike[str]) -> None:
        """Draw lines over one axis or a map over two as .svg, .png or .pdf (extra: plot)."""
        from onnx_roofline.report.plot.sweep_figure import draw_sweep

        draw_sweep(os.fsdecode(path), self)


def sweep(
    source: Source,
    axes: Mapping[str, Sequence[object] | str],
    settings: Settings | None = None,
    *,
    flips: str | None = None,
    **options: Unpack[Options],
) -> Sweep:
    """The model at every combination of the axes' values: `{"batch": "1..64x2", "system": ["h100-sxm", "l40s"]}`.

    An axis is a dim, `system`, or a figure such as `h100-sxm.launch_us`; values are a list, or a text as `--sweep` has
    it. `flips` names the dim along which decisions are bisected, "" none; without it the only dim of the sweep.
    Raises RooflineError where an axis or an option can't be used, or the model is valid at no point.
    """
    plugin.load_installed()
    found = sweeps.sweep(source, settings_with(settings, options), _values(axes), flips)
    return Sweep(**{name: getattr(found, name) for name in found.__struct_fields__})


def _values(axes: Mapping[str, Sequence[object] | str]) -> dict[str, Sequence[object]]:
    if not isinstance(axes, Mapping):
        raise UsageError(f"axes: found {shown(type(axes).__name__, quotes=False)}, wanted {{'batch': '1..64x2'}}")
    return {
        name: parse_sweep(f"{name}={values}")[1] if isinstance(values, str) else values for name, values in axes.items()
    }
