"""What a diff can take: a model, a JSON document of an analysis, a baseline, or a model of a git revision."""

import os
import tempfile
from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec.structs import replace

from onnx_roofline.analysis.settings import Settings
from onnx_roofline.base.errors import UsageError
from onnx_roofline.base.text import did_you_mean, shown
from onnx_roofline.ci.baseline import read_baseline
from onnx_roofline.ci.measure import Job, measure
from onnx_roofline.ci.metrics import Value
from onnx_roofline.ci.nodes import NodeFigures, nodes_of_document
from onnx_roofline.ci.revisions import Revision
from onnx_roofline.ci.snapshot import COST_MODEL_VERSION, Context, Open, Snapshot

_GIT = "git:"
# Origins of dims that a comparison must agree in; the others are part of the model.
_STATED = ("bound", "assumed")


def read_source(text: str, settings: Settings) -> Snapshot:
    """The snapshot that a source stands for. Raises UsageError, or what the analysis of a model raises."""
    if text.startswith(_GIT):
        return _of_revision(text, settings)
    path, colon, name = text.rpartition(":")
    if colon and path.endswith(".json") and os.path.isfile(path):
        return _of_baseline(path, name)
    if text.endswith(".json"):
        return _of_json(text)
    return _analysed(Job(text, settings, with_nodes=True))


def _analysed(job: Job) -> Snapshot:
    outcome = measure(job)
    if outcome.snapshot is None:
        if outcome.code == 2:
            raise UsageError(outcome.failure)
        raise AssertionError(f"{outcome.failure}\n{outcome.trace}")
    return outcome.snapshot


def _of_revision(text: str, settings: Settings) -> Snapshot:
    revision, _, path = text.removeprefix(_GIT).partition(":")
    if not revision or not path:
        raise UsageError(f"{shown(text)}: wanted git:REV:PATH, such as git:origin/main:models/detector.onnx")
    data = Revision(revision, os.path.dirname(path)).read(path)
    if data is None:
        raise UsageError(f"{shown(text, 200)}: found no such file in that revision")
    try:
        folder = tempfile.TemporaryDirectory(prefix="onnx-roofline-", ignore_cleanup_errors=True)
    except OSError as error:
        raise UsageError(f"git: found no folder for temporary files: {error.strerror}; set TMPDIR") from None
    with folder as here:
        target = os.path.join(here, os.path.basename(path))
        with open(target, "wb") as file:
            file.write(data)
        return _analysed(Job(target, settings, with_nodes=True, shown=text))


def _of_json(path: str) -> Snapshot:
    try:
        with open(path, "rb") as file:
            document = msgspec.json.decode(file.read())
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}") from None
    except msgspec.DecodeError as error:
        raise UsageError(f"{path}: is no JSON: {error}") from None
    if isinstance(document, dict) and "cost_model_version" in document:
        return _of_baseline(path, "")
    if not isinstance(document, dict) or not {"graph", "totals", "tensors"} <= set(document):
        raise UsageError(f"{path}: is neither a document of analyze --json nor a baseline")
    try:
        return snapshot_of_document(document, path)
    except (KeyError, TypeError, AttributeError) as error:
        raise UsageError(f"{path}: is a document of another version: found no {error}; write it again") from None


def _of_baseline(path: str, name: str) -> Snapshot:
    baseline = read_baseline(path)
    if baseline is None:
        raise UsageError(f"{path}: found no such file")
    found = baseline.base(path).snapshots
    if not name and len(found) == 1:
        name = next(iter(found))
    if name not in found:
        wanted = f"found no model {shown(name)}" if name else f"holds {len(found)} models; name one"
        raise UsageError(f"{path}: {wanted}{did_you_mean(name, found)}; write {path}:NAME")
    return replace(found[name], path=f"{path}:{name}")


def snapshot_of_document(document: Mapping[str, Any], path: str) -> Snapshot:
    """The snapshot of a JSON document of `analyze --json`, as far as the document has its figures."""
    totals, coverage, traffic = document["totals"], document["coverage"], document["totals"]["traffic"]
    complete, sized = not coverage["ops_without_counts"], not coverage["ops_without_bytes"]
    ops = sum(coverage["ops"].values())
    nodes = nodes_of_document(document)
    found: dict[str, Value] = {
        **{name: value if complete else None for name, value in totals["counts"].items()},
        "flops": totals["flops"] if complete else None,
        **{name: traffic[name] if sized else None for name in ("naive_bytes", "compulsory_bytes", "moved_bytes")},
        "kernels": len(document["kernels"]),
        "parameters": totals["parameters"],
        "weight_bytes": document["model"]["weight_bytes"],
        "peak_activation_bytes": totals["peak_activation_bytes"],
        "memory_bytes": document.get("memory", {}).get("total_bytes"),
        "sequential_steps": totals["sequential_steps"],
        "ops": ops,
        "unknown_ops": coverage["ops"]["unknown"],
        "coverage": (ops - coverage["ops"]["unknown"]) / ops if ops else 1.0,
        "exact_share": coverage["ops"]["exact"] / ops if ops else 1.0,
        "time_s.placement": totals["time_s"]["placement"] if complete and sized else None,
    }
    timed = complete and sized
    found.update((f"time_s.{name}", value if timed else None) for name, value in totals["time_s"]["devices"].items())
    return Snapshot(
        path=path,
        graph_sha256=document["model"]["graph_sha256"],
        context=Context(
            dims={name: dim["value"] for name, dim in document["dims"].items() if dim["origin"] in _STATED},
            dtype=document["assume_dtype"] or "",
            system=document["system"]["slug"],
            system_sha256="",
            options={"quantize": document["quantize"]} if document.get("quantize") else {},
            tool_version=document["tool"]["version"],
            cost_model_version=COST_MODEL_VERSION,
        ),
        totals=found,
        by_type=_by_type(nodes),
        by_module={},
        unknown_op_types=tuple(coverage["unknown_op_types"]),
        opened=Open(),
        notices=(),
        nodes=nodes,
    )


def _by_type(nodes: tuple[NodeFigures, ...]) -> dict[str, dict[str, Value]]:
    found: dict[str, dict[str, Value]] = {}
    for node in nodes:
        if node.role != "compute":
            continue
        row = found.setdefault(node.op_type, {"ops": 0, "macs": 0, "flops": 0, "naive_bytes": 0})
        for name, value in (("ops", 1), ("macs", node.macs), ("flops", node.flops), ("naive_bytes", node.naive_bytes)):
            before = row[name]
            row[name] = None if before is None or value is None else before + value
    return found
