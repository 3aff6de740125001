"""Where labels go in a picture: boxes that cover no marker and no other text, with leaders that cross none.

Lengths and boxes are pixels.
"""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Boxes = NDArray[np.float64]

Box = tuple[float, float, float, float]  # left, bottom, right, top
Marker = tuple[float, float, float]  # centre and radius


class TakenRoom:
    """The room in the chart: markers and texts that nothing may cover, and lines that a text had better not cross."""

    def __init__(self, frame: Box, marks: Sequence[tuple[float, ...]], lines: Sequence[tuple[float, ...]]) -> None:
        import numpy as np

        self.frame = frame

        self.marks: Boxes = np.array(marks, dtype=float).reshape(-1, 4)
        self.lines: Boxes = np.array(lines, dtype=float).reshape(-1, 4)
        self.texts: Boxes = np.empty((0, 4))
        self.leaders: Boxes = np.empty((0, 4))

    def first_free(self, boxes: Sequence[Box]) -> Box | None:
        """The first box that covers nothing at all, else the first that covers only lines; it is taken from now on."""
        import numpy as np

        candidates = np.array(boxes)
        free = self._free(candidates)
        for good in (free & (hits(candidates, self.lines) == 0), free):
            if good.any():
                return self._take(candidates[int(np.argmax(good))])
        return None

    def beside(self, marker: Marker, width: float, height: float) -> tuple[Box, tuple[float, float], float] | None:
        """The best box around a marker (x, y, radius), the end of its leader, and its length; None without room."""
        import numpy as np

        x, y, radius = marker
        turns, gaps = np.meshgrid(
            np.arange(24) * (math.tau / 24), [3, 7, 13, 21, 31, 43, 58, 76, 98, 124, 156, 195, 240, 300]
        )
        reach, cos, sin = radius + gaps.ravel(), np.cos(turns.ravel()), np.sin(turns.ravel())
        cx, cy = x + cos * (reach + width / 2), y + sin * (reach + height / 2)
        boxes = np.stack([cx - width / 2, cy - height / 2, cx + width / 2, cy + height / 2], axis=1)
        boxes = boxes[self._free(boxes)]
        ends = np.stack([np.clip(x, boxes[:, 0], boxes[:, 2]), np.clip(y, boxes[:, 1], boxes[:, 3])], axis=1)
        length = np.hypot(ends[:, 0] - x, ends[:, 1] - y)
        # The leader starts clear of its own marker; whatever it passes over costs as much as a detour.
        start = np.array([x, y]) + (ends - [x, y]) * np.minimum(1.0, (radius + 4) / np.maximum(length, 1.0))[:, None]
        over = 30 * crossed(start, ends, self.marks) + 60 * crossed(start, ends, self.leaders)
        over += 8 * crossed(start, ends, self.lines) + 12 * np.minimum(hits(boxes, self.lines, 2.0), 12)
        cost = length + over + np.where(crossed(start, ends, self.texts), np.inf, 0.0)
        if not len(cost) or not np.isfinite(cost.min()):
            return None
        best = int(np.argmin(cost))
        end = (float(ends[best, 0]), float(ends[best, 1]))
        self.leaders = np.concatenate([self.leaders, along(float(start[best, 0]), float(start[best, 1]), *end)])
        return self._take(boxes[best]), end, float(length[best]) - radius

    def _free(self, boxes: "Boxes") -> "NDArray[np.bool_]":
        left, bottom, right, top = self.frame
        inside = (
            (boxes[:, 0] > left + 3) & (boxes[:, 1] > bottom + 3) & (boxes[:, 2] < right - 3) & (boxes[:, 3] < top - 3)
        )
        covered = hits(boxes, self.marks, 1.5) + hits(boxes, self.texts, 5.0) + hits(boxes, self.leaders, 1.5)
        free: NDArray[np.bool_] = inside & (covered == 0)
        return free

    def _take(self, box: "Boxes") -> Box:
        import numpy as np

        self.texts = np.concatenate([self.texts, box[None]])
        x0, y0, x1, y1 = map(float, box)
        return x0, y0, x1, y1


def hits(boxes: "Boxes", others: "Boxes", margin: float = 0.0) -> "NDArray[np.int64]":
    """How many of `others` each box comes within `margin` of."""
    a, b = boxes[:, None], others[None]
    apart = (a[..., 0] > b[..., 2] + margin) | (a[..., 2] < b[..., 0] - margin)
    apart |= (a[..., 1] > b[..., 3] + margin) | (a[..., 3] < b[..., 1] - margin)
    found: NDArray[np.int64] = (~apart).sum(axis=1)
    return found


def crossed(starts: "Boxes", ends: "Boxes", boxes: "Boxes") -> "NDArray[np.int64]":
    """How many of the boxes each straight line comes within a pixel of (clipped to one slab after the other)."""
    import numpy as np

    step = (ends - starts)[:, None]
    step = np.where(np.abs(step) < 1e-9, 1e-9, step)
    one = (boxes[None, :, :2] - 1 - starts[:, None]) / step
    other = (boxes[None, :, 2:] + 1 - starts[:, None]) / step
    enter, leave = np.minimum(one, other).max(axis=2), np.maximum(one, other).min(axis=2)
    found: NDArray[np.int64] = (np.maximum(enter, 0.0) <= np.minimum(leave, 1.0)).sum(axis=1)
    return found


def square(x: float, y: float, radius: float) -> Box:
    """The box around a circle."""
    return x - radius, y - radius, x + radius, y + radius


def along(x0: float, y0: float, x1: float, y1: float) -> list[Box]:
    """Boxes of 3 pixels, 4 pixels apart, along a line."""
    steps = max(1, round(math.hypot(x1 - x0, y1 - y0) / 4))
    return [square(x0 + (x1 - x0) * n / steps, y0 + (y1 - y0) * n / steps, 1.5) for n in range(steps + 1)]


def toward(marker: Marker, end: tuple[float, float]) -> tuple[float, float]:
    """The point on the marker's edge that faces `end`."""
    x, y, radius = marker
    share = radius / max(math.hypot(end[0] - x, end[1] - y), radius)
    return x + (end[0] - x) * share, y + (end[1] - y) * share
