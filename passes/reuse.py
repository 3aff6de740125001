"""Reuse: what the on-chip memory of each device makes of a kernel's compulsory bytes.

Inside a kernel, its contraction is tiled as well as the memory allows; what doesn't fit is fetched again. Between
kernels, a tensor may still be in the last-level cache: its reuse distance over the schedule (the file's order) decides,
under least-recently-used replacement, and under the best there is for the other end of the band.

Ignores set conflicts, write-allocation and what else runs on the device. A device whose on-chip memory is not stated
moves its compulsory bytes. Source: cost formulas of `tiling`; Mattson et al., IBM Systems Journal 9(2), 1970, for
reuse distances.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from onnx_roofline.errors import NotModelledError
from onnx_roofline.graph import Model
from onnx_roofline.hardware import Device, System
from onnx_roofline.pipeline import PassResult
from onnx_roofline.records import Contraction, Folding, Kernel, Moved, Reuse, Traffic, TypedOp, Work
from onnx_roofline.reuse_distance import StackDistances
from onnx_roofline.tensor_uses import TensorUses
from onnx_roofline.tiling import ConvShape, Tiling, Widths, attention_bytes, conv_bytes, gemm_bytes
from onnx_roofline.units import DTYPE_BITS, product

# Share of a cache that tiles and kept tensors can count on; half is what double buffering leaves.
# Source: assumed, the lower end of the 0.5 to 0.8 that tiled kernels reach in practice.
USABLE_CACHE_SHARE = 0.5
# Bytes of a partial sum: products of narrow types are added up in float32 or int32.
PARTIAL_BYTES = 4.0
UNLIMITED = "unlimited"
_NOTHING = Reuse({})


@dataclass(frozen=True)
class ReusePass:
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
        residency = _Residency(model) if self.residency else None
        found: dict[str, Reuse] = {}
        for device in self.system.devices:
            capacity = self._capacity(device)
            resident = residency.of(capacity) if residency is not None and capacity is not None else {}
            for key, size in compulsory.items():
                if size is None:
                    continue
                moved = self._moved(model, kernels[key], size, capacity, resident.get(key))
                known = found.setdefault(key, Reuse({}))
                found[key] = Reuse({**known.devices, device.slug: moved})
        return PassResult({key: found.get(key, _NOTHING) for key in kernels})

    def _capacity(self, device: Device) -> float | None:
        """Usable on-chip bytes; None where nothing is stated, infinity where there is no limit."""
        if self.on_chip == UNLIMITED:
            return float("inf")
        if self.on_chip:
            return float(self.on_chip)
        return None if device.cache_bytes is None else device.cache_bytes * USABLE_CACHE_SHARE

    def _moved(
        self, model: Model, kernel: Kernel, compulsory: int, capacity: float | None, resident: "_Kept | None"
    ) -> Moved:
        reasons: list[str] = []
        refetched = 0
        if capacity is None:
            return Moved(compulsory, 0, 0, 0, ("on-chip memory not stated: compulsory bytes",))
        if capacity != float("inf"):
            refetched, reasons = refetched_bytes(model, kernel, int(capacity))
        if resident is None:
            return Moved(compulsory, refetched, 0, 0, tuple(reasons))
        # What is fetched again can't also be what was never fetched: the compulsory part bounds what stays.
        lru, best = min(resident.bytes, compulsory), min(resident.at_best_bytes, compulsory)
        return Moved(compulsory, refetched, lru, max(lru, best), (*reasons, *resident.reasons))


def refetched_bytes(model: Model, kernel: Kernel, capacity_bytes: int) -> tuple[int, list[str]]:
    """Bytes that a kernel's contractions fetch again because their tiles don't fit, with the reason for each."""
    members = [key for key in kernel.members if model.column(Work)[key].contractions]
    if kernel.pattern.startswith("attention") and len(members) >= 2:
        return _attention_again(model, members, capacity_bytes)
    total, reasons = 0, []
    for key in members:
        row, work = model.column(TypedOp)[key], model.column(Work)[key]
        for contraction in work.contractions:
            try:
                again, tiling = _again(row, work, contraction, model.column(Folding)[key], capacity_bytes)
            except NotModelledError:
                continue
            if again > 0:
                total += again
                reasons.append(f"{key}: {again:,} B fetched again, on chip stays {tiling.kept}")
    return total, reasons


def _again(
    row: TypedOp, work: Work, contraction: Contraction, folding: Folding, capacity_bytes: int
) -> tuple[int, Tiling]:
    """(bytes fetched again, tiling) of one contraction of an op."""
    widths = _widths(row, contraction, folding)
    if contraction.lhs is None and work.sequential_steps > 1:
        weight = contraction.k * contraction.n * widths.rhs
        again = 0 if weight <= capacity_bytes else round((work.sequential_steps - 1) * weight)
        return again, Tiling(again, "no weight from one time step to the next")
    if contraction.kernel and _is_forward(contraction):
        shape = ConvShape(
            channels_in=contraction.k // max(1, product(contraction.kernel)),
            channels_out=contraction.m,
            images=contraction.images,
            input=contraction.input_spatial,
            output=contraction.output_spatial,
            kernel=contraction.kernel,
            strides=contraction.strides,
            dilations=contraction.dilations,
        )
        tiling = conv_bytes(shape, widths, capacity_bytes)
        once = conv_bytes(shape, widths, _ENOUGH).moved_bytes
    else:
        tiling = gemm_bytes(contraction.m, contraction.n, contraction.k, widths, capacity_bytes)
        once = gemm_bytes(contraction.m, contraction.n, contraction.k, widths, _ENOUGH).moved_bytes
    return contraction.batch * (tiling.moved_bytes - once), tiling


# More on-chip bytes than any tensor has: every operand is fetched once.
_ENOUGH = 1 << 80


def _is_forward(contraction: Contraction) -> bool:
    """Whether the sizes are those of a convolution that reads windows, not of a transposed one that writes them."""
    axes = zip(contraction.input_spatial, contraction.output_spatial, contraction.strides, strict=True)
    return all(stride >= 1 and (source >= target or stride == 1) for source, target, stride in axes)


def _widths(row: TypedOp, contraction: Contraction, folding: Folding) -> Widths:
    def width(position: int | None) -> float:
        if position is None or position >= len(row.inputs):
            return PARTIAL_BYTES
        source = folding.inputs[position] if position < len(folding.inputs) else None
        kind = source[0] if source is not None else row.inputs[position]
        return DTYPE_BITS.get(kind.dtype if kind is not None else "", 32) / 8

    output = folding.output if folding.output is not None else row.outputs[0]
    return Widths(width(contraction.lhs), width(contraction.rhs), DTYPE_BITS.get(output.dtype, 32) / 8, PARTIAL_BYTES)


def _attention_again(model: Model, members: list[str], capacity_bytes: int) -> tuple[int, list[str]]:
    """Bytes that fused attention fetches again: keys and values come once for each tile of queries."""
    rows = model.column(TypedOp)
    scores = model.column(Work)[members[0]].contractions[0]
    values = model.column(Work)[members[-1]].contractions[-1]
    width = DTYPE_BITS.get(rows[members[0]].outputs[0].dtype, 32) / 8
    # [Nq, d] x [d, Nk], then [Nq, Nk] x [Nk, dv].
    queries, keys, depth, value_depth = scores.m, scores.n, scores.k, values.n
    if values.k != keys or values.m != queries:
        return 0, []
    tiling = attention_bytes(queries, keys, depth, value_depth, width, capacity_bytes)
    once = attention_bytes(queries, keys, depth, value_depth, width, _ENOUGH).moved_bytes
    again = scores.batch * (tiling.moved_bytes - once)
    if again <= 0:
        return 0, []
    return again, [f"{members[0]}: {again:,} B of keys and values fetched again, on chip stays {tiling.kept}"]


@dataclass(slots=True)
class _Kept:
    """What is still on chip for one kernel."""

    bytes: int = 0
    at_best_bytes: int = 0
    reasons: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Access:
    """One kernel reads or writes a tensor that other kernels use; `distance_bytes` since its last use."""

    kernel: str
    tensor: tuple[str, str]
    bytes: int
    is_write: bool
    distance_bytes: int | None


class _Residency:
    """The accesses of all kernels in file order with their reuse distances, which no device changes."""

    def __init__(self, model: Model) -> None:
        rows, kernels, traffics = model.column(TypedOp), model.column(Kernel), model.column(Traffic)
        self._uses = TensorUses(model)
        self._model = model
        by_scope: dict[str, dict[str, None]] = {}
        for key, kernel in kernels.items():
            if kernel.id:
                by_scope.setdefault(rows[key].scope, {})[kernel.id] = None
        self._accesses: list[_Access] = []
        for scope, ids in by_scope.items():
            distances = StackDistances()
            for kernel_id in ids:
                self._touch(scope, kernels[kernel_id], rows, traffics, distances)

    def _touch(
        self,
        scope: str,
        kernel: Kernel,
        rows: Mapping[str, TypedOp],
        traffics: Mapping[str, Traffic],
        distances: StackDistances,
    ) -> None:
        members = frozenset(kernel.members)
        reads: dict[str, int] = {}
        writes: dict[str, int] = {}
        for key in kernel.members:
            row, traffic = rows[key], traffics[key]
            for name, size in zip(row.op.inputs, traffic.read_bytes, strict=True):
                root = self._uses.root(scope, name)
                if size and self._uses.makers.get((scope, root)) not in members:
                    reads[root] = max(size, reads.get(root, 0))
            for name, size in zip(row.op.outputs, traffic.write_bytes, strict=True):
                if size and self._uses.leaves(scope, name, members):
                    writes[self._uses.root(scope, name)] = size
        for is_write, tensors in ((False, reads), (True, writes)):
            for root, size in tensors.items():
                distance = distances.touch(root, size)
                self._accesses.append(_Access(kernel.id, (scope, root), size, is_write, None if is_write else distance))

    def of(self, capacity: float) -> dict[str, _Kept]:
        """By kernel id what a cache of `capacity` bytes still holds."""
        kept: dict[str, _Kept] = {}
        hits: dict[tuple[str, str], list[tuple[bool, float]]] = {}
        for access in self._accesses:
            if access.is_write:
                continue
            size, distance = access.bytes, access.distance_bytes
            if distance is None or not size:
                hits.setdefault(access.tensor, []).append((False, 0.0))
                continue
            hit = size + distance <= capacity
            share = 1.0 if hit else max(0.0, min(1.0, (capacity - distance) / size))
            hits.setdefault(access.tensor, []).append((hit, share))
            entry = kept.setdefault(access.kernel, _Kept())
            entry.at_best_bytes += round(size * share)
            if hit:
                entry.bytes += size
                entry.reasons.append(f"{access.tensor[1]!r}: {size:,} B still on chip, {distance:,} B came between")
        for access in self._accesses:
            # A result that is read on chip by all its readers and not needed later is never written out.
            if not access.is_write or access.tensor in self._uses.kept:
                continue
            readers = hits.get(access.tensor, [])
            if not readers or self._is_captured(access):
                continue
            entry = kept.setdefault(access.kernel, _Kept())
            entry.at_best_bytes += round(access.bytes * min(share for _, share in readers))
            if all(hit for hit, _ in readers):
                entry.bytes += access.bytes
                entry.reasons.append(f"{access.tensor[1]!r}: {access.bytes:,} B not written out, all readers hit")
        return kept

    def _is_captured(self, access: _Access) -> bool:
        """Whether something that is no kernel reads the tensor: a body, a call, or an op that is not counted."""
        kernels = self._model.column(Kernel)
        return any(not kernels[key].id for key in self._uses.readers.get(access.tensor, ()))
