"""The annotated graph as JSON, schema_version 1.0: deterministic byte for byte, no NaN, integers exact.

Bump rule: a field more is a minor version, a field less or with another meaning a major one.
"""

import json
from collections.abc import Iterator, Mapping
from fractions import Fraction
from typing import Any

from onnx_roofline import __version__
from onnx_roofline.analysis.analyze import Analysis
from onnx_roofline.analysis.summary import Summary
from onnx_roofline.hardware import profile_document
from onnx_roofline.ir.graph import Graph, TensorType, op_reads
from onnx_roofline.ir.records import (
    Body,
    Executions,
    Kernel,
    Live,
    Moved,
    OpenBodies,
    Placement,
    PlacementSummary,
    Reuse,
    Roof,
    Roofline,
    Together,
    Traffic,
    TypedOp,
    Work,
    total,
)
from onnx_roofline.placement.kernel_graph import kernel_graph
from onnx_roofline.placement.splitting import KernelSplit, Splitter
from onnx_roofline.timing.break_even import VectorFlips, vector_flips
from onnx_roofline.what_if.flips import Flip, kernel_flips

SCHEMA_VERSION = "1.0"


def build_document(analysis: Analysis) -> dict[str, Any]:
    """The whole document; `networkx.node_link_graph(doc["graph"], edges="edges")` gives the DAG back."""
    model, summary = analysis.model, analysis.summary
    system = profile_document(analysis.system)
    projection = _Projection(analysis)
    return {
        "schema_version": SCHEMA_VERSION,
        "tool": {"name": "onnx-roofline", "version": __version__},
        "model": {
            "path": model.info.path.replace("\\", "/").rpartition("/")[2],
            "graph_sha256": model.info.graph_sha256,
            "ir_version": model.info.ir_version,
            "opsets": dict(model.info.opsets),
            "producer": model.info.producer,
            "parameters": summary.parameters,
            "weight_bytes": summary.weight_bytes,
        },
        "dims": {
            name: {"value": dim.value, "origin": dim.origin, "reason": dim.reason} for name, dim in model.dims.items()
        },
        "system": system,
        "assume_dtype": analysis.settings.assume_dtype or None,
        "limits": analysis.settings.limits.as_dict(),
        "pipeline": analysis.pipeline,
        "coverage": {
            "ops": dict(summary.status_counts),
            "unknown_op_types": list(summary.unknown_op_types),
            "unknown_bytes_share": summary.unknown_bytes_share,
            "ops_without_counts": summary.unknown_counts_ops,
            "ops_without_bytes": summary.unknown_bytes_ops,
            "kernels_without_time": dict(summary.untimed_kernels),
        },
        "totals": _totals(summary, analysis.system.gpu.slug),
        "placement": _placement_summary(model.whole(PlacementSummary)),
        "tensors": projection.tensors(model.graph, ""),
        "graph": projection.node_link(model.graph, ""),
        "functions": projection.functions(),
        "kernels": projection.kernels(),
        "warnings": [{"code": n.code, "where": n.where, "message": n.message} for n in model.warnings],
    }


def write_document(document: Mapping[str, Any]) -> Iterator[str]:
    """The document as text: one line for each top-level member, and one for each node and tensor of the main graph."""
    yield "{\n"
    members = list(document.items())
    for position, (name, value) in enumerate(members):
        comma = "," if position + 1 < len(members) else ""
        if name == "graph":
            yield f"{_text(name)}:{{"
            yield from _lines_of_graph(value)
            yield f"}}{comma}\n"
        elif name == "tensors":
            yield f"{_text(name)}:{{\n"
            rows = list(value.items())
            for row, (tensor, described) in enumerate(rows):
                yield f"{_text(tensor)}:{_text(described)}{',' if row + 1 < len(rows) else ''}\n"
            yield f"}}{comma}\n"
        else:
            yield f"{_text(name)}:{_text(value)}{comma}\n"
    yield "}\n"


def _lines_of_graph(graph: Mapping[str, Any]) -> Iterator[str]:
    members = list(graph.items())
    for position, (name, value) in enumerate(members):
        comma = "," if position + 1 < len(members) else ""
        if name not in ("nodes", "edges"):
            yield f"{_text(name)}:{_text(value)}{comma}"
            continue
        yield f"{_text(name)}:[\n"
        for row, item in enumerate(value):
            yield f"{_text(item)}{',' if row + 1 < len(value) else ''}\n"
        yield f"]{comma}"


def _text(value: object) -> str:
    return json.dumps(value, ensure_ascii=True, allow_nan=False, separators=(",", ":"))


