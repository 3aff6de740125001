"""The values of a YAML file with their lines and paths, asked for by type, and the problems found in them."""

import re
from collections.abc import Iterable, Mapping
from typing import Literal

from msgspec import Struct, field

from onnx_roofline.base.errors import ProfileError, RooflineError
from onnx_roofline.base.text import did_you_mean, shown

MAX_PROBLEMS_SHOWN = 50

# Decimal number, optional fraction and exponent; no underscores, no base prefix, no leading zero (octal in YAML 1.1).
_NUMBER = re.compile(r"[+-]?(?:(?:0|[1-9][0-9]*)(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?", re.ASCII)
_INTEGER = re.compile(r"0|[1-9][0-9]{0,17}", re.ASCII)

_NUMBER_HINTS = (
    (r"[+-]?\.?(inf|nan|infinity)", "a figure must be finite"),
    (r"[+-]?[0-9]+(:[0-9]+)+(\.[0-9]*)?", "write the number without colons"),
    (r"[+-]?0[xob][0-9a-f_]+", "write the number in decimal"),
    (r"[+-]?0[0-9]+(\.[0-9]*)?", "leave out the leading zero"),
    (r"[+-]?[0-9][0-9_,]*[_,][0-9_,.]*", "write the number without separators, with a point before the fraction"),
    (r"y|n|yes|no|on|off|true|false", "a switch is not a number"),
    (r"[+-]?[0-9.]+ *[a-zµ/]+", "leave out the unit: the key names it"),
)


class Problems:
    """The problems found in one file so far; raised together, sorted by line, with columns where these are wanted."""

    def __init__(self, name: str, *, with_columns: bool = False) -> None:
        self.name = shown(name, 200, quotes=False)
        self.with_columns = with_columns
        self._found: list[tuple[int, int, str]] = []

    def add(self, line: int, message: str, column: int = 0) -> None:
        """Notes a problem at a line and column counted from 1; line 0 means the file as a whole."""
        self._found.append((line, column if self.with_columns else 0, message))

    def __bool__(self) -> bool:
        """Whether a problem was found."""
        return bool(self._found)

    def lines(self) -> tuple[str, ...]:
        """The problems as `file:line: message`, or `file:line:column: message`, sorted, the first 50 of them."""
        ordered = sorted(dict.fromkeys(self._found), key=lambda problem: problem[:2])
        texts = [
            ":".join([self.name, *(str(place) for place in (line, column) if place)]) + f": {message}"
            for line, column, message in ordered
        ]
        left_out = len(texts) - MAX_PROBLEMS_SHOWN
        return tuple(texts if left_out <= 0 else [*texts[:MAX_PROBLEMS_SHOWN], f"{self.name}: and {left_out} more"])

    def raise_if_any(self, kind: type[RooflineError] = ProfileError) -> None:
        """Raises `kind` with one line per problem when there is one."""
        if self._found:
            raise kind("\n".join(self.lines()))


