"""Memory traffic, naive level: each op alone, each operand once, at its true element width."""

from dataclasses import dataclass
from typing import ClassVar

from onnx_roofline.graph import Model, TensorType
from onnx_roofline.pipeline import PassResult
from onnx_roofline.records import Folding, Traffic, TypedOp, Work, total
from onnx_roofline.units import tensor_bytes


@dataclass(frozen=True)
class MemoryTraffic:
    """Sums what the rules say is touched. A tensor that is two operands of one op is read once."""

    name: ClassVar[str] = "memory-traffic"
    requires: ClassVar[tuple[type, ...]] = (TypedOp, Folding, Work)
    produces: ClassVar[type] = Traffic

    def run(self, model: Model) -> PassResult:
        """A Traffic for every row, for one execution."""
        works, foldings = model.column(Work), model.column(Folding)
        return PassResult(
            {key: _traffic(row, works[key], foldings[key]) for key, row in model.column(TypedOp).items()}
        )


def _traffic(row: TypedOp, work: Work, folding: Folding) -> Traffic:
    reads = tuple(_bytes(kind, touched) for kind, touched in zip(row.inputs, work.reads, strict=True))
    if folding.inputs:
        reads = tuple(
            size if source is None else _quantized_bytes(source, touched)
            for size, source, touched in zip(reads, folding.inputs, work.reads, strict=True)
        )
        if folding.output is not None:
            reads = _once(row.op.inputs, reads)
            writes = (_bytes(folding.output, work.writes[0]),)
            return Traffic(reads, writes, total((*reads, *writes)))
    writes = tuple(_bytes(kind, touched) for kind, touched in zip(row.outputs, work.writes, strict=True))
    reads = _once(row.op.inputs, reads)
    return Traffic(reads, writes, total((*reads, *writes)))


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
        if name not in largest:
            largest[name] = size
        elif size is None or largest[name] is None:
            largest[name] = None
        else:
            largest[name] = max(largest[name] or 0, size)
    seen: set[str] = set()
    result = []
    for name in names:
        result.append(0 if name in seen or not name else largest[name])
        seen.add(name)
    return tuple(result)
