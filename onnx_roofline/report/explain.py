"""Where an op's figures come from, line by line, as a person would say it."""

from collections.abc import Iterator, Sequence

from onnx_roofline.analysis.analyze import Analysis
from onnx_roofline.base.quantities import format_percent, format_si
from onnx_roofline.base.text import visible
from onnx_roofline.ir.find_op import find_op
from onnx_roofline.ir.graph import Model
from onnx_roofline.ir.open_records import OpenBodies, OpenBody
from onnx_roofline.ir.placed_records import Placement, PlacementSummary, Roofline, Together
from onnx_roofline.ir.records import Executions, Kernel, Reuse, Traffic, TypedOp, Work, total
from onnx_roofline.memory.kv_caches import InPlace
from onnx_roofline.report import contract
from onnx_roofline.report.alternative_records import flip_record
from onnx_roofline.report.graph_records import GraphRecords
from onnx_roofline.report.header import without_time
from onnx_roofline.what_if.alternatives import Alternatives, VectorFlips

# Loops and branches around an op that are named.
SHOWN_BODIES = 6


def find_row(analysis: Analysis, wanted: str) -> str:
    """Row id of an op by its id, its name, its index in its graph, or the name of a tensor it makes.

    Raises UsageError with the nearest names where none or several fit.
    """
    return find_op({key: row.op for key, row in analysis.model.column(TypedOp).items()}, wanted)


def explain_traffic(analysis: Analysis, key: str) -> Iterator[str]:
    """Every byte of one op: what it touches alone, what fusion saves, what each device's memory makes of its kernel."""
    model = analysis.model
    row, work, traffic = model.column(TypedOp)[key], model.column(Work)[key], model.column(Traffic)[key]
    kernel = model.column(Kernel)[key]
    yield visible(f"{key} {row.op.name!r}" if row.op.name else key)
    if not work.moves_data and work.counts is not None:
        yield f"  moves nothing: {visible(work.note)}"
        return
    for name, kind, size in zip(row.op.inputs, row.inputs, traffic.read_bytes, strict=True):
        if name:
            yield f"  reads  {visible(name, 60)} {kind}: {_bytes(size)}"
    for name, kind, size in zip(row.op.outputs, row.outputs, traffic.write_bytes, strict=True):
        if name:
            yield f"  writes {visible(name, 60)} {kind}: {_bytes(size)}"
    if work.note:
        yield f"  note: {visible(work.note)}"
    copied = _copied_bytes(analysis, key)
    if copied:
        yield f"  note: past and present could share one buffer: {copied:,} B per step"
    yield f"  naive, the op alone: {_bytes(traffic.naive_bytes)}"
    for saving in traffic.savings:
        yield f"  - {saving.bytes:,} B of {visible(saving.tensor, 60)}: {saving.rule}"
    yield f"  compulsory: {_bytes(traffic.compulsory_bytes)}"
    if traffic.naive_bytes is not None and traffic.compulsory_bytes is not None:
        law = traffic.naive_bytes == traffic.compulsory_bytes + traffic.fused_away_bytes
        sign = "=" if law else "IS NOT"
        yield (f"  law: {traffic.naive_bytes:,} {sign} {traffic.compulsory_bytes:,} compulsory"
               f" + {traffic.fused_away_bytes:,} fused away")  # fmt: skip
    if not kernel.id:
        return
    yield from _kernel_lines(analysis, kernel)


def _copied_bytes(analysis: Analysis, key: str) -> int:
    """Bytes of caches that an op moves only to add rows to them, and that the backend has it move; else 0."""
    if any(saving.kind == "in_place" for saving in analysis.model.column(Traffic)[key].savings):
        return 0
    traffic = analysis.model.column(Traffic)[key]
    return sum(
        max(0, (traffic.write_bytes[part.present] or 0) - part.new_bytes)
        + sum(traffic.read_bytes[position] or 0 for position in part.copied)
        for part in analysis.model.column(InPlace)[key].kept
    )


