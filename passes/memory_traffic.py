"""Memory traffic: each op alone (naive), and what its kernel can't avoid (compulsory), at true element widths.

Naive: every operand once, what the rules say is touched. Compulsory: a tensor that one member of a kernel makes for
another never leaves the chip, and a tensor that several members read is fetched once. Where the backend appends to
caches in place, only new rows are written. Every byte saved names its rule, so that naive = compulsory + fused away
holds op by op.
"""

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
        # Of each kernel of several ops: its members, and what it has fetched of each outer tensor so far.
        fused: dict[str, tuple[frozenset[str], dict[str, int]]] = {}
        found: dict[str, Traffic] = {}
        for key, row in rows.items():
            reads, writes = _naive(row, works[key], foldings[key])
            kernel = kernels[key]
            if not kernel.id or len(kernel.members) == 1:
                naive = total((*reads, *writes))
                found[key] = Traffic(reads, writes, naive, naive)
            else:
                if kernel.id not in fused:
                    fused[kernel.id] = frozenset(kernel.members), {}
                members, paid = fused[kernel.id]
                found[key] = _fused(row, kernel.pattern, members, reads, writes, uses, paid)
            if self.appends_in_place and in_place[key].kept:
                found[key] = _in_place(row, found[key], in_place[key].kept)
        return PassResult(found)


def _fused(
    row: TypedOp,
    pattern: str,
    members: frozenset[str],
    reads: tuple[int | None, ...],
    writes: tuple[int | None, ...],
    uses: TensorIndex,
    paid: dict[str, int],
) -> Traffic:
    """One member's part: `paid` holds what the kernel has fetched of each outer tensor so far."""
    savings: list[Saving] = []
    for name, size in zip(row.op.inputs, reads, strict=True):
        if not size:
            continue
        root = uses.root(row.scope, name)
        if uses.makers.get((row.scope, root)) in members:
            savings.append(Saving(name, size, f"{pattern}: made and read inside the kernel", "inside"))
            continue
        already = min(size, paid.get(root, 0))
        paid[root] = max(size, paid.get(root, 0))
        if already:
            savings.append(Saving(name, already, f"{pattern}: fetched once for the whole kernel", "once"))
    for name, size in zip(row.op.outputs, writes, strict=True):
        if size and not uses.leaves(row.scope, name, members):
            savings.append(Saving(name, size, f"{pattern}: made and read inside the kernel", "inside"))
    naive = total((*reads, *writes))
    saved = sum(saving.bytes for saving in savings)
    return Traffic(reads, writes, naive, None if naive is None else naive - saved, tuple(savings))


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
