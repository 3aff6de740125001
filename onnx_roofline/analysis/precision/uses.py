"""Who reads what a model stores: the products behind each stored tensor, through what only rearranges it."""

from collections.abc import Iterator

from msgspec import Struct

from onnx_roofline.fusion.quantized_tensors import PLAIN_FLOATS, Names, Place
from onnx_roofline.ir.graph import Model, Op, StoredTensor
from onnx_roofline.ir.records import Contraction, TypedOp, Work
from onnx_roofline.ops.cost.lookup import traits_of

# (row, position of an input).
Read = tuple[str, int]


class Stored(Struct, frozen=True):
    """A tensor that the file holds, where; `maker` is its Constant, if it is one."""

    place: Place
    tensor: StoredTensor
    maker: Op | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        """Its dims."""
        return self.tensor.type.dims


class Uses:
    """The reads of every tensor of a model whose ops have been counted."""

    def __init__(self, model: Model) -> None:
        self.model, self.names = model, Names.of(model)
        self.rows, self.works = model.column(TypedOp), model.column(Work)
        self.reads: dict[Place, list[Read]] = {}
        for key, row in self.rows.items():
            for position, place in self.names.inputs(row):
                self.reads.setdefault(place, []).append((key, position))

    def stored(self) -> Iterator[Stored]:
        """Every stored tensor of a graph, and the values of Constants, each once."""
        for scope, graph in self.names.graphs.items():
            for name, tensor in graph.stored.items():
                yield Stored((scope, name), tensor)
        seen: set[int] = set()
        for row in self.rows.values():
            op = row.op
            if op.op_type != "Constant" or not op.outputs or id(op) in seen:
                continue
            seen.add(id(op))
            for value in op.attributes.values():
                if isinstance(value, StoredTensor):
                    yield Stored((row.scope, op.outputs[0]), value, op)

    def dtype(self, place: Place) -> str:
        """The element type of a tensor that some op makes or reads."""
        maker = self.names.makers.get(place)
        if maker is not None:
            row = self.rows[maker]
            return row.outputs[row.op.outputs.index(place[1])].dtype
        kinds = (self.rows[key].inputs[position] for key, position in self.reads[place])
        return next(kind.dtype for kind in kinds if kind is not None)

    def products(self, read: Read) -> tuple[list[Read], str]:
        """The products that one read leads to, and the first op that is none; "" where all are."""
        found: list[Read] = []
        pending, seen = [read], {read}
        while pending:
            key, position = current = pending.pop()
            row = self.rows[key]
            if self.contraction(current) is not None:
                found.append(current)
                continue
            after = self._behind(row, position)
            if not after:
                return found, key
            for place in after:
                reads = self.reads.get(place, [])
                if place in self.names.kept or not reads:
                    return found, key
                pending += [one for one in reads if one not in seen]
                seen.update(reads)
        return found, ""

    def _behind(self, row: TypedOp, position: int) -> list[Place]:
        """Where what an op reads there is found again, rearranged.

        Not behind the call of a function: its body stands for other calls too, into which no DequantizeLinear folds.
        """
        traits = traits_of(row.op)
        casts = traits.rescales == (0,) and len(row.op.inputs) == 1
        if position == 0 and (traits.permutes or traits.renames or casts):
            return [(row.scope, row.op.outputs[0])]
        return []

    def contraction(self, read: Read) -> Contraction | None:
        """The product that an op makes of an input, if it restores quantised operands as it reads them."""
        key, position = read
        row = self.rows[key]
        if row.role != "compute" or traits_of(row.op).quantized_form not in ("product", "operand"):
            return None
        kind = row.inputs[position]
        if kind is None or kind.dtype not in PLAIN_FLOATS:
            return None
        return next((one for one in self.works[key].contractions if position in (one.lhs, one.rhs)), None)