class Node(Struct, frozen=True, eq=False):
    """A value of a YAML file with the line and the dotted path where it stands.

    The accessors report a value of the wrong type and return None (or nothing); a `refused` node was reported before
    and stays silent.
    """

    kind: Literal["scalar", "mapping", "sequence", "refused"]
    line: int
    path: str
    problems: Problems
    characters: str = ""
    quoted: bool = False
    entries: Mapping[str, "Node"] = field(default_factory=dict)
    items: tuple["Node", ...] = ()
    column: int = 0
    # where the key stands that this is the value of; line 0 for an item of a list
    key_line: int = 0
    key_column: int = 0

    def report(self, message: str) -> None:
        """Notes a problem of this value."""
        where = shown(self.path, 120, quotes=False)
        self.problems.add(self.line, f"{where}: {message}" if where else message, self.column)

    def report_key(self, message: str) -> None:
        """Notes a problem of the key that this is the value of, which stands before it."""
        where = shown(self.path, 120, quotes=False)
        self.problems.add(self.key_line or self.line, f"{where}: {message}", self.key_column or self.column)

    def mapping(self, known: Iterable[str] | None = None, required: Iterable[str] = ()) -> Mapping[str, "Node"]:
        """The entries under known keys; unknown and absent keys are reported. Empty when this is no mapping."""
        if self.kind != "mapping":
            self._wrong("a mapping (key: value)")
            return {}
        absent = [key for key in required if key not in self.entries]
        if absent:
            self.report(f"found no {', '.join(map(repr, absent))}, which must be there; add it")
        if known is None:
            return self.entries
        names = tuple(known)
        unknown = [key for key in self.entries if key not in names]
        for key in unknown[:20]:
            self.entries[key].report_key(f"found an unknown key{did_you_mean(key, names)}")
        if len(unknown) > 20:
            self.report(f"found {len(unknown) - 20} more unknown keys")
        return {key: node for key, node in self.entries.items() if key in names}

    def sequence(self) -> tuple["Node", ...]:
        """The items of a list; empty when this is no list."""
        if self.kind != "sequence":
            self._wrong("a list")
        return self.items

    def text(self, choices: Iterable[str] = ()) -> str | None:
        """The text of a scalar; with `choices`, one of them."""
        allowed = tuple(choices)
        wanted = f"one of {', '.join(allowed)}" if allowed else "a text"
        if self.kind != "scalar" or not self.characters:
            self._wrong(wanted)
            return None
        if not self.characters.isprintable():
            self._wrong(f"{wanted} on one line, without control characters")
            return None
        if allowed and self.characters not in allowed:
            self._wrong(f"{wanted}{did_you_mean(self.characters, allowed, listed=False)}")
            return None
        return self.characters

    def number(self, *, minimum: float = 1e-6, maximum: float = 1e18, zero: bool = False) -> float | None:
        """A finite number between two limits, or 0 where `zero` allows it; `312e12` and `3.12e+14` are numbers."""
        wanted = "0 or a number greater than 0" if zero else "a number greater than 0"
        if self.kind != "scalar" or self.quoted or not _NUMBER.fullmatch(self.characters):
            self._wrong(f"{wanted}{self._number_hint()}")
            return None
        value = float(self.characters)
        if zero and value == 0:
            return 0.0
        if not minimum <= value <= maximum:
            limits = "" if value <= 0 else f", between {minimum:g} and {maximum:g} in the unit of the key"
            self._wrong(f"{wanted}{limits}")
            return None
        return value

    def integer(self, *, minimum: int = 0) -> int | None:
        """A whole number in plain decimal digits."""
        if self.kind == "scalar" and not self.quoted and _INTEGER.fullmatch(self.characters):
            value = int(self.characters)
            if value >= minimum:
                return value
        self._wrong(f"a whole number of at least {minimum}")
        return None

    def boolean(self) -> bool | None:
        """`true` or `false`, unquoted; the other spellings of YAML 1.1 are refused."""
        if self.kind == "scalar" and not self.quoted and self.characters in ("true", "false"):
            return self.characters == "true"
        self._wrong("true or false")
        return None

    def _wrong(self, wanted: str) -> None:
        if self.kind != "refused":
            self.report(f"found {self._found()}, wanted {wanted}")

    def _found(self) -> str:
        if self.kind != "scalar":
            return "a mapping" if self.kind == "mapping" else "a list"
        if not self.characters and not self.quoted:
            return "nothing"
        return f"the quoted text {shown(self.characters)}" if self.quoted else shown(self.characters)

    def _number_hint(self) -> str:
        if self.kind != "scalar":
            return ""
        if self.quoted and _NUMBER.fullmatch(self.characters):
            return "; leave out the quotes"
        head = self.characters[:80].lower()
        return next((f"; {hint}" for pattern, hint in _NUMBER_HINTS if re.fullmatch(pattern, head)), "")