def _kernel_lines(analysis: Analysis, kernel: Kernel) -> Iterator[str]:
    model = analysis.model
    parts = [model.column(Traffic)[member] for member in kernel.members]
    members = f"{len(kernel.members)} ops, {kernel.pattern}" if len(kernel.members) > 1 else "this op alone"
    yield f"kernel {visible(kernel.id)}: {members}"
    if len(kernel.members) > 1:
        yield "  " + ", ".join(visible(member, 40) for member in kernel.members[:12]) + (
            " ..." if len(kernel.members) > 12 else "")  # fmt: skip
        naive, compulsory = total([p.naive_bytes for p in parts]), total([p.compulsory_bytes for p in parts])
        away = sum(part.fused_away_bytes for part in parts)
        yield f"  naive {_bytes(naive)} = compulsory {_bytes(compulsory)} + fused away {away:,} B"
    for reason in kernel.refused:
        yield f"  {visible(reason)}"
    for slug, moved in model.column(Reuse)[kernel.id].devices.items():
        roof = model.column(Roofline)[kernel.id].devices[slug]
        yield (f"  on {slug}: moved {moved.moved_bytes:,} B = compulsory {moved.compulsory_bytes:,} B"
               f" + refetched {moved.refetched_bytes:,} B - resident {moved.resident_bytes:,} B"
               f" (at best {moved.resident_at_best_bytes:,} B)")  # fmt: skip
        for reason in moved.reasons[:12]:
            yield f"    {visible(reason)}"
        if len(moved.reasons) > 12:
            yield f"    and {len(moved.reasons) - 12} more reasons"
        if not roof.supported:
            yield f"    {visible(roof.reason)}"
        elif roof.total_time_s is not None:
            low, high = format_si(roof.time_low_s, "s"), format_si(roof.time_high_s, "s")
            span = "" if low == high else f", from {low} to {high} by the three traffic figures"
            stable = "" if roof.bound_is_stable else "; THE BOUND CHANGES between them"
            bound = roof.bound if roof.bound == "nothing to do" else f"{roof.bound}-bound"
            yield f"    plain roofline: {format_si(roof.total_time_s, 's')}, {bound}{span}{stable}"
        elif roof.memory_time_s is not None:
            least = format_si((roof.launch_time_s or 0.0) + roof.memory_time_s, "s")
            yield f"    plain roofline: unknown, at least the {least} that launch and bytes take"


def _bytes(size: int | None) -> str:
    return "unknown" if size is None else f"{size:,} B"


def explain_documents(analysis: Analysis, keys: Sequence[str]) -> list[contract.Explanation]:
    """What `explain_op` says of each op, for programs: its node as in the annotated graph, its kernel, flips, split."""
    rows = GraphRecords(analysis)
    found = []
    for key in keys:
        root = analysis.model.column(Kernel)[key].id
        at_root = rows.placement(root) if root else None
        flips = () if at_root is None else (*map(flip_record, rows.alternatives.model_flips(root)), *at_root.flips)
        found.append(
            contract.Explanation(
                schema_version=contract.SCHEMA_VERSION,
                tool=contract.TOOL,
                node=rows.node(key),
                kernel=rows.kernel(root) if root else None,
                flips=flips,
                split=None if at_root is None else at_root.split,
            )
        )
    return found


