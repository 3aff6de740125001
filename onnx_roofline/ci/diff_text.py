"""A diff as text, markdown for a pull request, or JSON."""

from collections.abc import Iterator, Sequence

import msgspec

from onnx_roofline.base.json_bytes import encode_json, indented
from onnx_roofline.base.quantities import format_change
from onnx_roofline.base.text import visible
from onnx_roofline.ci.diff import Diff, NodeChange
from onnx_roofline.ci.findings import amount
from onnx_roofline.ci.formats.markdown import cell
from onnx_roofline.ci.metrics import Value, unit_of
from onnx_roofline.ci.snapshot import Snapshot

# Ops that the text lists, as the command line does where nothing is said.
_SHOWN = 20
# Totals that are shown though they are the same, where that is asked for.
_ALWAYS = ("macs", "flops", "parameters", "moved_bytes", "peak_activation_bytes", "time_s.placement", "ops")


class PrintedDiff(Diff, frozen=True):
    """A diff as Python shows it: one line, and as text what `onnx-roofline diff` prints."""

    @classmethod
    def of(cls, diff: Diff) -> "PrintedDiff":
        """The same diff."""
        return cls(**msgspec.structs.asdict(diff))

    def __repr__(self) -> str:
        """What is compared, and how much differs."""
        sides = f"{visible(self.old)} -> {visible(self.new)}"
        return f"<Diff {sides}: totals: {len(self.totals):,} differ; {verdict(self)}>"

    def __str__(self) -> str:
        """The text of the command, with the ops that changed most."""
        return render_diff(self, "full", top=_SHOWN, only_changed=True, snapshots=())


def render_diff(diff: Diff, form: str, *, top: int, only_changed: bool, snapshots: Sequence[Snapshot]) -> str:
    """The diff in a form: full, markdown or json."""
    if form == "json":
        shown = msgspec.structs.replace(diff, nodes=diff.nodes[:top] if top else diff.nodes)
        return indented(encode_json(shown)).decode("utf-8") + "\n"
    rows = list(_totals(diff, snapshots, only_changed=only_changed))
    lines = _markdown(diff, rows, top) if form == "markdown" else _text(diff, rows, top)
    return "".join(f"{line}\n" for line in lines)


def _totals(diff: Diff, snapshots: Sequence[Snapshot], *, only_changed: bool) -> Iterator[tuple[str, Value, Value]]:
    changed = {row[0] for row in diff.totals}
    if not only_changed:
        old, new = (snapshot.totals for snapshot in snapshots)
        yield from ((name, old.get(name), new.get(name)) for name in _ALWAYS if name not in changed and name in new)
    yield from diff.totals


def _cells(row: tuple[str, Value, Value]) -> tuple[str, str, str, str]:
    name, old, new = row
    unit = unit_of(name)
    relative = format_change(old, new) if old is not None and new is not None else ""
    return name, amount(old, unit), amount(new, unit), relative


def verdict(diff: Diff) -> str:
    """How many ops differ, by kind, and how many are the same."""
    if not diff.has_nodes:
        return "one of the two has no ops, so only totals are compared"
    counts = {kind: sum(node.kind == kind for node in diff.nodes) for kind in ("added", "removed", "changed", "moved")}
    parts = [f"{count:,} {kind}" for kind, count in counts.items() if count]
    return f"ops: {', '.join(parts) or 'none differs'}, {diff.same:,} the same"


def _text(diff: Diff, rows: Sequence[tuple[str, Value, Value]], top: int) -> Iterator[str]:
    yield visible(f"{diff.old} -> {diff.new}", 2000)
    for difference in diff.differences:
        yield visible(f"not under the same conditions: {difference}", 2000)
    widths = [max((len(part[column]) for part in map(_cells, rows)), default=0) for column in range(4)]
    for row in rows:
        name, old, new, relative = _cells(row)
        yield f"  {name:<{widths[0]}}  {old:>{widths[1]}}  {new:>{widths[2]}}  {relative}".rstrip()
    yield verdict(diff)
    for node in diff.nodes[:top]:
        yield visible(f"  {_sign(node)} {node.label} ({node.op_type}): {node.about}{_delta(node)}", 2000)
    if len(diff.nodes) > top:
        yield f"  {len(diff.nodes) - top:,} more; --top {len(diff.nodes)} lists them all"


def _sign(node: NodeChange) -> str:
    return {"added": "+", "removed": "-", "changed": "~", "moved": ">"}[node.kind]


def _delta(node: NodeChange) -> str:
    flops, size = node.deltas.get("flops"), node.deltas.get("naive_bytes")
    parts = [f"{value:+,} {unit}" for value, unit in ((flops, "FLOP"), (size, "B")) if value]
    return f"; {', '.join(parts)}" if parts else ""


def _markdown(diff: Diff, rows: Sequence[tuple[str, Value, Value]], top: int) -> Iterator[str]:
    yield f"### {cell(diff.old)} → {cell(diff.new)}"
    yield ""
    for difference in diff.differences:
        yield f"> not under the same conditions: {cell(difference)}"
        yield ""
    if rows:
        yield "| figure | old | new | change |"
        yield "|---|---|---|---|"
    for row in rows:
        yield "| " + " | ".join(map(cell, _cells(row))) + " |"
    yield ""
    yield cell(verdict(diff))
    if diff.nodes:
        yield ""
        yield "| | op | type | what | change |"
        yield "|---|---|---|---|---|"
    for node in diff.nodes[:top]:
        cells = (node.kind, node.label, node.op_type, node.about, _delta(node).removeprefix("; "))
        yield "| " + " | ".join(map(cell, cells)) + " |"
    if len(diff.nodes) > top:
        yield f"| | {len(diff.nodes) - top:,} more | | | |"
