"""Which op a user means: by its id, its name, its index in its graph, or the name of a tensor that it makes."""

import difflib
from collections.abc import Mapping
from itertools import chain, islice

from onnx_roofline.base.errors import UsageError
from onnx_roofline.base.text import shown
from onnx_roofline.ir.graph import Graph, Model, Op, body_scope

# Names among which a similar one is looked for, characters of them that are compared, and ids that a message lists.
_COMPARED, _CHARACTERS, _LISTED = 10_000, 100, 6


def find_op(ops: Mapping[str, Op], wanted: str, where: str = "", kind: str = "op") -> str:
    """Id of the one op of `ops` that `wanted` names; an id counts before a name, an index, and a tensor.

    Raises UsageError, which begins with `where`, with the nearest names where none fits and the ids where several do.
    """
    found = ops_named(ops, wanted)
    if len(found) == 1:
        return found[0]
    label = f"{where}{shown(wanted, 200, quotes=False)}"
    if found:
        ids = ", ".join(found[:_LISTED]) + (" ..." if len(found) > _LISTED else "")
        raise UsageError(f"{label}: found {len(found)} ops of that name: {ids}; wanted one id, such as {found[0]}")
    names = chain.from_iterable((key, op.name, *op.outputs) for key, op in ops.items())
    compared = dict.fromkeys(islice((name for name in names if 0 < len(name) <= _CHARACTERS), _COMPARED))
    near = difflib.get_close_matches(wanted[:_CHARACTERS], compared, n=3)
    listed = ", ".join(islice(ops, _LISTED)) + (" ..." if len(ops) > _LISTED else "")
    choices = f"did you mean {', '.join(near)}?" if near else f"found {listed}" if ops else f"the file has no {kind}"
    raise UsageError(f"{label}: found no {kind} of that id or name; {choices}")


def ops_named(ops: Mapping[str, Op], wanted: str) -> list[str]:
    """Ids of the ops that `wanted` names in the first of the four ways in which it names any."""
    if wanted in ops:
        return [wanted]
    found = [key for key, op in ops.items() if op.name and op.name == wanted]
    found = found or [key for key, op in ops.items() if f"{key.removesuffix(op.id)}{op.index}" == wanted]
    return found or [key for key, op in ops.items() if wanted and wanted in op.outputs]


def ops_of_file(model: Model) -> dict[str, Op]:
    """Every op of the file by its row id, before any shape is known.

    A function's ops have an id for each of its signatures, `local::f@0/1:Loop`; here `local::f@/1:Loop` is all of them.
    """
    found: dict[str, Op] = {}
    pending: list[tuple[str, Graph]] = [("", model.graph)]
    pending += [(f"{key}@/", function.graph) for key, function in model.functions.items()]
    for scope, graph in pending:
        for op in graph.ops:
            found[scope + op.id] = op
            pending.extend((body_scope(scope, op, name), body) for name, body in op.bodies.items())
    return found


def without_signature(model: Model, wanted: str) -> str:
    """`local::f@3/1:Loop` -> `local::f@/1:Loop`; any other text as it is."""
    for key in model.functions:
        number, slash, rest = wanted.removeprefix(f"{key}@").partition("/")
        if wanted.startswith(f"{key}@") and slash and number.isdecimal():
            return f"{key}@/{rest}"
    return wanted