def explain_op(analysis: Analysis, key: str, others: Alternatives) -> Iterator[str]:
    """An op as a person would explain it: what it does and moves, where it runs, why, and what would change that.

    `others` are the alternatives of the analysis.
    """
    model = analysis.model
    work, kernel = model.column(Work)[key], model.column(Kernel)[key]
    counts = work.counts
    if counts is None:
        yield f"{visible(key)}: its operations are unknown ({visible(work.note)})"
    else:
        parts = [f"{value:,} {name}" for name, value in counts.as_dict().items() if value]
        rule = f"{work.status}, {work.rule}"
        yield f"{visible(key)} computes {', '.join(parts) or 'nothing'}: {counts.flops:,} FLOPs ({rule})"
    yield from (f"  {visible(line)}" for line in _executions_lines(analysis, key))
    yield from explain_traffic(analysis, key)
    root = kernel.id
    if not root:
        return
    placement = model.column(Placement)[root]
    is_pair = analysis.system.pim is not None
    if root != key and is_pair:
        yield f"placement: it goes where its kernel {visible(root)} goes"
    if placement.device is None:
        yield f"placement: none, {placement.reason}: {visible(placement.explanation)}"
        return
    reason = _REASONS[placement.reason]
    if placement.reason == "follows neighbours" and analysis.settings.objective != "latency":
        reason = reason.replace("slower", "dearer")
    if is_pair:
        sure = {"robust": "; robust over the bands of both times", "near tie": "; a near tie within their bands"}
        yield f"placement: {placement.device}, {reason}{sure.get(placement.decision or '', '')}"
    else:
        yield f"time of its kernel {visible(root)}:"
    for slug, entry in placement.devices.items():
        if entry.time_s is None:
            yield f"  {slug} can't run it: {visible(entry.reason)}"
            continue
        time_model = f"{analysis.settings.pim_model} model"
        energy = "" if analysis.settings.objective == "latency" else f" and {format_si(entry.energy_j, 'J')}"
        band = ""
        if entry.low_s is not None and entry.high_s is not None:
            band = f", {format_si(entry.low_s, 's')} to {format_si(entry.high_s, 's')} ({entry.origin})"
        yield f"  {format_si(entry.time_s, 's')}{energy} on {slug}, bound by {entry.bound} ({time_model}){band}"
        for line in entry.explanation:
            yield f"    {visible(line)}"
    if placement.transfer_s:
        yield f"  the tensors that it makes or fetches take {format_si(placement.transfer_s, 's')} over the link"
    if placement.regret is not None:
        unit = {"latency": "s", "energy": "J"}.get(analysis.settings.objective, "")
        yield f"  on the other device the whole model would cost {format_si(placement.regret, unit)} more"
    untimed = model.whole(PlacementSummary).untimed_kernels
    if untimed:
        yield f"  that is of the kernels with a time: the placement leaves out {without_time(untimed)}"
    if not is_pair:
        yield "  how it changes with a dim: onnx-roofline analyze MODEL --sweep NAME=1..4096x2"
        return
    found = False
    for flip in others.model_flips(root):
        found = True
        yield (f"  it flips at {flip.threshold:.3g} x the {flip.quantity}: {flip.below} below, {flip.above} above")
    if not found:
        yield f"  {_NO_FLIPS[analysis.settings.objective]}"
    vectors = others.vectors(root)
    if vectors is not None:
        yield f"  {_vectors_line(vectors)}"
    split, why = others.split(root)
    if split is None:
        yield f"  not to be split over both devices: {visible(why)}"
    elif split.gpu_share in (0.0, 1.0):
        yield "  splitting it over both devices gains nothing"
    else:
        gain = f"{split.speedup:.2f} x as fast as the better device alone"
        if split.speedup <= 1:
            gain = f"where the better device alone, without them, takes {format_si(split.alone_s, 's')}"
        share = f"{format_percent(split.gpu_share)} of its {split.axis} on {analysis.system.gpu.slug}"
        yield f"  split over both, {share}, with transfers: {format_si(split.time_s, 's')}, {gain}"
    if placement.with_splits is not None:
        yield f"  {_together_line(placement.with_splits)}"
    yield "  how it changes with a dim: onnx-roofline analyze MODEL --sweep NAME=1..4096x2"


