"""A progress bar on stderr."""

import sys
from collections.abc import Callable
from types import TracebackType
from typing import Any

# Seconds after which a run shows its progress.
PROGRESS_AFTER_S = 1.0


class Progress:
    """A progress bar on stderr for runs of more than a second, on a terminal only."""

    def __init__(self) -> None:
        self._bar: Any = None
        self._task: Any = None
        self._timer: Any = None
        self._state = ("load", 0, 1)

    def __enter__(self) -> Callable[[str, int, int], None]:
        if sys.stderr.isatty():
            import threading

            self._timer = threading.Timer(PROGRESS_AFTER_S, self._start)
            self._timer.daemon = True
            self._timer.start()
        return self._update

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if self._bar is not None:
            self._bar.stop()

    def _start(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

        columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
        bar = Progress(*columns, console=Console(stderr=True), transient=True)
        name, position, count = self._state
        self._task = bar.add_task(name, completed=position, total=count)
        self._bar = bar
        bar.start()

    def _update(self, name: str, position: int, count: int) -> None:
        self._state = (name, position, count)
        if self._bar is not None:
            self._bar.update(self._task, description=name, completed=position, total=count)
