"""Which op a user means: by its id, its name, its index in its graph, a tensor that it makes, or the end of its name.

And the other way round: a label of each op that is short, unlike all others, and finds the op again.
"""

import difflib
from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import chain, islice

from onnx_roofline.base.errors import UsageError
from onnx_roofline.base.text import shown
from onnx_roofline.ir.graph import Graph, Model, Op, body_scope
from onnx_roofline.ir.records import TypedOp

# Names among which a similar one is looked for, characters of them that are compared, and ids that a message lists.
_COMPARED, _CHARACTERS, _LISTED = 10_000, 100, 6
# Parts and characters of the end of a name that is a label; a name may be megabytes of slashes.
_FEWEST_PARTS, _MOST_PARTS, _LONGEST_LABEL = 2, 8, 200


def find_op(ops: Mapping[str, Op], wanted: str, where: str = "", kind: str = "op") -> str:
    """Id of the one op of `ops` that `wanted` names; an id counts before a name, an index, a tensor, an end of a name.

    Raises UsageError, which begins with `where`, with the nearest names where none fits and the ids where several do.
    """
    found = ops_named(ops, wanted)
    if len(found) == 1:
        return found[0]
    label = f"{where}{shown(wanted, 200, quotes=False)}"
    if found:
        ids = ", ".join(found[:_LISTED]) + (" ..." if len(found) > _LISTED else "")
        apart = ", ".join(filter(None, (_told_apart(key, ops[key]) for key in found[:_LISTED])))
        wish = f"wanted one id, such as {found[0]}" + (f": {apart}" if apart else "")
        raise UsageError(f"{label}: found {len(found)} ops of that name: {ids}; {wish}")
    names = chain.from_iterable((key, op.name, *op.outputs) for key, op in ops.items())
    compared = dict.fromkeys(islice((name for name in names if 0 < len(name) <= _CHARACTERS), _COMPARED))
    near = difflib.get_close_matches(wanted[:_CHARACTERS], compared, n=3)
    listed = ", ".join(islice(ops, _LISTED)) + (" ..." if len(ops) > _LISTED else "")
    choices = f"did you mean {', '.join(near)}?" if near else f"found {listed}" if ops else f"the file has no {kind}"
    raise UsageError(f"{label}: found no {kind} of that id or name; {choices}")


def ops_named(ops: Mapping[str, Op], wanted: str) -> list[str]:
    """Ids of the ops that `wanted` names in the first of the five ways in which it names any."""
    if wanted in ops:
        return [wanted]
    found = [key for key, op in ops.items() if op.name and op.name == wanted]
    found = found or [key for key, op in ops.items() if _numbered(key, op) == wanted]
    found = found or [key for key, op in ops.items() if wanted and wanted in op.outputs]
    return found or [key for key, op in ops.items() if wanted and op.name.endswith(f"/{wanted}")]


def op_labels(ops: Mapping[str, Op]) -> dict[str, str]:
    """By id a label of each op, which `find_op` finds it by.

    The shortest end of its name, of two parts or more, that no other op's name has; of an op without a name, or of one
    that shares it, a tensor that it makes; else its id.
    """
    names = Counter(op.name for op in ops.values() if op.name)
    tensors = Counter(name for op in ops.values() for name in op.outputs if name)
    ends = Counter(chain.from_iterable(_ends(op.name) for op in ops.values()))
    numbers = {_numbered(key, op) for key, op in ops.items()}

    def is_taken(text: str) -> bool:
        return text in ops or text in names or text in numbers

    def label(key: str, op: Op) -> str:
        if names[op.name] == 1 and op.name not in ops:
            free = (end for end in _ends(op.name) if ends[end] == 1 and not (is_taken(end) or end in tensors))
            return next(free, op.name)
        return next((name for name in op.outputs if tensors[name] == 1 and not is_taken(name)), key)

    return {key: label(key, op) for key, op in ops.items()}


def row_labels(model: Model) -> dict[str, str]:
    """The labels of all rows; an op that several scopes hold has its id in each."""
    return op_labels({key: row.op for key, row in model.column(TypedOp).items()})


def _ends(name: str) -> Iterator[str]:
    """`b/c` and `a/b/c` of `/a/b/c`; a name of fewer parts whole."""
    is_whole = len(name) <= _LONGEST_LABEL
    parts = name[-_LONGEST_LABEL:].split("/")
    if is_whole and len(parts) < _FEWEST_PARTS:
        yield from filter(None, parts)
    # The first part of a name that is cut is not whole.
    for count in range(_FEWEST_PARTS, min(_MOST_PARTS, len(parts) - (not is_whole)) + 1):
        end = "/".join(parts[-count:])
        yield end


def _numbered(key: str, op: Op) -> str:
    """Scope and index of an op: `loop_12/body/3` of `loop_12/body/3:MatMul`."""
    return f"{key.removesuffix(op.id)}{op.index}"


def _told_apart(key: str, op: Op) -> str:
    """`3:MatMul makes q in encoder/layer.0`: what ops of one name don't share."""
    makes = next((f"{key} makes {shown(name, quotes=False)}" for name in op.outputs if name), "")
    return f"{makes} in {shown(op.module, quotes=False)}" if makes and op.module else makes


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
