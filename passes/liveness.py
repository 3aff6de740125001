"""Liveness: how many bytes of activations are alive while each op runs, in file order.

Views share the bytes of what they view. Weights are not counted. Ignores in-place reuse and the workspace of kernels.
"""

from typing import ClassVar

from msgspec import Struct

from onnx_roofline.ir.graph import Graph, Model, TensorType, op_reads
from onnx_roofline.ir.pipeline import PassResult
from onnx_roofline.ir.records import Folding, Live, TypedOp, Work


class Liveness(Struct, frozen=True):
    """What a body holds counts at the op that runs it, once however often it runs."""

    name: ClassVar[str] = "liveness"
    requires: ClassVar[tuple[type, ...]] = (TypedOp, Folding, Work)
    produces: ClassVar[type] = Live

    def run(self, model: Model) -> PassResult:
        """A Live for every row; None where a tensor's size is unknown."""
        scopes: dict[str, list[str]] = {}
        rows = model.column(TypedOp)
        for key, row in rows.items():
            scopes.setdefault(row.scope, []).append(key)
        peaks: dict[str, int | None] = {}
        result: dict[str, Live] = {}
        # A body's rows are recorded before the row of the op that runs it, so its scope's first row comes first too.
        finished = {key: position for position, key in enumerate(rows)}
        for scope in sorted(scopes, key=lambda name: finished[scopes[name][-1]]):
            inputs, outputs = _boundary(model, scope)
            live = _live_bytes(model, scopes[scope], inputs, outputs, peaks)
            result.update(live)
            known = [row.bytes for row in live.values()]
            peaks[scope] = None if None in known else max((size for size in known if size is not None), default=0)
        return PassResult({key: result[key] for key in rows})


def _boundary(model: Model, scope: str) -> tuple[dict[str, TensorType], frozenset[str]]:
    """Inputs that are alive from the start and outputs that are alive to the end, of the main graph."""
    if scope:
        return {}, frozenset()
    graph: Graph = model.graph
    return {i.name: i.type for i in graph.inputs}, frozenset(o.name for o in graph.outputs)


def _live_bytes(
    model: Model,
    keys: list[str],
    inputs: dict[str, TensorType],
    kept: frozenset[str],
    peaks: dict[str, int | None],
) -> dict[str, Live]:
    rows, works, foldings = model.column(TypedOp), model.column(Work), model.column(Folding)
    owner: dict[str, str] = {}
    size: dict[str, int | None] = {name: kind.bytes for name, kind in inputs.items()}
    last_use: dict[str, int] = dict.fromkeys(inputs, -1)
    for position, key in enumerate(keys):
        # What asks for a shape, or works on shapes, reads no byte of the tensor and does not keep it alive.
        row = rows[key]
        if row.role != "compute":
            continue
        op, work = row.op, works[key]
        reads = op_reads(op)
        for name in reads:
            root = owner.get(name, name)
            if root in size:
                last_use[root] = position
        viewed = op.inputs[work.aliases or 0] if op.inputs else ""
        source = owner.get(viewed, viewed)
        is_view = not work.moves_data and not row.bodies
        for name, kind in zip(op.outputs, foldings[key].written(row.outputs), strict=True):
            if not name:
                continue
            if is_view:
                # A view: it keeps what it views alive, and a view of a weight costs nothing.
                if source in size:
                    owner[name] = source
                    last_use[source] = max(last_use[source], position)
                continue
            size[name] = kind.bytes
            last_use[name] = position
    for name in kept:
        root = owner.get(name, name)
        if root in last_use:
            last_use[root] = len(keys)
    return _swept(model, keys, size, last_use, inputs, peaks)


def _swept(
    model: Model,
    keys: list[str],
    size: dict[str, int | None],
    last_use: dict[str, int],
    inputs: dict[str, TensorType],
    peaks: dict[str, int | None],
) -> dict[str, Live]:
    """Sum over the order: a tensor is alive from the op that makes it to the op that reads it last."""
    rows = model.column(TypedOp)
    ends: dict[int, list[str]] = {}
    for name, position in last_use.items():
        ends.setdefault(position, []).append(name)
    alive = sum(size[name] or 0 for name in inputs)
    unknown = sum(size[name] is None for name in inputs)
    for name in ends.get(-1, ()):
        alive -= size[name] or 0
        unknown -= size[name] is None
    result: dict[str, Live] = {}
    nothing: tuple[str, ...] = ()
    for position, key in enumerate(keys):
        row = rows[key]
        for name in row.op.outputs:
            if name in size and name not in inputs:
                alive += size[name] or 0
                unknown += size[name] is None
        inner = [peaks.get(body.scope, 0) for body in row.bodies] if row.bodies else ()
        if unknown or None in inner:
            result[key] = Live(None)
        else:
            result[key] = Live(alive + max((peak or 0 for peak in inner), default=0) if inner else alive)
        for name in ends.get(position, nothing):
            alive -= size[name] or 0
            unknown -= size[name] is None
    return result
