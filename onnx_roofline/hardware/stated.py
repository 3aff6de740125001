"""Figures of a run that replace those of a profile."""

import os
from collections.abc import Mapping
from typing import Self

from onnx_roofline.base.errors import ProfileError
from onnx_roofline.base.text import did_you_mean, shown
from onnx_roofline.hardware.profiles import load_system
from onnx_roofline.hardware.records import System


class Stated(float):
    """A value that stands in the place of a factor: whatever it scales becomes this value, exactly.

    >>> 6.87 * Stated(0.1)
    0.1
    """

    def __rmul__(self, other: float) -> float:  # what is scaled does not matter
        return float(self)

    def times(self, factor: float) -> Self:
        """This value by a factor."""
        return type(self)(float(self) * factor)


def load_stated(name: str | os.PathLike[str], figures: Mapping[str, float]) -> System:
    """A system with figures in datasheet units in the place of its own, by their paths: `h100-sxm.launch_us`.

    Raises ProfileError for a path that the system doesn't have, and for a value that the figure can't have.
    """
    system = load_system(name, {path: Stated(value) for path, value in figures.items()})
    found = {path: figure.value for path, figure in ({} if system.link is None else system.link.figures).items()}
    for device in system.devices:
        found |= {f"{device.slug}.{path}": figure.value for path, figure in device.figures.items()}
    for path, value in figures.items():
        if path not in found:
            raise ProfileError(f"--set {shown(path)}: found no such figure in {system.slug}{_near(path, found)}")
        if found[path] != value:
            said = f"its profile takes {found[path]:g}" if value else "its profile states none that can be 0"
            raise ProfileError(f"--set {path}={value:g}: {said}")
        if value < 0 or (not value and not _may_be_zero(path)):
            wanted = "a number of at least 0" if _may_be_zero(path) else "a number above 0"
            raise ProfileError(f"--set {path}={value:g}: wanted {wanted}")
    return system


def _may_be_zero(path: str) -> bool:
    """Times that a machine may hide, and energies; not what others are divided by."""
    return path.endswith(("_us", "_ns", "_w", "_share")) or "energy." in path


def _near(path: str, known: Mapping[str, float]) -> str:
    """The figures of the same name on other devices, else the nearest path."""
    same = [name for name in known if name.rpartition(".")[2] == path.rpartition(".")[2]]
    if same:
        return f"; did you mean {' or '.join(same[:3])}?"
    return did_you_mean(path, known, listed=False) or "; onnx-roofline hw show names them"
