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

from collections.abc import Iterator, Mapping
from typing import ClassVar

from msgspec import Struct, field

from onnx_roofline.base.errors import NotModelledError
from onnx_roofline.base.units import DTYPE_BITS, product
from onnx_roofline.hardware import Device, System
from onnx_roofline.ir.graph import Model
from onnx_roofline.ir.pipeline import PassResult
from onnx_roofline.ir.records import Contraction, Counts, Folding, Kernel, Moved, Reuse, Traffic, TypedOp, Work
from onnx_roofline.ir.tensor_index import Boundary, TensorIndex
from onnx_roofline.memory.reuse_distance import StackDistances
from onnx_roofline.memory.tiling import (
    ConvShape,
    Tiling,
    Widths,
    attention_bytes,
    chain_bytes,
    conv_bytes,
    gemm_bytes,
)

# Share of a cache that tiles and kept tensors can count on; half is what double buffering leaves.
# Source: assumed, the lower end of the 0.5 to 0.8 that tiled kernels reach in practice.
USABLE_CACHE_SHARE = 0.5
# Bytes of a partial sum: products of narrow types are added up in float32 or int32.
PARTIAL_BYTES = 4.0
UNLIMITED = "unlimited"
_NO_LIMIT = float("inf")
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
            _leave_caches_out(model, uses, kernels[key], boundary)
        residency = _Residency(model, uses, boundaries) if self.residency else None
        found: dict[str, dict[str, Moved]] = {key: {} for key in boundaries}
        for device in self.system.devices:
            capacity = self._capacity(device)
            resident = residency.of(capacity) if residency is not None and capacity is not None else {}
            for key, boundary in boundaries.items():
                kept = resident.get(key, _NOTHING_KEPT)
                again = refetched_bytes(model, uses, kernels[key], boundary, capacity)
                allocated = _allocated(boundary, kept) if device.kind == "cpu" and capacity != _NO_LIMIT else (0, [])
                size = compulsory[key] or 0
                # What is fetched again can't also be what was never fetched: the compulsory part bounds what stays.
                lru, best = min(kept.bytes, size), min(kept.at_best_bytes, size)
                reasons = (*again[1], *allocated[1], *kept.reasons)
                found[key][device.slug] = Moved(size, again[0] + allocated[0], lru, max(lru, best), reasons)
        return PassResult({key: Reuse(found[key]) if key in found else _NOTHING for key in kernels})

    def _capacity(self, device: Device) -> float | None:
        """Usable on-chip bytes; None where nothing is stated, infinity where there is no limit."""
        if self.on_chip == UNLIMITED:
            return _NO_LIMIT
        if self.on_chip:
            return float(self.on_chip)
        return None if device.cache_bytes is None else device.cache_bytes * USABLE_CACHE_SHARE


def _leave_caches_out(model: Model, uses: TensorIndex, kernel: Kernel, boundary: Boundary) -> None:
    """Take caches off the border of a kernel that only adds rows to them: what it doesn't touch is not on chip then."""
    rows, traffics = model.column(TypedOp), model.column(Traffic)
    for key in kernel.members:
        for saving in traffics[key].savings:
            if saving.kind == "in_place":
                root = uses.root(rows[key].scope, saving.tensor)
                if saving.tensor in rows[key].op.outputs:
                    boundary.writes.pop(root, None)
                else:
                    boundary.reads.pop(root, None)


def refetched_bytes(
    model: Model, uses: TensorIndex, kernel: Kernel, boundary: Boundary, capacity: float | None
) -> tuple[int, list[str]]:
    """Bytes that a kernel fetches again because its tiles or its rows don't fit, with the reason for each."""
    if capacity is None:
        return 0, ["on-chip memory not stated: compulsory bytes"]
    if capacity == _NO_LIMIT:
        return 0, []
    capacity_bytes = int(capacity)
    members = [key for key in kernel.members if model.column(Work)[key].contractions]
    if kernel.role == "attention" and len(members) >= 2:
        return _attention_again(model, members, capacity_bytes)
    total, reasons = _rows_again(model, uses, kernel, boundary, capacity_bytes)
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


