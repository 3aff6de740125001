"""Caches of keys and values: tensors that a run takes over from the last one, adds rows to, and leaves for the next.

A cache lies in the memory of each device that reads it. What a run moves between devices is the rows that it adds.
"""

from dataclasses import dataclass, field

from onnx_roofline.records import Traffic, TypedOp
from onnx_roofline.tensor_uses import TensorUses

# Inputs that hold earlier keys and values, by (domain, op type); as many outputs from the second on hold them with the
# new ones. Source: the schemas of the operators.
CACHE_INPUTS = {
    ("", "Attention"): (4, 5),
    ("com.microsoft", "Attention"): (4,),
    ("com.microsoft", "DecoderMaskedMultiHeadAttention"): (5, 6),
    ("com.microsoft", "DecoderMaskedSelfAttention"): (4,),
    ("com.microsoft", "GroupQueryAttention"): (3, 4),
    ("com.microsoft", "MultiHeadAttention"): (6, 7),
    ("com.microsoft", "PagedAttention"): (3, 4),
    ("com.microsoft", "QAttention"): (8,),
}
# Ops that add rows to what their first input holds, Concat to what any holds, and the position of those rows.
_ADDITIONS = {"Concat": None, "ScatterElements": 2, "ScatterND": 2, "TensorScatter": 1}
_NAMES = ("past", "cache")
# Batch, position, width: no mask and no position is taken for a cache.
_LEAST_RANK = 3


@dataclass(frozen=True)
class Caches:
    """The caches of the main graph, by the tensor that a name stands for once views are seen through.

    `inputs` are model inputs that hold one; `grown` are tensors that hold one with this run's rows, and the bytes of
    those rows; `returned` are the model outputs of attention ops that do that inside. A model input of rank 3 or more
    is a cache if an attention op takes it as one, if it is named so ("past", "cache"), or if rows of this run are added
    to it and the result is a model output.
    """

    uses: TensorUses
    inputs: set[str] = field(default_factory=set)
    grown: dict[str, int] = field(default_factory=dict)
    returned: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        model = self.uses.model
        large = {one.name for one in model.graph.inputs if len(one.type.shape or ()) >= _LEAST_RANK}
        named = {name for name in large if any(word in name for word in _NAMES)}
        self.inputs.update(named)
        for key, row in model.column(TypedOp).items():
            if row.scope or row.role != "compute":
                continue
            positions = CACHE_INPUTS.get((row.op.domain, row.op.op_type), ())
            for slot, position in enumerate(positions, start=1):
                root = self._input(row.op.inputs, position)
                if root in large:
                    self.inputs.add(root)
                    self.returned.update(self.uses.root("", name) for name in row.op.outputs[slot : slot + 1] if name)
            self._note_rows_added(row, model.column(Traffic)[key].read_bytes, large, named)

    def _note_rows_added(self, row: TypedOp, reads: tuple[int | None, ...], large: set[str], named: set[str]) -> None:
        """Note the cache that an op adds rows to, if it does."""
        op = row.op
        if op.domain or op.op_type not in _ADDITIONS or not op.outputs:
            return
        roots = [self._input(op.inputs, position) for position in range(len(op.inputs))]
        made = self.uses.root("", op.outputs[0])
        rows_at = _ADDITIONS[op.op_type]
        held = [position for position in range(len(roots) if rows_at is None else 1) if roots[position] in large]
        if named.isdisjoint(roots[position] for position in held):
            # Not named so: what is added must be made in this run, and the result be there for the next.
            held = held if len(held) == 1 and ("", made) in self.uses.kept else []
        else:
            held = [position for position in held if roots[position] in named]
        if not held:
            return
        others = [position for position in range(len(roots)) if position not in held]
        added = [reads[position] for position in others if rows_at in (None, position)]
        self.inputs.update(roots[position] for position in held)
        if None not in added:
            self.grown[made] = sum(size or 0 for size in added)

    def holds(self, scope: str, root: str) -> bool:
        """Whether a tensor is a cache, with this run's rows or without."""
        return not scope and (root in self.inputs or root in self.grown)

    def _input(self, names: tuple[str, ...], position: int) -> str:
        """The tensor behind an input if nothing in the main graph makes it, else an empty name."""
        if position >= len(names) or not names[position]:
            return ""
        root = self.uses.root("", names[position])
        return "" if ("", root) in self.uses.makers else root
