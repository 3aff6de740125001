"""The command `completion`: a script by which a shell completes commands, options, files and names."""

import argparse
from collections.abc import Iterator

from onnx_roofline.base.errors import MissingExtraError
from onnx_roofline.cli.exit_codes import DONE


def run_completion(options: argparse.Namespace) -> int:
    """The script of one shell."""
    try:
        import shtab
    except ImportError as error:
        raise MissingExtraError("shtab", "completion", "completion") from error
    from onnx_roofline.cli.options import command_parser
    from onnx_roofline.hardware import shipped_profiles

    parser = command_parser()
    names = tuple(slug for slug, _, _ in shipped_profiles())
    for action in _actions(parser):
        metavar = action.metavar if isinstance(action.metavar, str) else ""
        words = metavar.split("|")
        if metavar.startswith("NAME|FILE"):
            action.choices = names if action.dest in ("system", "profile", "profiles", "parent") else None
        elif len(words) > 1 and all(word.islower() for word in words):
            action.choices = words
        elif "FILE" in metavar or metavar.startswith(("MODEL", "OUT", "OLD", "NEW")):
            action.complete = shtab.FILE  # type: ignore[attr-defined]  # by which shtab knows it
    print(shtab.complete(parser, options.shell))
    return DONE


def _actions(parser: argparse.ArgumentParser) -> Iterator[argparse.Action]:
    """Every option and operand of a parser and of the commands below it."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for below in action.choices.values():
                yield from _actions(below)
        elif not isinstance(action, argparse._HelpAction):
            yield action
