"""What is still on chip between kernels: reuse distances over the schedule, and products chained block by block.

Source: Mattson et al., IBM Systems Journal 9(2), 1970, for reuse distances.
"""

from collections.abc import Mapping

from msgspec import Struct, field

from onnx_roofline.ir.graph import Model
from onnx_roofline.ir.records import Contraction, Counts, Folding, Kernel, Traffic, TypedOp, Work
from onnx_roofline.ir.tensor_index import Boundary, TensorIndex
from onnx_roofline.memory.refetch import NO_LIMIT, PARTIAL_BYTES, widths_of
from onnx_roofline.memory.reuse_distance import StackDistances
from onnx_roofline.memory.rows import row_lengths
from onnx_roofline.memory.tiling import Widths, chain_bytes, gemm_bytes


def leave_caches_out(model: Model, uses: TensorIndex, kernel: Kernel, boundary: Boundary) -> None:
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


class Kept(Struct):
    """What is still on chip for one kernel; `unwritten_bytes` of its results never leave the chip."""

    bytes: int = 0
    at_best_bytes: int = 0
    unwritten_bytes: int = 0
    reasons: list[str] = field(default_factory=list)


NOTHING_KEPT = Kept()


class _Access(Struct, frozen=True):
    """One kernel reads or writes a tensor that other kernels use; `distance_bytes` since its last use."""

    kernel: str
    tensor: tuple[str, str]
    bytes: int
    is_write: bool
    distance_bytes: int | None


class Residency:
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

    def of(self, capacity: float) -> dict[str, Kept]:
        """By kernel id what a cache of `capacity` bytes still holds."""
        kept: dict[str, Kept] = {}
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
            entry = kept.setdefault(access.kernel, Kept())
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
            entry = kept.setdefault(access.kernel, Kept())
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

    def keep(self, kept: dict[str, Kept], capacity: float) -> None:
        """Add to both kernels what is not moved when they run by blocks of rows, if that beats one after the other."""
        if capacity == NO_LIMIT:
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
            entry = kept.setdefault(kernel, Kept())
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
            widths = tuple(widths_of(model.column(TypedOp)[key], part, model.column(Folding)[key])
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
    if not found or found[0][0].kernel or next(row_lengths(model, kernel), None):
        return None
    return found[0]
