"""The command `diff`: two models, reports, baselines or revisions."""

import argparse
import sys
from typing import TYPE_CHECKING

from onnx_roofline.base.errors import UsageError
from onnx_roofline.cli.exit_codes import BROKEN, DONE
from onnx_roofline.cli.model_options import settings_of

if TYPE_CHECKING:
    from onnx_roofline.ci.snapshot import Snapshot


def run_diff(options: argparse.Namespace) -> int:
    """What differs, the largest impact first."""
    from onnx_roofline.ci.diff import diff_snapshots
    from onnx_roofline.ci.diff_text import render_diff
    from onnx_roofline.ci.sources import read_source

    if options.top < 0:
        raise UsageError(f"--top {options.top}: wanted 0 or more ops")
    settings = settings_of(options)
    sides: list[Snapshot] = [read_source(text, settings) for text in (options.old, options.new)]
    found = diff_snapshots(*sides)
    text = render_diff(found, options.format, top=options.top, only_changed=options.only_changed, snapshots=sides)
    sys.stdout.write(text)
    return BROKEN if options.exit_code and not found.is_empty else DONE
