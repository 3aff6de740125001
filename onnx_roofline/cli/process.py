"""One command as a process of its own, which ends as soon as its output is out."""

import os
import sys
from typing import NoReturn

from onnx_roofline.cli.main import main


def run() -> NoReturn:
    """Run the command of `sys.argv` and end the process with its exit code.

    The interpreter would first take apart every object and library, which is a tenth of a short run. It still does
    where a debugger or a profiler waits for its end, and where the output could not be written, which it reports.
    """
    code = main()
    if sys.gettrace() is None and sys.getprofile() is None:
        try:
            for stream in (sys.stdout, sys.stderr):
                if stream is not None:  # as in a process that was started without it
                    stream.flush()
        except (OSError, ValueError):
            raise SystemExit(code) from None
        os._exit(code)
    raise SystemExit(code)