def _executions_lines(analysis: Analysis, key: str) -> Iterator[str]:
    """How often an op runs where that is not certain, and each loop and branch around it that makes it so."""
    model = analysis.model
    runs = model.column(Executions)[key]
    around = _open_around(model, key)
    if not around and runs.origin in ("exact", "bound"):
        return
    count = f"{runs.count:,}" if runs.count.denominator == 1 else f"{float(runs.count):.4g}"
    surely = {"data": "by an upper bound", "assumed": "by assumption"}.get(runs.origin, "")
    yield f"runs {count} x in one run of the model{f', {surely}' if surely else ''}"
    for one in around[:SHOWN_BODIES]:
        where = "its own body" if one.key == key else one.key
        if one.kind == "branch":
            sure = (
                "it has the most operations"
                if one.origin == "data"
                else "a guess: no branch is sure to be the costlier"
            )
            yield f"  {where}: the condition is open, {one.taken}_branch is counted ({sure}); {one.option} states it"
        else:
            sure = "at most" if one.origin == "data" else "ASSUMED"
            yield f"  {where}: trip count {sure} {one.taken}; {one.option} states it"
    if len(around) > SHOWN_BODIES:
        yield f"  and {len(around) - SHOWN_BODIES} more loops and branches around it"


def _open_around(model: Model, key: str) -> list[OpenBody]:
    """The op itself and those around it, callers of functions included, of which nobody says how often they run."""
    opened = {one.key: one for one in model.whole(OpenBodies).found}
    if not opened:
        return []
    rows = model.column(TypedOp)
    callers: dict[str, list[str]] = {}
    for caller, row in rows.items():
        for body in row.bodies:
            callers.setdefault(body.scope, []).append(caller)
    found, pending, seen = [], [key], {key}
    for current in pending:
        if current in opened:
            found.append(opened[current])
        outer = [caller for caller in callers.get(rows[current].scope, ()) if caller not in seen]
        seen.update(outer)
        pending.extend(outer)
    return found


def _vectors_line(found: VectorFlips) -> str:
    """Which device is faster over the number of vectors, transfers left out."""
    if found.below is None and found.above is None:
        found_none = f"no other number of vectors between 1 and {found.most:,} was found to change that"
        return f"over {found.scaled} ({found.now:,} now), by itself: faster on {found.faster}; {found_none}"
    parts = []
    if found.below is not None:
        parts.append(f"faster on {found.other} up to {found.below:,}")
    first = f" from {found.below + 1:,}" if found.below is not None else ""
    last = f" up to {found.above - 1:,}" if found.above is not None else ""
    parts.append(f"{'' if parts else 'faster '}on {found.faster}{first}{last}")
    if found.above is not None:
        parts.append(f"on {found.other} from {found.above:,}")
    return f"over {found.scaled} ({found.now:,} now), by itself: {', '.join(parts)}"


def _together_line(how: Together) -> str:
    """How a kernel runs where splits and pipelines are used."""
    if how.kind == "split":
        assert how.gpu_share is not None, "a split has a share"
        share = format_percent(how.gpu_share)
        return f"the placement with splits divides its {how.axis}: {share} on {how.devices[0]}"
    if how.kind == "alone":
        return f"the placement with splits has it on {how.devices[0]}"
    stages = ", ".join(f"{visible(key, 40)} on {device}" for key, device in zip(how.kernels, how.devices, strict=True))
    return f"the placement with splits pipelines it in two halves: {stages}"


_NO_FLIPS = {
    "latency": "it does not flip between 1/64 and 64 times the link bandwidth or the PIM's speed",
    "energy": "no energy depends on the link bandwidth or the PIM's speed",
    "energy-delay": "at what link bandwidth or speed of the PIM it flips is not searched for energy-delay",
}
_REASONS = {
    "unsupported": "the other device can't run it",
    "faster alone": "it is faster there by itself",
    "cheaper alone": "it costs less there by itself, in what is optimised",
    "follows neighbours": "slower there by itself, but moving its tensors would cost more",
    "capacity": "the other device's memory is full",
    "only device": "there is no other",
    "near tie": "a near tie: the cost model is not good enough to tell",
}