def _totals(summary: Summary, primary: str) -> dict[str, Any]:
    return {
        "macs": summary.counts.macs,
        "flops": summary.counts.flops,
        "counts": summary.counts.as_dict(),
        "parameters": summary.parameters,
        "traffic": {
            "naive_bytes": summary.naive_bytes,
            "compulsory_bytes": summary.compulsory_bytes,
            "fused_away_bytes": summary.naive_bytes - summary.compulsory_bytes,
            "moved_bytes": summary.moved[primary].moved_bytes,
            "moved_by_device": {slug: _moved(moved) for slug, moved in summary.moved.items()},
        },
        "peak_activation_bytes": summary.peak_activation_bytes,
        "sequential_steps": summary.sequential_steps,
        "time_s": dict(summary.time_s),
    }


class _Projection:
    """The graphs of one analysis as JSON-ready values."""

    def __init__(self, analysis: Analysis) -> None:
        self.model = analysis.model
        self.dtype = analysis.settings.assume_dtype
        self.primary = analysis.system.gpu.slug
        self.weights = analysis.summary.weights
        self.open = {one.key: one for one in self.model.whole(OpenBodies).found}
        self.system, self.pim_model = analysis.system, analysis.settings.pim_model
        self.kernel_graph = kernel_graph(self.model, self.system, self.pim_model)
        self.splitter = Splitter(self.kernel_graph, self.system, self.pim_model)
        self.vectors: dict[int, VectorFlips | None] = {}
        self.scopes: dict[str, dict[str, TypedOp]] = {}
        for key, row in self.model.column(TypedOp).items():
            self.scopes.setdefault(row.scope, {})[key] = row

    def functions(self) -> dict[str, Any]:
        """Each function once for each signature, with how often its body runs."""
        called = {
            body.scope: row.op.function
            for row in self.model.column(TypedOp).values()
            for body in row.bodies
            if row.op.function is not None
        }
        executions = self.model.column(Executions)
        found: dict[str, Any] = {}
        for scope, key in called.items():
            assert key is not None
            graph = self.model.functions[key].graph
            first = next(iter(self.scopes.get(scope, {})), None)
            found[scope] = {
                "function": key,
                "executions": _number(executions[first].count) if first is not None else 0,
                "tensors": self.tensors(graph, scope),
                "graph": self.node_link(graph, scope),
            }
        return found

    def tensors(self, graph: Graph, scope: str) -> dict[str, Any]:
        """Every tensor of one graph: inputs, stored tensors, then op outputs in order."""
        found: dict[str, Any] = {}
        outputs = {output.name for output in graph.outputs}
        for graph_input in graph.inputs:
            found[graph_input.name] = _tensor(graph_input.type.at_width_of(self.dtype), "input")
        for name, stored in graph.stored.items():
            role = "weight" if self.weights.holds(stored) else "constant"
            found[name] = _tensor(stored.type.at_width_of(self.dtype), role)
        for row in self.scopes.get(scope, {}).values():
            for name, kind in zip(row.op.outputs, row.outputs, strict=True):
                if name:
                    role = "output" if name in outputs else "activation" if row.role == "compute" else "constant"
                    found[name] = _tensor(kind, role)
        return found

    def node_link(self, graph: Graph, scope: str) -> dict[str, Any]:
        """networkx node-link data of one graph; bodies of control flow are nested graphs, as deep as the limit."""
        rows = self.scopes.get(scope, {})
        nodes = [self._node(key, row) for key, row in rows.items()]
        return {"directed": True, "multigraph": True, "graph": {"name": graph.name}, "nodes": nodes,
                "edges": _edges(rows)}  # fmt: skip

    def _node(self, key: str, row: TypedOp) -> dict[str, Any]:
        op, work, traffic = row.op, self.model.column(Work)[key], self.model.column(Traffic)[key]
        executions, live = self.model.column(Executions)[key], self.model.column(Live)[key]
        placement, kernel = self.model.column(Placement)[key], self.model.column(Kernel)[key]
        node: dict[str, Any] = {
            "id": key,
            "name": op.name,
            "op_type": op.op_type,
            "domain": op.domain,
            "inputs": list(op.inputs),
            "outputs": list(op.outputs),
            "module": op.module,
            "role": row.role,
            "shape_only": row.role == "shape_only",
            "executions": _number(executions.count),
            "executions_origin": executions.origin,
            "work": _work(work),
            "traffic": {
                "read_bytes": list(traffic.read_bytes),
                "write_bytes": list(traffic.write_bytes),
                "naive_bytes": traffic.naive_bytes,
                "compulsory_bytes": traffic.compulsory_bytes,
                "fused_away": [{"tensor": s.tensor, "bytes": s.bytes, "rule": s.rule} for s in traffic.savings],
                "moved_bytes": self._moved_bytes(key, kernel),
                "live_bytes": live.bytes,
            },
            "kernel": kernel.id or None,
            "roofline": {slug: _roof(roof) for slug, roof in self.model.column(Roofline)[key].devices.items()},
            "placement": _placement(placement) | self._alternatives(key),
        }
        if row.bodies:
            node["bodies"] = [self._body(key, row, body, executions) for body in row.bodies]
        if row.note:
            node["note"] = row.note
        return node

    def _alternatives(self, key: str) -> dict[str, Any]:
        """What would change where a kernel runs, by itself, and what splitting it would give; at its root."""
        node = self.kernel_graph.index.get(key)
        if node is None:
            return {"vectors": None, "flips": [], "split": None}
        item = self.kernel_graph.kernels[node]
        alike = id(item.facts)
        if alike not in self.vectors:
            self.vectors[alike] = vector_flips(self.system, item.facts, self.pim_model)
        vectors = self.vectors[alike]
        split, _ = self.splitter.split(node)
        return {
            "vectors": None
            if vectors is None
            else {"now": vectors.now, "scaled": vectors.scaled, "searched_to": vectors.most},
            "flips": [flip_document(flip) for flip in kernel_flips(item, vectors, self.system)],
            "split": None if split is None else _split(split),
        }

    def _moved_bytes(self, key: str, kernel: Kernel) -> int | None:
        """Bytes that the op's kernel moves on the GPU, at the kernel's root; 0 at its other members."""
        if kernel.id != key:
            return 0
        moved = self.model.column(Reuse)[key].devices.get(self.primary)
        return None if moved is None else moved.moved_bytes

    def kernels(self) -> list[dict[str, Any]]:
        """Every kernel with its members, its three traffic figures and what was not fused at its border."""
        traffics, reuses = self.model.column(Traffic), self.model.column(Reuse)
        executions = self.model.column(Executions)
        found = []
        for key, kernel in self.model.column(Kernel).items():
            if kernel.id != key:
                continue
            parts = [traffics[member] for member in kernel.members]
            found.append(
                {
                    "id": key,
                    "pattern": kernel.pattern,
                    "members": list(kernel.members),
                    "executions": _number(executions[key].count),
                    "naive_bytes": total([part.naive_bytes for part in parts]),
                    "compulsory_bytes": total([part.compulsory_bytes for part in parts]),
                    "fused_away_bytes": sum(part.fused_away_bytes for part in parts),
                    "devices": {slug: _moved(moved) for slug, moved in reuses[key].devices.items()},
                    "refused": list(kernel.refused),
                }
            )
        return found

    def _body(self, key: str, row: TypedOp, body: Body, executions: Executions) -> dict[str, Any]:
        """A body with its multiplicity per run of its op; null where an If's choice is open and the body is empty."""
        described: dict[str, Any] = {"attribute": body.attribute, "scope": body.scope}
        repeat = body.repeat
        first = next(iter(self.scopes.get(body.scope, {})), None)
        if repeat is None and first is not None and executions.count:
            repeat = Fraction(self.model.column(Executions)[first].count) / Fraction(executions.count)
        described["multiplicity"] = None if repeat is None else _number(repeat)
        described["origin"] = self.open[key].origin if key in self.open else body.origin
        if row.op.function is None:
            graph = row.op.bodies[body.attribute]
            described["tensors"] = self.tensors(graph, body.scope)
            described["graph"] = self.node_link(graph, body.scope)
        return described


