"""The laws of traffic, checked on an analysis; and one file under many backends, systems and on-chip memories."""

import functools
import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from onnx_roofline.analysis.analyze import Analysis, analyze, default_pipeline
from onnx_roofline.analysis.settings import Settings
from onnx_roofline.base.units import DTYPE_BITS
from onnx_roofline.hardware import Device, System, load_system
from onnx_roofline.ir.graph import Model
from onnx_roofline.ir.pipeline import Pipeline
from onnx_roofline.ir.placed_records import Roofline
from onnx_roofline.ir.records import (
    Contraction,
    Executions,
    Folding,
    Kernel,
    Moved,
    Reuse,
    Traffic,
    TypedOp,
    Work,
    total,
)
from onnx_roofline.report.document import write_document

BACKENDS = ("none", "ort", "compiler")
SYSTEMS = ("teaching", "a100-attacc")
# Bytes of on-chip memory, growing.
LADDER = ("4096", "65536", "1048576", "16777216", "268435456", "4294967296", "unlimited")


system_of = functools.cache(load_system)


@dataclass(frozen=True)
class Given:
    """A pass that returns a column that is known already."""

    name: str
    requires: tuple[type, ...]
    produces: type
    rows: Mapping[str, object]

    def run(self, model: Model) -> Any:
        from onnx_roofline.ir.pipeline import PassResult

        return PassResult(self.rows)


class Counted:
    """A file whose shapes and counts are known; what depends on fusion and hardware is done anew each time."""

    def __init__(self, path: Path, dims: Mapping[str, int] | None = None) -> None:
        self.settings = Settings(dims=dims or {}, backend="none")
        self.model = analyze(path, self.settings).model
        self.bare = replace(self.model, columns={}, warnings=())

    def analysis(self, system: System, *, last: str = "", **changes: Any) -> Analysis:
        """All passes, or those up to the one named `last`."""
        settings = replace(self.settings, system=system.slug, **changes)
        done = default_pipeline(settings, system).passes
        start = next(place for place, item in enumerate(done) if item.name == "fusion")
        given = tuple(Given(item.name, item.requires, item.produces, self.model.columns[item.produces])
                      for item in done[:start])  # fmt: skip
        end = next((place for place, item in enumerate(done) if item.name == last), len(done) - 1)
        pipeline = Pipeline((*given, *done[start : end + 1]))
        return Analysis(pipeline.trace(self.bare), system, str(default_pipeline(settings, system)), settings, {})


def known_kernels(model: Model) -> Iterator[tuple[str, Kernel, int, Mapping[str, Moved]]]:
    """(root, kernel, compulsory bytes, moved by device) of every kernel whose bytes are known."""
    traffics, reuses = model.column(Traffic), model.column(Reuse)
    for key, kernel in model.column(Kernel).items():
        if kernel.id == key:
            compulsory = total([traffics[member].compulsory_bytes for member in kernel.members])
            if compulsory is None:
                assert not reuses[key].devices
            else:
                yield key, kernel, compulsory, reuses[key].devices


def assert_laws(analysis: Analysis) -> None:
    """Every law that holds for one backend and one system."""
    assert_laws_of_ops(analysis.model)
    assert_laws_of_kernels(analysis)
    assert_sums(analysis)
    assert_document(analysis)


def assert_laws_of_ops(model: Model) -> None:
    rows, kernels = model.column(TypedOp), model.column(Kernel)
    for key, traffic in model.column(Traffic).items():
        op = rows[key].op
        assert traffic.naive_bytes == total([*traffic.read_bytes, *traffic.write_bytes]), key
        for saving in traffic.savings:
            assert saving.bytes > 0, key
            assert saving.kind == "in_place" or saving.rule.startswith(f"{kernels[key].pattern}: "), key
            assert saving.tensor in (*op.inputs, *op.outputs), key
        if traffic.naive_bytes is None:
            assert traffic.compulsory_bytes is None, key
            continue
        assert traffic.compulsory_bytes is not None
        assert 0 <= traffic.compulsory_bytes <= traffic.naive_bytes, key
        assert traffic.naive_bytes == traffic.compulsory_bytes + traffic.fused_away_bytes, key
        if not kernels[key].id or len(kernels[key].members) == 1:
            fused = [saving for saving in traffic.savings if saving.kind != "in_place"]
            assert not fused, key


