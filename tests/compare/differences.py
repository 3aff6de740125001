"""The differences of two JSON documents: leaf by leaf, exact, after renaming the paths of the old one.

A leaf is a number, a text, true, false, null, or an empty object or list. Its path is the keys that lead to it. Items
of a list are aligned by their `id` or `name` where each has its own, else by position; items in another order are one
difference, at `(order)`. The order of keys in an object means nothing in JSON and is not compared.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

WILD, DEEP = "*", "**"
ORDER = "(order)"
# Members by which items of a list are aligned, the first that all of them have, each with a value of its own.
IDENTITIES = ("id", "name")
# A record of a model without a document has one of these members and no other.
FAILURES = ("refused", "crashed")

Path = tuple[str, ...]
# A path without the names and positions of one model: `*` stands for each of them.
Pattern = tuple[str, ...]
Kind = Literal["changed", "missing", "added"]
# What a wildcard of a rule stood for, in order, and how many elements of the path the rule took.
Match = tuple[tuple[tuple[Any, ...], ...], int]


class RuleError(Exception):
    """A rename that can't be applied; the message names it."""


@dataclass(frozen=True)
class Rename:
    """Moves what lies at `old`, and all below it, to `new`."""

    old: Pattern
    new: Pattern

    def __post_init__(self) -> None:
        if any(self.old.count(wildcard) != self.new.count(wildcard) for wildcard in (WILD, DEEP)):
            raise RuleError(f"{shown_rule(self)}: both sides need as many * and as many ** as the other")

    def apply(self, elements: tuple[Any, ...]) -> tuple[Any, ...] | None:
        """The elements of a path after the rename; None where the rule does not concern them."""
        found = match(self.old, elements)
        if found is None:
            return None
        captures, taken = found
        singles = iter([capture for capture, at in zip(captures, _wildcards(self.old), strict=True) if at == WILD])
        depths = iter([capture for capture, at in zip(captures, _wildcards(self.old), strict=True) if at == DEEP])
        moved: list[Any] = []
        for segment in self.new:
            moved += next(singles) if segment == WILD else next(depths) if segment == DEEP else (segment,)
        return (*moved, *elements[taken:])


@dataclass(frozen=True)
class Rules:
    """What is known of the documents: renames of the old one, objects whose keys are names, paths to leave out."""

    renames: tuple[Rename, ...] = ()
    named: tuple[Pattern, ...] = ()
    ignored: tuple[Pattern, ...] = ()


@dataclass(frozen=True)
class Difference:
    """One leaf that is not the same; `old` or `new` is meaningless where the leaf was added or is missing."""

    kind: Kind
    path: Path
    pattern: Pattern
    old: Any = None
    new: Any = None


def split_pattern(text: str) -> Pattern:
    """`totals.traffic.*` -> ("totals", "traffic", "*")."""
    segments = tuple(text.split("."))
    if not all(segments):
        raise RuleError(f"{text!r}: found an empty name between dots")
    return segments


def shown_rule(rule: Rename) -> str:
    return f"{'.'.join(rule.old)} -> {'.'.join(rule.new)}"


def match(pattern: Pattern, elements: tuple[Any, ...]) -> Match | None:
    """How a pattern fits the front of a path: `**` takes as little as it can. None where it does not fit."""
    if not pattern:
        return (), 0
    if pattern[0] == DEEP:
        for taken in range(len(elements) + 1):
            if (rest := match(pattern[1:], elements[taken:])) is not None:
                return (elements[:taken], *rest[0]), taken + rest[1]
        return None
    if not elements or (pattern[0] != WILD and pattern[0] != elements[0]):
        return None
    rest = match(pattern[1:], elements[1:])
    if rest is None:
        return None
    captured = (elements[:1], *rest[0]) if pattern[0] == WILD else rest[0]
    return captured, 1 + rest[1]


def _wildcards(pattern: Pattern) -> list[str]:
    return [segment for segment in pattern if segment in (WILD, DEEP)]


class _Place:
    """All paths of one pattern; a tree, so that a rule is tried once a pattern and not once a leaf."""

    __slots__ = ("children", "elements", "is_ignored", "is_named", "pattern", "source", "used")

    def __init__(self, source: Pattern, renames: Sequence[Rename], rules: Rules) -> None:
        self.source = source
        # Where each segment of the new path comes from: a name of the schema, or a position in the old path.
        elements: tuple[Any, ...] = tuple(at if name == WILD else name for at, name in enumerate(source))
        self.used: set[Rename] = set()
        for rename in renames:
            if (moved := rename.apply(elements)) is not None:
                elements = moved
                self.used.add(rename)
        self.elements = elements
        self.pattern: Pattern = tuple(WILD if isinstance(element, int) else element for element in elements)
        self.is_named = any(_fits(pattern, path) for pattern in rules.named for path in (source, self.pattern))
        self.is_ignored = any(match(pattern, self.pattern) is not None for pattern in rules.ignored)
        self.children: dict[str, _Place] = {}

    def moved(self, path: Path) -> Path:
        """The path in the new document."""
        if not self.used:
            return path
        return tuple(path[element] if isinstance(element, int) else element for element in self.elements)


def _fits(pattern: Pattern, path: Pattern) -> bool:
    """Whether a pattern fits the whole of a path; `**` only at its front."""
    if pattern[0] == DEEP:
        rest = pattern[1:]
        return len(path) >= len(rest) and match(rest, path[len(path) - len(rest) :]) is not None
    return len(path) == len(pattern) and match(pattern, path) is not None


