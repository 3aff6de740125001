"""What is left of a fault of our own: a message, and a file that lets a maintainer see it again."""

import sys

from onnx_roofline import __version__
from onnx_roofline.cli.exit_codes import INTERNAL
from onnx_roofline.cli.printing import one_line


def report_crash(kind: str, trace: str, model: str | None) -> int:
    """Name the file that reproduces the failure; it holds the graph without its weights."""
    try:
        where = f"please report it with {_write_reproducer(trace, model)}"
    except Exception as failure:
        where = f"please report it with the model (no file could be written that reproduces it: {failure})"
    print(f"onnx-roofline: internal error: {one_line(kind)}; {one_line(where)}", file=sys.stderr)
    return INTERNAL


def _write_reproducer(trace: str, model: str | None) -> str:
    import os
    import tempfile
    import zipfile

    descriptor, path = tempfile.mkstemp(prefix="onnx-roofline-crash-", suffix=".zip")
    with os.fdopen(descriptor, "wb") as file, zipfile.ZipFile(file, "w") as archive:
        lines = [f"onnx-roofline {__version__}, Python {sys.version}", f"arguments: {sys.argv[1:]}", trace]
        archive.writestr("report.txt", "\n".join(lines).encode("utf-8", "backslashreplace"))
        if model is not None:
            try:
                from onnx_roofline.load import Limits
                from onnx_roofline.load.wire import read_slim

                archive.writestr("model.onnx", read_slim(model, Limits()).data)
            except Exception as failure:
                archive.writestr("model.txt", f"the graph could not be read again: {failure}")
    return path
