"""The ops of a model as a diff sees them: structure by tensors, figures over all executions, names as labels.

They come from an analysis or from the JSON document that `analyze --json` wrote, and are the same from both.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from msgspec import Struct

from onnx_roofline.analysis.analyze import Analysis
from onnx_roofline.ci.metrics import Value
from onnx_roofline.ir.graph import TensorType, captured_names
from onnx_roofline.ir.placed_records import Placement
from onnx_roofline.ir.records import Executions, Traffic, TypedOp, Work


class NodeFigures(Struct, frozen=True):
    """An op: what it is by type, shapes and neighbours, and what it costs in one run of the model.

    `reads` and `writes` name tensors, which only say what is joined to what; `operands` and `results` are their types
    as text, `float32[8, 128]`. `form` is what the canonical contractions of the op say of attributes: strides, taps.
    `time_s` is that of its kernel's root where it is placed.
    """

    id: str
    name: str
    op_type: str
    scope: str
    module: str
    reads: tuple[str, ...]
    writes: tuple[str, ...]
    operands: tuple[str, ...]
    results: tuple[str, ...]
    form: str
    role: str
    executions: int | float
    macs: Value
    flops: Value
    naive_bytes: Value
    time_s: Value
    device: str | None

    @property
    def label(self) -> str:
        """Its id, with its name where it has one that says more."""
        return f"{self.id} {self.name}" if self.name else self.id


def nodes_of_analysis(analysis: Analysis) -> tuple[NodeFigures, ...]:
    """The ops of an analysis in order."""
    model, dtype = analysis.model, analysis.settings.float_dtype
    works, traffics = model.column(Work), model.column(Traffic)
    executions, placements = model.column(Executions), model.column(Placement)
    made: dict[str, set[str]] = {}
    for row in model.column(TypedOp).values():
        made.setdefault(row.scope, set()).update(row.op.outputs)
    found = []
    for key, row in model.column(TypedOp).items():
        op, work, count = row.op, works[key], executions[key].count
        captured = [name for name in captured_names(op) if name in made[row.scope]] if op.bodies else ()
        times = int(count) if count.denominator == 1 else float(count)
        placed, counts = placements[key], work.counts
        found.append(
            NodeFigures(
                id=key,
                name=op.name,
                op_type=op.qualified_type,
                scope=row.scope,
                module=op.module,
                reads=tuple(dict.fromkeys((*filter(None, op.inputs), *captured))),
                writes=op.outputs,
                operands=tuple(
                    _typed(kind, dtype) if name else "" for name, kind in zip(op.inputs, row.inputs, strict=True)
                ),
                results=tuple(
                    _typed(kind, dtype) if name else "" for name, kind in zip(op.outputs, row.outputs, strict=True)
                ),
                form="; ".join(
                    _form(c.batch, c.m, c.n, c.k, c.kernel, c.strides, c.dilations) for c in work.contractions
                ),
                role=row.role,
                executions=times,
                macs=_scaled(None if counts is None else counts.macs, times),
                flops=_scaled(None if counts is None else counts.flops, times),
                naive_bytes=_scaled(traffics[key].naive_bytes, times),
                time_s=_scaled(placed.time_s, times),
                device=placed.device,
            )
        )
    return tuple(found)


def _scaled(value: Value, times: int | float) -> Value:
    if value is None or not times:
        return value if value is None else 0
    return value * times


def _typed(kind: TensorType | None, dtype: str) -> str:
    return "" if kind is None else str(kind.at_width_of(dtype))


def _form(*sizes: object) -> str:
    return " ".join(str(list(size)) if isinstance(size, (list, tuple)) else str(size) for size in sizes)


def nodes_of_document(document: Mapping[str, Any]) -> tuple[NodeFigures, ...]:
    """The ops of a JSON document of `analyze --json`: those of the main graph first, then those of bodies."""
    pending = [("", document["graph"], document["tensors"])]
    pending += [(scope, called["graph"], called["tensors"]) for scope, called in document["functions"].items()]
    found: list[NodeFigures] = []
    while pending:
        scope, graph, tensors = pending.pop(0)
        captured: dict[str, list[str]] = {}
        for edge in graph["edges"]:
            captured.setdefault(edge["target"], []).append(edge["key"])
        for node in graph["nodes"]:
            found.append(_document_node(node, scope, tensors, captured.get(node["id"], ())))
            # A body sees the tensors around it.
            pending += [
                (body["scope"], body["graph"], {**tensors, **body["tensors"]})
                for body in node.get("bodies", ())
                if "graph" in body
            ]
    return tuple(found)


def _document_node(
    node: Mapping[str, Any], scope: str, tensors: Mapping[str, Any], captured: Iterable[str]
) -> NodeFigures:
    work, placed, times = node["work"], node["placement"], node["executions"]
    return NodeFigures(
        id=node["id"],
        name=node["name"],
        op_type=f"{node['domain']}.{node['op_type']}" if node["domain"] else node["op_type"],
        scope=scope,
        module=node["module"],
        reads=tuple(dict.fromkeys((*filter(None, node["inputs"]), *captured))),
        writes=tuple(node["outputs"]),
        operands=tuple(_tensor_text(tensors.get(name)) for name in node["inputs"]),
        results=tuple(_tensor_text(tensors.get(name)) for name in node["outputs"]),
        form="; ".join(
            _form(c["batch"], c["m"], c["n"], c["k"], c["kernel"], c["strides"], c["dilations"])
            for c in work["contractions"]
        ),
        role=node["role"],
        executions=times,
        macs=_scaled(work["macs"], times),
        flops=_scaled(work["flops"], times),
        naive_bytes=_scaled(node["traffic"]["naive_bytes"], times),
        time_s=_scaled(placed["time_s"], times),
        device=placed["device"],
    )


def _tensor_text(tensor: Mapping[str, Any] | None) -> str:
    if tensor is None:
        return ""
    shape = None if tensor["shape"] is None else tuple(tensor["shape"])
    return str(TensorType(tensor["dtype"] or "", shape, container=tensor.get("container", "tensor")))
