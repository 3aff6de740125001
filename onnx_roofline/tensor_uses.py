"""Who makes and who reads each tensor, with views seen through: what the traffic of kernels rests on."""

from dataclasses import dataclass, field

from onnx_roofline.graph import Model, op_reads
from onnx_roofline.records import TypedOp, Work


@dataclass(frozen=True)
class TensorUses:
    """Which tensor a name stands for once views are seen through, who makes it, and who reads it, by scope."""

    model: Model
    roots: dict[tuple[str, str], str] = field(default_factory=dict)
    makers: dict[tuple[str, str], str] = field(default_factory=dict)
    readers: dict[tuple[str, str], set[str]] = field(default_factory=dict)
    kept: set[tuple[str, str]] = field(default_factory=set)

    def __post_init__(self) -> None:
        rows, works = self.model.column(TypedOp), self.model.column(Work)
        for key, row in rows.items():
            is_view = not works[key].moves_data and row.role == "compute" and not row.bodies and row.op.inputs
            for name in row.op.outputs:
                if name and is_view:
                    self.roots[row.scope, name] = self.root(row.scope, row.op.inputs[0])
                elif name:
                    self.makers[row.scope, name] = key
            if is_view:
                continue
            for name in op_reads(row.op):
                self.readers.setdefault((row.scope, self.root(row.scope, name)), set()).add(key)
        for output in self.model.graph.outputs:
            self.kept.add(("", self.root("", output.name)))
        for row in rows.values():
            for body in row.bodies:
                graph = row.op.bodies[body.attribute] if row.op.function is None else (
                    self.model.functions[row.op.function].graph)  # fmt: skip
                for output in graph.outputs:
                    self.kept.add((body.scope, self.root(body.scope, output.name)))

    def root(self, scope: str, name: str) -> str:
        """The tensor whose bytes a name stands for."""
        return self.roots.get((scope, name), name)

    def leaves(self, scope: str, name: str, members: frozenset[str]) -> bool:
        """Whether a tensor is needed outside a group of rows: read there, an output, or captured by a body."""
        root = self.root(scope, name)
        return (scope, root) in self.kept or not self.readers.get((scope, root), set()) <= members