def assert_laws_of_kernels(analysis: Analysis) -> None:
    model = analysis.model
    slugs = {device.slug for device in analysis.system.devices}
    for key, kernel, compulsory, devices in known_kernels(model):
        assert devices.keys() == slugs
        for device in analysis.system.devices:
            moved = devices[device.slug]
            assert moved.compulsory_bytes == compulsory
            assert moved.moved_bytes == compulsory + moved.refetched_bytes - moved.resident_bytes
            assert 0 <= moved.resident_bytes <= moved.resident_at_best_bytes <= compulsory, key
            assert moved.refetched_bytes >= 0, key
            assert moved.reasons or not (moved.refetched_bytes or moved.resident_bytes), key
            assert_above_the_bound(model, kernel, moved, device, analysis.settings)
            roof = model.column(Roofline)[key].devices[device.slug]
            if roof.total_time_s is None:
                continue
            assert roof.moved_bytes == moved.moved_bytes, key
            assert roof.total_time_s >= max(roof.compute_time_s or 0.0, roof.memory_time_s or 0.0), key
            assert roof.time_low_s is not None
            assert roof.time_high_s is not None
            assert roof.time_low_s <= roof.total_time_s <= roof.time_high_s, key


def capacity_of(device: Device, settings: Settings) -> float | None:
    """Bytes that tiles may fill: what the user says, else half the last-level cache."""
    if settings.on_chip:
        return math.inf if settings.on_chip == "unlimited" else float(settings.on_chip)
    return None if device.cache_bytes is None else device.cache_bytes / 2


def assert_above_the_bound(model: Model, kernel: Kernel, moved: Moved, device: Device, settings: Settings) -> None:
    """The operands of a kernel's only contraction and what is fetched again are no less than the published bound."""
    capacity = capacity_of(device, settings)
    found = [(key, part) for key in kernel.members for part in model.column(Work)[key].contractions]
    if capacity is None or math.isinf(capacity) or len(found) != 1:
        return
    ((key, part),) = found
    row, work, folding = model.column(TypedOp)[key], model.column(Work)[key], model.column(Folding)[key]
    if work.sequential_steps > 1 or not part.macs:
        return
    lhs, rhs, out = widths_of(row, folding, part)
    own = operand_bytes(part, lhs, rhs, out) + moved.refetched_bytes
    width = min(lhs, rhs, out, 4.0)
    capacity_elements = capacity / width
    if part.kernel:
        reuse = math.prod(part.kernel) / math.prod(part.strides)
        if not is_plain(part) or reuse < 1:
            return
        bound = part.batch * (2 * inner_macs(part) / math.sqrt(reuse * capacity_elements) - 2 * capacity_elements)
    else:
        # Smith, Lowery, Langou, van de Geijn, arXiv 1702.02017
        bound = part.batch * (2 * part.m * part.n * part.k / math.sqrt(capacity_elements) - 2 * capacity_elements)
    assert own >= bound * width, f"{key}: {own:,} B < {bound * width:,.0f} B"


def is_plain(part: Contraction) -> bool:
    """A convolution that reads windows side by side: no dilation, no stride over its own window."""
    axes = zip(part.kernel, part.strides, part.dilations, strict=True)
    return all(1 <= stride <= taps and dilation == 1 for taps, stride, dilation in axes)


