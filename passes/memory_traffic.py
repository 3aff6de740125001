"""Memory traffic: each op alone (naive), and what its kernel can't avoid (compulsory), at true element widths.

Naive: every operand once, what the rules say is touched. Compulsory: a tensor that one member of a kernel makes for
another never leaves the chip, and a tensor that several members read is fetched once. Where the backend appends to
caches in place, only new rows are written. Every byte saved names its rule, so that naive = compulsory + fused away
holds op by op.
"""

from collections.abc import Mapping
from typing import ClassVar

from msgspec import Struct
from msgspec.structs import replace

from onnx_roofline.base.units import tensor_bytes
from onnx_roofline.ir.graph import Model, TensorType
from onnx_roofline.ir.pipeline import PassResult
from onnx_roofline.ir.records import Folding, Kernel, Saving, Traffic, TypedOp, Work, total
from onnx_roofline.ir.tensor_index import TensorIndex
from onnx_roofline.memory.kv_caches import InPlace, Kept


class MemoryTraffic(Struct, frozen=True):
    """Sums what the rules say is touched. A tensor that is two operands of one op is read once.

    Option: `appends_in_place`, past and present of a cache share a buffer.
    """

    appends_in_place: bool = False

    name: ClassVar[str] = "memory-traffic"
    requires: ClassVar[tuple[type, ...]] = (TypedOp, Folding, Work, InPlace, Kernel)
    produces: ClassVar[type] = Traffic

    def run(self, model: Model) -> PassResult:
        """A Traffic for every row, for one execution."""
        rows, works, foldings = model.column(TypedOp), model.column(Work), model.column(Folding)
        kernels = model.column(Kernel)
        uses = model.whole(TensorIndex)
        in_place = model.column(InPlace)
        fused: dict[str, _Fused] = {}
        # What ops that are alike move alone, where they read no tensor twice.
        of_class: dict[tuple[int, int], Traffic] = {}
        found: dict[str, Traffic] = {}
        for key, row in rows.items():
            folding, kernel = foldings[key], kernels[key]
            is_of_class = row.alike >= 0 and len(set(row.op.inputs)) == len(row.op.inputs)
            alone = of_class.get((row.alike, id(folding))) if is_of_class else None
            if alone is None:
                alone = _alone(row, works[key], folding)
                if is_of_class:
                    of_class[row.alike, id(folding)] = alone
            if not kernel.id or len(kernel.members) == 1:
                found[key] = alone
            else:
                if kernel.id not in fused:
                    fused[kernel.id] = _Fused(kernel, uses)
                found[key] = fused[kernel.id].part_of(row, alone)
            if self.appends_in_place and in_place[key].kept:
                kept = in_place[key].kept
                if in_place[key].is_view and any(saving.kind == "inside" for saving in found[key].savings):
                    kept = kept if all(_is_held(uses, in_place, row, part) for part in kept) else ()
                found[key] = _in_place(row, found[key], kept)
        return PassResult(found)


class _Fused:
    """A kernel of several ops, with what it has fetched of each outer tensor so far."""

    def __init__(self, kernel: Kernel, uses: TensorIndex) -> None:
        self.members, self.uses = frozenset(kernel.members), uses
        self.paid: dict[str, int] = {}
        self.inside = f"{kernel.pattern}: made and read inside the kernel"
        self.once = f"{kernel.pattern}: fetched once for the whole kernel"

    def part_of(self, row: TypedOp, alone: Traffic) -> Traffic:
        """One member's part of the traffic; `alone` is what it moves as a kernel of its own."""
        scope, uses, paid, savings = row.scope, self.uses, self.paid, list[Saving]()
        for name, size in zip(row.op.inputs, alone.read_bytes, strict=True):
            if not size:
                continue
            root = uses.root(scope, name)
            if uses.makers.get((scope, root)) in self.members:
                savings.append(Saving(name, size, self.inside, "inside"))
                continue
            before = paid.get(root, 0)
            if size > before:
                paid[root] = size
            if before:
                savings.append(Saving(name, min(size, before), self.once, "once"))
        for name, size in zip(row.op.outputs, alone.write_bytes, strict=True):
            if size and not uses.leaves(scope, name, self.members):
                savings.append(Saving(name, size, self.inside, "inside"))
        if not savings:
            return alone
        naive = alone.naive_bytes
        compulsory = None if naive is None else naive - sum([saving.bytes for saving in savings])
        return Traffic(alone.read_bytes, alone.write_bytes, naive, compulsory, tuple(savings))


