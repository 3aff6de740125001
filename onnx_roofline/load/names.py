"""Names from the file: they are labels, may be empty, repeated or hostile, and are shown escaped and cut."""

# Characters of a name that a message shows.
SHOWN_CHARACTERS = 200
# Characters of a path that a message shows; Linux takes 4,095 bytes.
SHOWN_PATH = 1000


def shown(name: str) -> str:
    """The name quoted, with control and bidi characters escaped, cut at 200 characters.

    >>> shown("a" + chr(27) + "[0m"), shown("b" * 300)[-24:]
    ("'a\\\\x1b[0m'", "bbb'... (300 characters)")
    """
    if len(name) <= SHOWN_CHARACTERS:
        return repr(name)
    return f"{name[:SHOWN_CHARACTERS]!r}... ({len(name):,} characters)"


def shown_path(path: str) -> str:
    """The path as it is; quoted where it holds characters that can't be printed, cut where no file's is as long."""
    return shown(path) if len(path) > SHOWN_PATH else path if path.isprintable() else repr(path)


def is_mlir(path: str) -> bool:
    """Whether a file is MLIR by its name, as text or as bytecode."""
    return path.lower().endswith((".mlir", ".mlirbc"))