def _tensor(kind: TensorType, role: str) -> dict[str, Any]:
    described: dict[str, Any] = {
        "dtype": kind.dtype or None,
        "shape": None if kind.shape is None else list(kind.shape),
        "bytes": kind.bytes,
        "kind": role,
    }
    if not kind.exact:
        described["origin"] = "data"
    if kind.container != "tensor":
        described["container"] = kind.container
        described["length"] = kind.length
    return described


def _edges(rows: Mapping[str, TypedOp]) -> list[dict[str, str]]:
    producers = {name: key for key, row in rows.items() for name in row.op.outputs if name}
    return [
        {"source": producers[name], "target": key, "key": name}
        for key, row in rows.items()
        for name in dict.fromkeys(op_reads(row.op))
        if name in producers
    ]


def _work(work: Work) -> dict[str, Any]:
    counts = work.counts
    return {
        "status": work.status,
        "rule": work.rule or None,
        "note": work.note,
        "macs": None if counts is None else counts.macs,
        "flops": None if counts is None else counts.flops,
        "counts": None if counts is None else counts.as_dict(),
        "compute_dtype": work.compute_dtype or None,
        "read_elements": list(work.reads),
        "write_elements": list(work.writes),
        "moves_data": work.moves_data,
        "sequential_steps": work.sequential_steps,
        "contractions": [
            {
                "batch": c.batch, "m": c.m, "n": c.n, "k": c.k, "kernel": list(c.kernel), "strides": list(c.strides),
                "dilations": list(c.dilations), "images": c.images,
            }
            for c in work.contractions
        ],
    }  # fmt: skip


