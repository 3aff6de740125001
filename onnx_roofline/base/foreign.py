"""Calls into the code of a plugin: what it raises, or answers that can't be used, is the plugin's fault and says so."""

import functools
import traceback
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from onnx_roofline.base.errors import NotModelledError, PluginError, RooflineError


def guarded(
    where: str,
    function: Callable[..., Any],
    problem_of: Callable[[Any], str],
    passed: tuple[type[Exception], ...] = (),
) -> Callable[..., Any]:
    """The function, with PluginError for what it raises but `passed`, and for an answer with a problem.

    `where` names plugin and function, `problem_of` says what was wanted of an answer, "" where it is fine.
    """

    kept: tuple[type[Exception], ...] = (RooflineError, NotModelledError, *passed)

    @functools.wraps(function)
    def call(*arguments: Any) -> Any:
        try:
            found = function(*arguments)
        except kept:
            raise
        except Exception as error:  # whatever the code of someone else raises
            raise fault(where, function, error) from error
        if problem := problem_of(found):
            raise PluginError(f"{where}: found {type(found).__name__} {str(found)[:40]!r}, {problem}; mend it")
        return found

    return call


def guarded_text(where: str, function: Callable[..., Any]) -> Callable[..., Iterator[str]]:
    """A function to text, whole or in parts, with PluginError for what it raises on the way."""

    @functools.wraps(function)
    def call(*arguments: Any) -> Iterator[str]:
        try:
            found: Iterable[str] = function(*arguments)
            for part in (found,) if isinstance(found, str) else found:
                if not isinstance(part, str):
                    raise TypeError(f"found a part that is {type(part).__name__}, wanted text")
                yield part
        except (RooflineError, OSError):
            raise
        except Exception as error:  # whatever the code of someone else raises
            raise fault(where, function, error) from error

    return call


def fault(where: str, function: Callable[..., Any], error: Exception) -> PluginError:
    """What a function of a plugin raised, in one line with the line of its file."""
    code = getattr(function, "__code__", None)
    frames = traceback.extract_tb(error.__traceback__)
    lines = [frame.lineno for frame in frames if code is not None and frame.filename == code.co_filename]
    at = f" in line {lines[-1]}" if lines else ""
    reason = " ".join(str(error).split())[:300]
    return PluginError(f"{where}: raised {type(error).__name__}{at}: {reason}; mend it, or leave the plugin out")
