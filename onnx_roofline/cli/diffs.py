"""The command `diff`: two models, reports, baselines or revisions."""

import argparse
import sys
from typing import TYPE_CHECKING

from onnx_roofline.base.errors import UsageError
from onnx_roofline.cli.exit_codes import BROKEN, DONE
from onnx_roofline.cli.model_options import settings_of
from onnx_roofline.cli.outputs import STDOUT, Output, check_outputs

if TYPE_CHECKING:
    from onnx_roofline.ci.diff import Diff
    from onnx_roofline.ci.snapshot import Snapshot


def run_diff(options: argparse.Namespace) -> int:
    """What differs, the largest impact first."""
    from onnx_roofline.ci.diff import diff_snapshots
    from onnx_roofline.ci.diff_text import render_diff
    from onnx_roofline.ci.sources import read_source

    if options.top < 0:
        raise UsageError(f"--top {options.top}: wanted 0 or more ops")
    settings = settings_of(options)
    if options.html is not None:
        check_outputs([Output("--html", options.html)], (options.old, options.new))
    sides: list[Snapshot] = [read_source(text, settings) for text in (options.old, options.new)]
    found = diff_snapshots(*sides)
    text = render_diff(found, options.format, top=options.top, only_changed=options.only_changed, snapshots=sides)
    if options.html is not None:
        _write_page(options.html, found, *sides)
    if options.html != STDOUT:
        sys.stdout.write(text)
    return BROKEN if options.exit_code and not found.is_empty else DONE


def _write_page(path: str, found: "Diff", old: "Snapshot", new: "Snapshot") -> None:
    """The comparison as one page; ops where both sides have them."""
    from onnx_roofline.ci.diff_text import verdict
    from onnx_roofline.ci.merged import merged_nodes
    from onnx_roofline.ci.metrics import unit_of
    from onnx_roofline.report.files import write_atomically
    from onnx_roofline.report.html.diff_page import DiffData, DiffRow, write_diff_page

    nodes = merged_nodes(old.nodes, new.nodes) if found.has_nodes else ()
    names = [*(name for name, _, _ in found.totals), *new.totals]
    both = [(name, old.totals.get(name), new.totals.get(name)) for name in dict.fromkeys(names)]
    totals = [(name, unit_of(name), before, after) for name, before, after in both if (before, after) != (None, None)]
    parts = write_diff_page(
        DiffData(
            old=found.old,
            new=found.new,
            verdict=verdict(found),
            differences=found.differences,
            totals=tuple(totals),
            rows=tuple(DiffRow(n.kind, n.module, n.op_type, n.label, n.about, n.old, n.new) for n in nodes),
        )
    )
    if path == STDOUT:
        sys.stdout.writelines(parts)
    else:
        write_atomically(path, parts)