def _allocated(boundary: Boundary, kept: "_Kept") -> tuple[int, list[str]]:
    """Bytes of cache lines that a CPU fetches before it writes them."""
    size = max(0, sum(boundary.writes.values()) - kept.unwritten_bytes)
    return size, [f"write-allocate: {size:,} B of lines fetched before they are written"] if size else []


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

    output = folding.written(row.outputs)[0]
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


def _rows_again(
    model: Model, uses: TensorIndex, kernel: Kernel, boundary: Boundary, capacity_bytes: int
) -> tuple[int, list[str]]:
    """Bytes that a kernel fetches a second time because the rows that it normalises don't fit, with the reason."""
    rows = model.column(TypedOp)
    for key, length in _row_lengths(model, kernel):
        source = rows[key].inputs[0]
        if source is None or length * DTYPE_BITS.get(source.dtype, 32) <= 8 * capacity_bytes:
            continue
        # What is as large as all rows together comes twice; scales and biases are small.
        large = {
            uses.root(rows[part].scope, name)
            for part in kernel.members
            for name, kind in zip(rows[part].op.inputs, rows[part].inputs, strict=True)
            if kind is not None and (kind.elements or 0) >= (source.elements or 0)
        }
        again = sum(size for name, size in boundary.reads.items() if name in large)
        return again, [f"{key}: {again:,} B fetched again, a row of {length:,} elements doesn't fit"] if again else []
    return 0, []


def _row_lengths(model: Model, kernel: Kernel) -> Iterator[tuple[str, int]]:
    """(member, elements of a row) for members that normalise rows, or reduce them for others that come back to them."""
    rows, works = model.column(TypedOp), model.column(Work)
    for position, key in enumerate(kernel.members):
        row, length = rows[key], works[key].row_elements
        if not length and (position + 1 == len(kernel.members) or works[key].contractions):
            continue
        source = row.inputs[0] if row.inputs else None
        if source is None or not source.elements or not row.outputs[0].elements:
            continue
        if not length and source.elements > row.outputs[0].elements:
            reduced = set(row.op.outputs)
            for follower in (rows[later] for later in kernel.members[position + 1 :]):
                if not reduced.isdisjoint(follower.op.inputs):
                    reduced.update(follower.op.outputs)
                    if follower.outputs[0].elements == source.elements:
                        length = source.elements // row.outputs[0].elements
        if length:
            yield key, length


class _Kept(Struct):
    """What is still on chip for one kernel; `unwritten_bytes` of its results never leave the chip."""

    bytes: int = 0
    at_best_bytes: int = 0
    unwritten_bytes: int = 0
    reasons: list[str] = field(default_factory=list)


_NOTHING_KEPT = _Kept()


class _Access(Struct, frozen=True):
    """One kernel reads or writes a tensor that other kernels use; `distance_bytes` since its last use."""

    kernel: str
    tensor: tuple[str, str]
    bytes: int
    is_write: bool
    distance_bytes: int | None


class _Residency:
    """The accesses of all kernels in order with their reuse distances, which no device changes."""

    def __init__(self, model: Model, uses: TensorIndex, boundaries: Mapping[str, Boundary]) -> None:
        self._uses = uses
        self._model = model
        self._sized = frozenset(boundaries)
        schedule = uses.schedule(model.column(Kernel))
        self._chains = _chains(model, uses, schedule, boundaries)
        self._accesses: list[_Access] = []
        for scope, ids in schedule.items():
            distances = StackDistances()
            for kernel_id in ids:
                if kernel_id in boundaries:
                    self._touch(scope, kernel_id, boundaries[kernel_id], distances)
                else:
                    # What it moves is unknown, and so is what is still on chip behind it: nothing is taken to be.
                    distances = StackDistances()

    def _touch(self, scope: str, kernel_id: str, boundary: Boundary, distances: StackDistances) -> None:
        for is_write, tensors in ((False, boundary.reads), (True, boundary.writes)):
            for root, size in tensors.items():
                distance = distances.touch(root, size)
                self._accesses.append(_Access(kernel_id, (scope, root), size, is_write, None if is_write else distance))

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
                entry.unwritten_bytes += access.bytes
                entry.reasons.append(f"{access.tensor[1]!r}: {access.bytes:,} B not written out, all readers hit")
        for chain in self._chains:
            if not any(hit for hit, _ in hits.get(chain.tensor, ())):
                chain.keep(kept, capacity)
        return kept

    def _is_captured(self, access: _Access) -> bool:
        """Whether something reads the tensor whose reads are not among the accesses: a body, a call, an op that is not
        counted, or a kernel of unknown bytes.
        """
        kernels = self._model.column(Kernel)
        return any(kernels[key].id not in self._sized for key in self._uses.readers.get(access.tensor, ()))


