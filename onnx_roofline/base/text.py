"""Names from a model as harmless text: what a terminal, a CI log or a spreadsheet would act on is escaped."""

import unicodedata
from collections.abc import Iterable

# Characters of a name that a report shows; longer ones are cut in the middle.
SHOWN_CHARACTERS = 200
# C0, C1, DEL, line separators, surrogates, and characters that reorder or hide text.
_HIDDEN_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


def visible(name: str, limit: int = SHOWN_CHARACTERS) -> str:
    r"""The name with control, format and bidi characters as \\xNN, cut in the middle where it is longer than `limit`.

    >>> visible("a\x1b[31mb\u202e"), visible("x" * 30, 11)
    ('a\\x1b[31mb\\u202e', 'xxxxx…xxxxx')
    """
    text = "".join(_escaped(c) if unicodedata.category(c) in _HIDDEN_CATEGORIES else c for c in name[: 4 * limit])
    if len(text) <= limit:
        return text
    half = (limit - 1) // 2
    return f"{text[:half]}…{text[-half:]}"


def _escaped(character: str) -> str:
    code = ord(character)
    return f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}" if code < 65536 else f"\\U{code:08x}"


def csv_cell(name: str) -> str:
    """A name as a spreadsheet cell that is not taken for a formula. Source: OWASP ASVS 1.2.10.

    >>> csv_cell("=1+1"), csv_cell("Conv_0")
    ("'=1+1", 'Conv_0')
    """
    text = visible(name)
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "'")) else text


MAX_KEY_CHARACTERS = 200


def shown(text: str, limit: int = 60, *, quotes: bool = True) -> str:
    """Text that is safe to print on one line: unprintable characters escaped, long texts cut.

    >>> shown("a\\x1b[31m\\n"), shown("x" * 99, 5)
    ("'a\\\\x1b[31m\\\\n'", "'xxxxx…'")
    """
    cut = text if len(text) <= limit else text[:limit] + "…"
    safe = "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in cut)
    return f"'{safe}'" if quotes else safe


def did_you_mean(word: str, known: Iterable[str], *, listed: bool = True) -> str:
    """The end of a message about an unknown word: the nearest known one, or else all of them.

    >>> did_you_mean("nmae", ("name", "kind")), did_you_mean("x", ("name", "kind"))
    ("; did you mean 'name'?", '; known: name, kind')
    """
    import difflib

    names = tuple(known)
    near = difflib.get_close_matches(word[:MAX_KEY_CHARACTERS], names, n=1)
    if near:
        return f"; did you mean {near[0]!r}?"
    return f"; known: {', '.join(names)}" if listed else ""


# What typographic characters of the reports become where a terminal or a file has only ASCII.
_IN_ASCII = str.maketrans({
    "·": "-", "–": "-", "—": "-", "…": "...", "µ": "u", "μ": "u", "×": "x", "→": "->", "≤": "<=", "≥": ">=", "±": "+-",
    "Δ": "delta ", "²": "2", "’": "'", "“": '"', "”": '"', "\u00a0": " ", "✓": "ok", "✗": "x", "─": "-", "│": "|",
    "━": "-", "╺": "-", "╸": "-", "├": "|", "└": "`", "█": "#",
})  # fmt: skip


def ascii_form(text: str) -> str:
    r"""The text in ASCII: typographic characters by what they stand for, all others escaped.

    >>> ascii_form("12 µs · 3 × 4 … ä")
    '12 us - 3 x 4 ... \\xe4'
    """
    return text.translate(_IN_ASCII).encode("ascii", "backslashreplace").decode("ascii")


def plural(count: int, noun: str) -> str:
    """A count with its noun."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"