def inner_macs(part: Contraction) -> int:
    """MACs of one group, at the output positions whose windows meet no padding: only these fetch every tap."""
    positions = 1
    for size, taps, stride in zip(part.input_spatial, part.kernel, part.strides, strict=True):
        positions *= max(0, (size - taps) // stride + 1)
    return part.m * part.k * part.images * positions


def widths_of(row: TypedOp, folding: Folding, part: Contraction) -> tuple[float, float, float]:
    """Bytes of an element of both operands and the result, at the width that is stored."""

    def width(position: int | None) -> float:
        if position is None:
            return 4.0
        source = folding.inputs[position] if folding.inputs else None
        kind = source[0] if source else row.inputs[position]
        assert kind is not None
        return DTYPE_BITS.get(kind.dtype, 32) / 8

    result = folding.written(row.outputs)[0]
    return width(part.lhs), width(part.rhs), DTYPE_BITS.get(result.dtype, 32) / 8


def operand_bytes(part: Contraction, lhs: float, rhs: float, out: float) -> float:
    if not part.kernel:
        return part.batch * (part.m * part.k * lhs + part.k * part.n * rhs + part.m * part.n * out)
    channels = part.k / math.prod(part.kernel)
    source = part.images * channels * math.prod(part.input_spatial)
    result = part.images * part.m * math.prod(part.output_spatial)
    return part.batch * (part.m * part.k * lhs + source * rhs + result * out)


def assert_sums(analysis: Analysis) -> None:
    """Totals are the sums over ops and kernels, each times its executions."""
    model, summary = analysis.model, analysis.summary
    runs = {key: Fraction(row.count) for key, row in model.column(Executions).items()}
    traffics = model.column(Traffic)
    naive = sum((row.naive_bytes or 0) * runs[key] for key, row in traffics.items())
    compulsory = sum((row.compulsory_bytes or 0) * runs[key] for key, row in traffics.items())
    fused = sum(row.fused_away_bytes * runs[key] for key, row in traffics.items() if row.naive_bytes is not None)
    assert naive == compulsory + fused
    assert (summary.naive_bytes, summary.compulsory_bytes) == (round(naive), round(compulsory))
    for device in analysis.system.devices:
        sums = [Fraction(0)] * 4
        for key, _, _, devices in known_kernels(model):
            row = devices[device.slug]
            parts = (row.compulsory_bytes, row.refetched_bytes, row.resident_bytes, row.resident_at_best_bytes)
            sums = [before + runs[key] * part for before, part in zip(sums, parts, strict=True)]
        whole = summary.moved[device.slug]
        assert [whole.compulsory_bytes, whole.refetched_bytes, whole.resident_bytes, whole.resident_at_best_bytes] == [
            round(part) for part in sums
        ]
        assert 0 <= whole.resident_bytes <= whole.resident_at_best_bytes


def assert_document(analysis: Analysis) -> None:
    """The same of the JSON document: its nodes, bodies and functions add up to its totals."""
    document = json.loads("".join(write_document(analysis)))
    totals, slug = document["totals"]["traffic"], analysis.system.gpu.slug
    nodes = list(_nodes(document["graph"]))
    for function in document["functions"].values():
        nodes += _nodes(function["graph"])
    unsure = any(row.origin != "exact" or Fraction(row.count).denominator > 1
                 for row in analysis.model.column(Executions).values())  # fmt: skip

    def summed(field: str) -> Fraction:
        return sum((Fraction(node["executions"]) * (node["traffic"][field] or 0) for node in nodes), Fraction(0))

    for field in ("naive_bytes", "compulsory_bytes", "moved_bytes"):
        # Executions that are fractions are printed as floats.
        assert unsure or summed(field) == totals[field], field
        assert math.isclose(summed(field), totals[field], rel_tol=1e-9, abs_tol=1), field
    assert totals["naive_bytes"] == totals["compulsory_bytes"] + totals["fused_away_bytes"]
    assert totals["moved_bytes"] == totals["moved_by_device"][slug]["moved_bytes"]
    for kernel in document["kernels"]:
        if kernel["compulsory_bytes"] is not None:
            assert kernel["naive_bytes"] == kernel["compulsory_bytes"] + kernel["fused_away_bytes"]
            moved = kernel["devices"][slug]
            again, stays = moved["refetched_bytes"], moved["resident_bytes"]
            assert moved["moved_bytes"] == kernel["compulsory_bytes"] + again - stays


def _nodes(graph: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for node in graph["nodes"]:
        yield node
        for body in node.get("bodies", ()):
            if "graph" in body:
                yield from _nodes(body["graph"])


def assert_ladder(counted: Counted, system: System, **changes: Any) -> None:
    """More on-chip memory never costs more, and at the end nothing is fetched again."""
    before: dict[tuple[str, str], Moved] = {}
    for step in LADDER:
        model = counted.analysis(system, last="reuse", on_chip=step, **changes).model
        for key, _, _, devices in known_kernels(model):
            for slug, moved in devices.items():
                last = before.get((key, slug))
                if last is not None:
                    assert moved.refetched_bytes <= last.refetched_bytes, (key, slug, step)
                    assert moved.moved_bytes <= last.moved_bytes or _is_chained(last), (key, slug, step)
                    assert moved.resident_at_best_bytes >= last.resident_at_best_bytes or _is_chained(last), (key, step)
                before[key, slug] = moved
    assert all(moved.refetched_bytes == 0 for moved in before.values())


def _is_chained(moved: Moved) -> bool:
    """A chain's saving is shared by two kernels; with more memory each alone may come out at less or more."""
    return any("chained with" in reason for reason in moved.reasons)


def assert_equals_naive(counted: Counted) -> None:
    """No fusion, unlimited on-chip memory, nothing kept between kernels: all three figures are the same."""
    analysis = counted.analysis(system_of("a100-attacc"), backend="none", on_chip="unlimited", residency=False)
    for key, traffic in analysis.model.column(Traffic).items():
        assert traffic.compulsory_bytes == traffic.naive_bytes
        for moved in analysis.model.column(Reuse)[key].devices.values():
            assert moved == Moved(traffic.naive_bytes or 0, 0, 0, 0)
    totals = {row.moved_bytes for row in analysis.summary.moved.values()}
    assert totals == {analysis.summary.naive_bytes} == {analysis.summary.compulsory_bytes}