def _is_held(uses: TensorIndex, in_place: Mapping[str, InPlace], row: TypedOp, part: Kept) -> bool:
    """Whether every op that reads a view of a cache leaves it in place as well: another one reads it here, where its
    kernel fetches it.
    """
    place = row.scope, row.op.outputs[part.present]
    for key in uses.readers.get((row.scope, uses.root(*place)), ()):
        reader = uses.rows[key]
        held = {reader.op.inputs[at] for one in in_place[key].kept for at in one.copied}
        if not any(uses.root(reader.scope, name) == uses.root(*place) for name in held):
            return False
    return True


def _in_place(row: TypedOp, traffic: Traffic, kept: tuple[Kept, ...]) -> Traffic:
    """The traffic of an op that only adds rows to buffers which its caches share with its results."""
    if traffic.compulsory_bytes is None:
        return traffic
    savings = list(traffic.savings)
    for part in kept:
        stays = (traffic.write_bytes[part.present] or 0) - part.new_bytes
        copied = [(row.op.outputs[part.present], stays)]
        copied += [(row.op.inputs[position], traffic.read_bytes[position] or 0) for position in part.copied]
        for name, size in copied:
            saved = sum(saving.bytes for saving in savings if saving.tensor == name)
            if size > saved:
                savings.append(Saving(name, size - saved, part.rule, "in_place"))
    assert traffic.naive_bytes is not None, "what is known after fusion is known before"
    compulsory = traffic.naive_bytes - sum(saving.bytes for saving in savings)
    return replace(traffic, compulsory_bytes=compulsory, savings=tuple(savings))


def _alone(row: TypedOp, work: Work, folding: Folding) -> Traffic:
    """The traffic of an op that is a kernel of its own."""
    reads, writes = _naive(row, work, folding)
    naive = total((*reads, *writes))
    return Traffic(reads, writes, naive, naive)


def _naive(row: TypedOp, work: Work, folding: Folding) -> tuple[tuple[int | None, ...], tuple[int | None, ...]]:
    """(bytes read by input, bytes written by output) of the op alone."""
    reads = tuple(_bytes(kind, touched) for kind, touched in zip(row.inputs, work.reads, strict=True))
    if folding.inputs:
        reads = tuple(
            size if source is None else _quantized_bytes(source, touched)
            for size, source, touched in zip(reads, folding.inputs, work.reads, strict=True)
        )
    outputs = folding.written(row.outputs)
    writes = tuple(_bytes(kind, touched) for kind, touched in zip(outputs, work.writes, strict=True))
    return _once(row.op.inputs, reads), writes


def _bytes(kind: TensorType | None, touched: int | None) -> int | None:
    if touched == 0 or kind is None:
        return 0
    return None if touched is None else tensor_bytes(kind.dtype, touched)


def _quantized_bytes(source: tuple[TensorType, ...], touched: int | None) -> int | None:
    """Bytes of the touched elements at their stored width, with the whole scale and zero point."""
    if not touched:
        return touched
    return total((_bytes(source[0], touched), *(kind.bytes for kind in source[1:])))


def _once(names: tuple[str, ...], sizes: tuple[int | None, ...]) -> tuple[int | None, ...]:
    """The sizes with a tensor that comes up again at 0, the largest of its reads standing at its first place."""
    if len(set(names)) == len(names):
        return sizes
    largest: dict[str, int | None] = {}
    for name, size in zip(names, sizes, strict=True):
        known = largest.get(name, 0)
        largest[name] = None if size is None or known is None else max(known, size)
    seen: set[str] = set()
    result = []
    for name in names:
        result.append(0 if name in seen or not name else largest[name])
        seen.add(name)
    return tuple(result)