class Leaf(NamedTuple):
    """A value and the pattern of its path."""

    value: Any
    pattern: Pattern


class Reader:
    """Takes documents of one version apart; keeps what it learns of their patterns from one document to the next."""

    def __init__(self, rules: Rules, renames: tuple[Rename, ...] = ()) -> None:
        self._rules, self._renames = rules, renames
        self._root = _Place((), renames, rules)

    def leaves(self, document: Any) -> dict[Path, Leaf]:
        """Every leaf that is not ignored, by its path after renaming. Raises RuleError where two get one path."""
        found: dict[Path, Leaf] = {}
        self._walk(document, self._root, (), found)
        return found

    def used(self) -> set[Rename]:
        """Renames that concerned any document so far."""
        found: set[Rename] = set()
        places = [self._root]
        while places:
            place = places.pop()
            found |= place.used
            places += place.children.values()
        return found

    def _walk(self, value: Any, place: _Place, path: Path, found: dict[Path, Leaf]) -> None:
        if isinstance(value, dict) and value:
            for key, item in value.items():
                self._walk(item, self._child(place, WILD if place.is_named else key), (*path, key), found)
            return
        if isinstance(value, list) and value:
            keys, child = _identities(value), self._child(place, WILD)
            for position, item in enumerate(value):
                self._walk(item, child, (*path, keys[position] if keys else str(position)), found)
            if not keys:
                return
            place, path, value = self._child(place, ORDER), (*path, ORDER), keys
        if place.is_ignored:
            return
        moved = place.moved(path)
        if moved in found:
            raise RuleError(f"{shown_path(moved, place.pattern)}: two leaves of the old document are moved here")
        found[moved] = Leaf(value, place.pattern)

    def _child(self, place: _Place, segment: str) -> _Place:
        child = place.children.get(segment)
        if child is None:
            child = place.children[segment] = _Place((*place.source, segment), self._renames, self._rules)
        return child


def _identities(items: list[Any]) -> tuple[str, ...]:
    """A key of each item, where each has one of its own; empty otherwise."""
    for member in IDENTITIES:
        keys = [item.get(member) if isinstance(item, dict) else None for item in items]
        if all(isinstance(key, str) for key in keys) and len(set(keys)) == len(keys):
            return tuple(keys)
    return ()


@dataclass
class Comparison:
    """Compares documents of an old and a new version, pair by pair."""

    rules: Rules
    leaves: int = 0
    _old: Reader = field(init=False)
    _new: Reader = field(init=False)

    def __post_init__(self) -> None:
        self._old, self._new = Reader(self.rules, self.rules.renames), Reader(self.rules)

    def compare(self, old: Any, new: Any) -> list[Difference]:
        """The differences of one pair. A model with a document on one side only is one difference, not thousands."""
        before, after = _failure(old), _failure(new)
        if (before is None) != (after is None):
            return [Difference("changed", ("refused",), ("refused",), before or "a document", after or "a document")]
        left, right = self._old.leaves(old), self._new.leaves(new)
        self.leaves += len(left)
        return list(_differences(left, right))

    def unused(self) -> list[Rename]:
        """Renames that no old document had a use for: misspelt, or for a member that these models lack."""
        used = self._old.used()
        return [rename for rename in self.rules.renames if rename not in used]


def _failure(document: Any) -> str | None:
    """`refused: message` where there is no document."""
    if isinstance(document, dict) and len(document) == 1:
        member, message = next(iter(document.items()))
        if member in FAILURES:
            return f"{member}: {message}"
    return None


def _differences(left: Mapping[Path, Leaf], right: Mapping[Path, Leaf]) -> Iterator[Difference]:
    for path, leaf in left.items():
        other = right.get(path)
        if other is None:
            # The order of a list that is gone goes with it.
            if path[-1:] != (ORDER,):
                yield Difference("missing", path, leaf.pattern, old=leaf.value)
        elif path[-1:] == (ORDER,):
            common = set(leaf.value) & set(other.value)
            ours, theirs = ([key for key in one.value if key in common] for one in (leaf, other))
            if ours != theirs:
                yield Difference("changed", path, leaf.pattern, ours, theirs)
        elif not same(leaf.value, other.value):
            yield Difference("changed", path, leaf.pattern, leaf.value, other.value)
    for path, leaf in right.items():
        if path not in left and path[-1:] != (ORDER,):
            yield Difference("added", path, leaf.pattern, new=leaf.value)


def same(old: Any, new: Any) -> bool:
    """Exact: 1, 1.0 and true are three values, and so are 0.0 and -0.0.

    >>> same(1, 1.0), same(0.1 + 0.2, 0.3), same(0.0, -0.0), same([], []), same([], {})
    (False, False, False, True, False)
    """
    return type(old) is type(new) and old == new and (old != 0 or repr(old) == repr(new))


def shown_path(path: Path, pattern: Pattern) -> str:
    """`graph.nodes[5:MatMul].work.macs`: names of the model in brackets, names of the schema with dots."""
    text = ""
    for name, general in zip(path, pattern, strict=True):
        text += f"[{name}]" if general == WILD else f".{name}"
    return text.removeprefix(".")


def shown_pattern(pattern: Pattern) -> str:
    return shown_path(pattern, pattern)