class _Chain(Struct, frozen=True):
    """Two contractions of which the second alone reads the first's result, as its left operand."""

    producer: str
    consumer: str
    tensor: tuple[str, str]
    written_bytes: int
    read_bytes: int
    first: Contraction
    second: Contraction
    first_widths: Widths
    second_widths: Widths

    def keep(self, kept: dict[str, _Kept], capacity: float) -> None:
        """Add to both kernels what is not moved when they run by blocks of rows, if that beats one after the other."""
        if capacity == _NO_LIMIT:
            return
        m, k, n, last = self.first.m, self.first.k, self.first.n, self.second.n
        widths = Widths(self.first_widths.lhs, self.first_widths.rhs, self.second_widths.out, PARTIAL_BYTES)
        chained = chain_bytes(m, k, n, last, widths, int(capacity))
        if chained is None:
            return
        apart = gemm_bytes(m, n, k, self.first_widths, int(capacity)).moved_bytes
        apart += gemm_bytes(m, last, n, self.second_widths, int(capacity)).moved_bytes
        saved = self.first.batch * (apart - chained.moved_bytes)
        written = min(self.written_bytes, saved // 2)
        read = min(self.read_bytes, saved - written)
        if written <= 0:
            return
        for kernel, size, other in ((self.producer, written, self.consumer), (self.consumer, read, self.producer)):
            entry = kept.setdefault(kernel, _Kept())
            entry.bytes += size
            entry.reasons.append(f"{self.tensor[1]!r}: {size:,} B stay on chip, chained with {other}: {chained.kept}")


def _chains(
    model: Model, uses: TensorIndex, schedule: Mapping[str, list[str]], boundaries: Mapping[str, Boundary]
) -> list[_Chain]:
    """Pairs of kernels that can run block by block of rows, each kernel in one pair."""
    kernels = model.column(Kernel)
    found: dict[str, _Chain] = {}
    for scope, ids in schedule.items():
        for consumer in ids:
            second = _only_product(model, kernels[consumer])
            if second is None or second[0].lhs is None or consumer not in boundaries:
                continue
            row = model.column(TypedOp)[second[1]]
            tensor = scope, uses.root(scope, row.op.inputs[second[0].lhs])
            maker = uses.makers.get(tensor)
            producer = kernels[maker].id if maker is not None else ""
            first = _only_product(model, kernels[producer]) if producer in boundaries and producer != consumer else None
            if first is None or tensor in uses.kept or not uses.readers[tensor] <= set(kernels[consumer].members):
                continue
            follows = (first[0].batch, first[0].m, first[0].n) == (second[0].batch, second[0].m, second[0].k)
            widths = tuple(_widths(model.column(TypedOp)[key], part, model.column(Folding)[key])
                           for part, key in (first, second))  # fmt: skip
            is_computed = maker is not None and model.column(Work)[maker].counts != Counts()
            if not follows or not is_computed or producer in found or widths[0].rhs != widths[1].rhs:
                continue
            sizes = boundaries[producer].writes.get(tensor[1], 0), boundaries[consumer].reads.get(tensor[1], 0)
            found[consumer] = _Chain(producer, consumer, tensor, *sizes, first[0], second[0], *widths)
    return list(found.values())


def _only_product(model: Model, kernel: Kernel) -> tuple[Contraction, str] | None:
    """The one matrix product of a kernel without rows to normalise, and the member that does it."""
    found: list[tuple[Contraction, str]] = []
    for key in kernel.members:
        work = model.column(Work)[key]
        found += [(contraction, key) for contraction in work.contractions]
        if len(found) > 1 or work.sequential_steps > 1:
            return None
    if not found or found[0][0].kernel or next(_row_lengths(model, kernel), None):
        return None
    return found[0]