def _placement(placement: Placement) -> dict[str, Any]:
    return {
        "device": placement.device,
        "reason": placement.reason,
        "explanation": placement.explanation,
        "time_s": placement.time_s,
        "transfer_s": placement.transfer_s,
        "regret": placement.regret,
        "with_splits": None if placement.with_splits is None else _together(placement.with_splits),
        "devices": {
            slug: {
                "time_s": entry.time_s,
                "energy_j": entry.energy_j,
                "bound": entry.bound,
                "reason": entry.reason,
                "explanation": list(entry.explanation),
            }
            for slug, entry in placement.devices.items()
        },
    }


def flip_document(flip: Flip) -> dict[str, Any]:
    """A flip point as JSON-ready values."""
    return {
        "quantity": flip.quantity,
        "scope": flip.scope,
        "threshold": flip.threshold,
        "below": flip.below,
        "above": flip.above,
    }


def _split(split: KernelSplit) -> dict[str, Any]:
    return {
        "axis": split.axis,
        "gpu_share": split.gpu_share,
        "time_s": split.time_s,
        "alone_s": split.alone_s,
        "speedup": split.speedup,
    }


def _together(how: Together) -> dict[str, Any]:
    return {
        "kind": how.kind,
        "kernels": list(how.kernels),
        "devices": list(how.devices),
        "time_s": how.time_s,
        "gpu_share": how.gpu_share,
        "axis": how.axis or None,
    }


def _placement_summary(summary: PlacementSummary) -> dict[str, Any]:
    return {
        "objective_name": summary.objective_name,
        "objective": summary.objective,
        "lower_bound": summary.lower_bound,
        "gap": summary.gap,
        "proof": summary.proof,
        "method": summary.method,
        "pim_model": summary.pim_model,
        "resident_bytes": summary.resident_bytes,
        "capacity_bytes": summary.capacity_bytes,
        "alternatives": [
            {
                "name": item.name,
                "total_s": item.total_s,
                "kernel_s": item.kernel_s,
                "transfer_s": item.transfer_s,
                "kernels_on_pim": item.on_pim,
            }
            for item in summary.alternatives
        ],
        "makespan_s": summary.makespan_s,
        "makespan_bound_s": summary.makespan_bound_s,
        "makespan_note": summary.makespan_note,
        "kernels_without_time": summary.untimed_kernels,
        "with_splits_s": summary.with_splits_s,
        "with_splits_note": summary.with_splits_note,
        "kernels_split": summary.kernels_split,
        "kernels_pipelined": summary.kernels_pipelined,
    }


def _moved(moved: Moved) -> dict[str, Any]:
    return {
        "moved_bytes": moved.moved_bytes,
        "refetched_bytes": moved.refetched_bytes,
        "resident_bytes": moved.resident_bytes,
        "resident_at_best_bytes": moved.resident_at_best_bytes,
        "reasons": list(moved.reasons),
    }


def _roof(roof: Roof) -> dict[str, Any]:
    return {
        "supported": roof.supported,
        "reason": roof.reason,
        "intensity": roof.intensity,
        "ridge": roof.ridge,
        "attainable_flops_per_s": roof.attainable_flops_per_s,
        "compute_time_s": roof.compute_time_s,
        "memory_time_s": roof.memory_time_s,
        "launch_time_s": roof.launch_time_s,
        "total_time_s": roof.total_time_s,
        "bound": roof.bound,
        "moved_bytes": roof.moved_bytes,
        "time_low_s": roof.time_low_s,
        "time_high_s": roof.time_high_s,
        "bound_is_stable": roof.bound_is_stable,
    }


def _number(value: int | Fraction) -> int | float:
    """A whole fraction as an exact integer, another as a float."""
    return value.numerator if value.denominator == 1 else float(value)
