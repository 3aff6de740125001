"""Caches of keys and values: tensors that a run takes over from the last one, adds rows to, and leaves for the next.

A cache lies in the memory of each device that reads it. What a run moves between devices is the rows that it adds.
"""

from dataclasses import dataclass, field

from onnx_roofline.records import TypedOp
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
# Why bytes of a cache are not moved where a backend appends in place.
SHARED_BUFFER = "past and present share a buffer, only new rows are written"
# Ops that add rows to what their first input holds, Concat to what any holds, and the position of those rows.
_ADDITIONS = {"Concat": None, "ScatterElements": 2, "ScatterND": 2, "TensorScatter": 1}
_NAMES = ("past", "cache")
# Batch, position, width: no mask and no position is taken for a cache.
_LEAST_RANK = 3


@dataclass(frozen=True, slots=True)
class Append:
    """An op that adds rows to a cache: where past and present share a buffer, the rest is neither read nor written.

    `past` is the position of the input that is only copied (None where the op works on it), `present` that of the
    output, `old_bytes` what the present has of the past.
    """

    past: int | None
    present: int
    old_bytes: int


@dataclass(frozen=True)
class Caches:
    """The caches of the main graph, by the tensor that a name stands for once views are seen through.

    `inputs` are model inputs that hold one; `grown` are tensors that hold one with this run's rows, and the bytes of
    those rows; `returned` are the model outputs of attention ops that do that inside; `appends` are the ops that make
    a model output of a cache. A model input of rank 3 or more is a cache if an attention op takes it as one, if it is
    named so ("past", "cache"), or if rows of this run are added to it and the result is a model output.
    """

    uses: TensorUses
    inputs: set[str] = field(default_factory=set)
    grown: dict[str, int] = field(default_factory=dict)
    returned: set[str] = field(default_factory=set)
    appends: dict[str, tuple[Append, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        model = self.uses.model
        large = {one.name for one in model.graph.inputs if len(one.type.shape or ()) >= _LEAST_RANK}
        named = {name for name in large if any(word in name for word in _NAMES)}
        self.inputs.update(named)
        for key, row in model.column(TypedOp).items():
            if row.scope or row.role != "compute":
                continue
            self._note_attention(key, row, large)
            self._note_rows_added(key, row, large, named)

    def _note_attention(self, key: str, row: TypedOp, large: set[str]) -> None:
        """Note the caches that an attention op takes in, and what it gives back of them."""
        found = []
        for slot, position in enumerate(CACHE_INPUTS.get((row.op.domain, row.op.op_type), ()), start=1):
            root = self._input(row.op.inputs, position)
            if root not in large:
                continue
            self.inputs.add(root)
            if slot < len(row.op.outputs) and row.op.outputs[slot]:
                made = self.uses.root("", row.op.outputs[slot])
                self.returned.add(made)
                past, present = row.inputs[position], row.outputs[slot]
                old = (past.bytes if past is not None else None) or 0
                # A buffer of one size for both is updated in place already.
                if ("", made) in self.uses.kept and (present.bytes or 0) > old:
                    found.append(Append(None, slot, old))
        if found:
            self.appends[key] = tuple(found)

    def _note_rows_added(self, key: str, row: TypedOp, large: set[str], named: set[str]) -> None:
        """Note the cache that an op adds rows to, if it does."""
        op = row.op
        if op.domain or op.op_type not in _ADDITIONS or not op.outputs:
            return
        roots = [self._input(op.inputs, position) for position in range(len(op.inputs))]
        made = self.uses.root("", op.outputs[0])
        is_kept = ("", made) in self.uses.kept
        rows_at = _ADDITIONS[op.op_type]
        held = [position for position in range(len(roots) if rows_at is None else 1) if roots[position] in large]
        if named.isdisjoint(roots[position] for position in held):
            # Not named so: what is added must be made in this run, and the result be there for the next.
            held = held if len(held) == 1 and is_kept else []
        else:
            held = [position for position in held if roots[position] in named]
        if not held:
            return
        self.inputs.update(roots[position] for position in held)
        others = [position for position in range(len(roots)) if position not in held]
        added = [
            kind.bytes if (kind := row.inputs[position]) is not None else 0
            for position in others
            if rows_at in (None, position)
        ]
        if None in added:
            return
        self.grown[made] = sum(size or 0 for size in added)
        present = row.outputs[0].bytes
        if is_kept and len(held) == 1 and present is not None:
            self.appends[key] = (Append(held[0], 0, max(0, present - self.grown[made])),)

    def holds(self, scope: str, root: str) -> bool:
        """Whether a tensor is a cache, with this run's rows or without."""
        return not scope and (root in self.inputs or root in self.grown)

    def _input(self, names: tuple[str, ...], position: int) -> str:
        """The tensor behind an input if nothing in the main graph makes it, else an empty name."""
        if position >= len(names) or not names[position]:
            return ""
        root = self.uses.root("", names[position])
        return "" if ("", root) in self.uses.makers else root
