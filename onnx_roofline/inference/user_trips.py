"""What the user states of loops and branches, turned into rows before any shape is known."""

from collections.abc import Iterable, Mapping
from fractions import Fraction

from msgspec import Struct, field

from onnx_roofline.base.errors import UsageError
from onnx_roofline.base.text import shown
from onnx_roofline.inference.scope import Scope
from onnx_roofline.ir.find_op import find_op, ops_named, ops_of_file, without_signature
from onnx_roofline.ir.graph import Model, Notice, Op
from onnx_roofline.ir.records import TypedOp

LOOPS, BRANCHES = ("Loop", "Scan", "SequenceMap"), ("If",)
# The key of what is stated for every If.
EVERY = ""


class Stated(Struct, frozen=True):
    """`trips` and `shares` (probability of the then-branch) by row id; an id without a signature is all of them.

    `texts` are (option, what the user wrote, row id), for messages.
    """

    trips: Mapping[str, int] = field(default_factory=dict)
    shares: Mapping[str, Fraction] = field(default_factory=dict)
    texts: tuple[tuple[str, str, str], ...] = ()

    def trips_of(self, op: Op, scope: Scope) -> int | None:
        """The trip count that is stated for an op."""
        return self.trips.get(scope.prefix + op.id, self.trips.get(scope.family + op.id))

    def share_of(self, op: Op, scope: Scope) -> Fraction | None:
        """The probability of the then-branch that is stated for an If, or for all."""
        keys = (scope.prefix + op.id, scope.family + op.id, EVERY)
        return next((self.shares[key] for key in keys if key in self.shares), None)


def stated(model: Model, trips: Mapping[str, int], branches: Mapping[str, Fraction]) -> Stated:
    """The rows that `--trip NODE=N` and `--branch NODE.then=P` mean; `then` and `else` alone mean every If.

    Raises UsageError where a text names no loop or If, several of them, or one with two values.
    """
    if not trips and not branches:
        return Stated()
    ops = ops_of_file(model)
    texts: list[tuple[str, str, str]] = []
    counts: dict[str, int] = {}
    shares: dict[str, Fraction] = {}
    for wanted, count in trips.items():
        key = _meant(model, ops, "--trip", wanted, LOOPS)
        if counts.setdefault(key, count) != count:
            raise UsageError(_label(model, "--trip", wanted, f"found {count} for {key}, and {counts[key]} elsewhere"))
        texts.append(("--trip", wanted, key))
    for text, probability in branches.items():
        wanted, _, branch = text.rpartition(".")
        key = _meant(model, ops, "--branch", wanted, BRANCHES) if wanted else EVERY
        if not wanted and not _of_types(ops, BRANCHES):
            raise UsageError(_label(model, "--branch", text, "the file has no If"))
        share = probability if branch == "then" else 1 - probability
        if shares.setdefault(key, share) != share:
            problem = f"found then={share} for {key or 'every If'}, and then={shares[key]} elsewhere"
            raise UsageError(_label(model, "--branch", text, problem))
        if wanted:
            texts.append(("--branch", wanted, key))
    return Stated(counts, shares, tuple(texts))


def notices_of_unused(model: Model, settings: Stated, rows: Mapping[str, TypedOp]) -> tuple[Notice, ...]:
    """What was stated of a loop or If that does not run, or that the file itself decides.

    Raises UsageError where a signature of a function is named that there is none of.
    """
    if not settings.texts:
        return ()
    used, decided = set[str](), set[str]()
    for row_id, row in rows.items():
        if row.op.bodies:
            keys = {row_id, without_signature(model, row_id)}
            decided |= keys
            if any(body.origin == "bound" for body in row.bodies):
                used |= keys
    notices = []
    for option, wanted, key in settings.texts:
        types = LOOPS if option == "--trip" else BRANCHES
        if key not in decided and without_signature(model, key) != key:
            ops = {row_id: row.op for row_id, row in rows.items()}
            find_op(_of_types(ops, types), wanted, _label(model, option), _wanted(types))
        elif key not in used:
            why = "the file decides it" if key in decided else "it does not run"
            notices.append(Notice("unused-option", key, f"{option} {shown(wanted)} changes nothing: {why}"))
    return tuple(notices)


def _meant(model: Model, ops: Mapping[str, Op], option: str, wanted: str, types: tuple[str, ...]) -> str:
    """The row id that a text means; a signature that it gives is kept."""
    plain = without_signature(model, wanted)
    candidates = _of_types(ops, types)
    if not ops_named(candidates, plain):
        other = ops_named(ops, plain)
        if other:
            problem = f"found {other[0]}, which is no {_wanted(types)}"
            raise UsageError(_label(model, option, wanted, problem))
    key = find_op(candidates, plain, _label(model, option), _wanted(types))
    if plain == wanted:
        return key
    # What follows the signature may be an index, `local::f@3/1`.
    return wanted + key[len(plain) :]


def _of_types(ops: Mapping[str, Op], types: Iterable[str]) -> dict[str, Op]:
    return {key: op for key, op in ops.items() if op.op_type in types and not op.domain}


def _wanted(types: tuple[str, ...]) -> str:
    return types[0] if len(types) == 1 else f"{', '.join(types[:-1])} or {types[-1]}"


def _label(model: Model, option: str, wanted: str = "", problem: str = "") -> str:
    start = f"{model.info.path}: {option} "
    return start + f"{shown(wanted, 200, quotes=False)}: {problem}" if problem else start
