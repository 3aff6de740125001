"""The problems of one file, collected and raised together."""

from onnx_roofline.base.errors import ProfileError, RooflineError
from onnx_roofline.base.text import shown

MAX_PROBLEMS_SHOWN = 50


class Problems:
    """The problems found in one file so far; raised together, sorted by line, with columns where these are wanted."""

    def __init__(self, name: str, *, with_columns: bool = False) -> None:
        self.name = shown(name, 200, quotes=False)
        self.with_columns = with_columns
        self._found: list[tuple[int, int, str]] = []

    def add(self, line: int, message: str, column: int = 0) -> None:
        """Notes a problem at a line and column counted from 1; line 0 means the file as a whole."""
        self._found.append((line, column if self.with_columns else 0, message))

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
