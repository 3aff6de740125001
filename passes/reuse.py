"""Reuse: what the on-chip memory of each device makes of a kernel's compulsory bytes.

Inside a kernel, its contraction is tiled as well as the memory allows; what doesn't fit is fetched again, as is a row
that is normalised. Between kernels, a tensor may still be in the last-level cache: its reuse distance over the schedule
(the file's order, as far as the kernels' dependences allow) decides, under least-recently-used replacement, and under
the best there is for the other end of the band. Where that keeps nothing of the tensor between two contractions, the
two may run block by block of rows. A CPU fetches the lines that it writes.

Ignores set conflicts, non-temporal stores and what else runs on the device. A device whose on-chip memory is not stated
moves its compulsory bytes. Source: cost formulas of `tiling`; Mattson et al., IBM Systems Journal 9(2), 1970, for
reuse distances; McCalpin, STREAM reference information, "Counting Bytes and FLOPS", for write-allocation.
"""

from typing import ClassVar

from msgspec import Struct

from onnx_roofline.hardware import Device, System
from onnx_roofline.ir.graph import Model
from onnx_roofline.ir.pipeline import PassResult
from onnx_roofline.ir.records import Folding, Kernel, Moved, Reuse, Traffic, TypedOp, Work
from onnx_roofline.ir.tensor_index import Boundary, TensorIndex
from onnx_roofline.memory.refetch import NO_LIMIT, refetched_bytes
from onnx_roofline.memory.residency import NOTHING_KEPT, Kept, Residency, leave_caches_out

# Share of a cache that tiles and kept tensors can count on; half is what double buffering leaves.
# Source: assumed, the lower end of the 0.5 to 0.8 that tiled kernels reach in practice.
USABLE_CACHE_SHARE = 0.5
UNLIMITED = "unlimited"
_NOTHING = Reuse({})


class ReusePass(Struct, frozen=True):
    """Options: `on_chip` replaces every device's on-chip memory ("unlimited", or bytes as text); `residency` off keeps
    nothing between kernels.
    """

    system: System
    on_chip: str = ""
    residency: bool = True

    name: ClassVar[str] = "reuse"
    requires: ClassVar[tuple[type, ...]] = (TypedOp, Folding, Work, Kernel, Traffic)
    produces: ClassVar[type] = Reuse

    def run(self, model: Model) -> PassResult:
        """A Reuse for every row; kernels have theirs at the root."""
        kernels, traffics = model.column(Kernel), model.column(Traffic)
        compulsory: dict[str, int | None] = {}
        for key, kernel in kernels.items():
            if kernel.id:
                before, size = compulsory.get(kernel.id, 0), traffics[key].compulsory_bytes
                compulsory[kernel.id] = None if before is None or size is None else before + size
        uses = model.whole(TensorIndex)
        boundaries = {
            key: uses.boundary(kernels[key], traffics) for key, size in compulsory.items() if size is not None
        }
        for key, boundary in boundaries.items():
            leave_caches_out(model, uses, kernels[key], boundary)
        residency = Residency(model, uses, boundaries) if self.residency else None
        found: dict[str, dict[str, Moved]] = {key: {} for key in boundaries}
        for device in self.system.devices:
            capacity = self._capacity(device)
            resident = residency.of(capacity) if residency is not None and capacity is not None else {}
            for key, boundary in boundaries.items():
                kept = resident.get(key, NOTHING_KEPT)
                again = refetched_bytes(model, uses, kernels[key], boundary, capacity)
                allocated = _allocated(boundary, kept) if device.kind == "cpu" and capacity != NO_LIMIT else (0, [])
                size = compulsory[key] or 0
                # What is fetched again can't also be what was never fetched: the compulsory part bounds what stays.
                lru, best = min(kept.bytes, size), min(kept.at_best_bytes, size)
                reasons = (*again[1], *allocated[1], *kept.reasons)
                found[key][device.slug] = Moved(size, again[0] + allocated[0], lru, max(lru, best), reasons)
        return PassResult({key: Reuse(found[key]) if key in found else _NOTHING for key in kernels})

    def _capacity(self, device: Device) -> float | None:
        """Usable on-chip bytes; None where nothing is stated, infinity where there is no limit."""
        if self.on_chip == UNLIMITED:
            return NO_LIMIT
        if self.on_chip:
            return float(self.on_chip)
        return None if device.cache_bytes is None else device.cache_bytes * USABLE_CACHE_SHARE


def _allocated(boundary: Boundary, kept: Kept) -> tuple[int, list[str]]:
    """Bytes of cache lines that a CPU fetches before it writes them."""
    size = max(0, sum(boundary.writes.values()) - kept.unwritten_bytes)
    return size, [f"write-allocate: {size:,} B of lines fetched before they are written"] if size else []
