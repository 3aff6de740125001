"""Arithmetic in dim names, such as `past + sequence` or `floor(height/32)*32`: parsed here, never run as code."""

import math
import re
from bisect import bisect_left
from collections.abc import Callable, Mapping
from fractions import Fraction

# Longer names are labels: real expressions are short.
LONGEST_EXPRESSION = 200
# Dims are 64-bit in the format.
LARGEST_DIM = 2**63 - 1
# An exponent above it makes no dim but of 0 and 1.
_LARGEST_EXPONENT = 64
# Sizes of a name that are tried one by one: 2,048 takes 10 ms, and no exporter divides by more.
TRIED_SIZES = 2048
# Sizes above 2**40 are nobody's.
_LARGEST_SHIFT = 41

_TOKEN = re.compile(r"\s*(?:([0-9]{1,18})|([^\W\d][\w.]*)|(//|\*\*|[-+*/%(),]))")
# "exact/" is the division inside floor() and ceiling(); "negate" is the sign.
_PRECEDENCE = {"+": 1, "-": 1, "*": 2, "/": 2, "exact/": 2, "//": 2, "%": 2, "negate": 3, "**": 4}
# Functions as sympy writes them, in any case, and how many operands they take (0: two or more).
_FUNCTIONS = {"floor": 1, "ceiling": 1, "ceil": 1, "max": 0, "min": 0, "mod": 2, "floordiv": 2, "ceildiv": 2}
_ROUNDING = ("floor", "ceiling", "ceil")

# Reverse Polish notation: numbers, names, operators, and functions with their number of operands.
Expression = tuple[tuple[str, str], ...]


def parse_expression(text: str) -> Expression | None:
    """The expression in reverse Polish notation, or None where the text is a plain name or anything else.

    >>> parse_expression("past + 1")
    (('name', 'past'), ('number', '1'), ('operator', '+'))
    >>> parse_expression("batch"), parse_expression("__import__('os')"), parse_expression("exp(2)")
    (None, None, None)
    """
    if len(text) > LONGEST_EXPRESSION or not any(mark in text for mark in "+-*/%("):
        return None
    return _Parser().parse(text.rstrip())


class _Parser:
    """Dijkstra's shunting yard."""

    def __init__(self) -> None:
        self.output: list[tuple[str, str]] = []
        # operators, "(" and the names of functions whose parenthesis is open
        self.waiting: list[str] = []
        # operands of each open parenthesis
        self.operands: list[int] = []

    def parse(self, text: str) -> Expression | None:
        """The expression, or None."""
        wants_operand, position, function = True, 0, ""
        while position < len(text):
            match = _TOKEN.match(text, position)
            if match is None:
                return None
            position = match.end()
            number, name, symbol = match.groups()
            if function and symbol != "(":
                return None
            if name and name.lower() in _FUNCTIONS and text[position : position + 1] == "(":
                if not wants_operand:
                    return None
                function = name.lower()
                continue
            if symbol == "-" and wants_operand:
                self.waiting.append("negate")
                continue
            if (symbol is None or symbol == "(") != wants_operand:
                return None
            if symbol is None:
                self.output.append(("number", number) if number else ("name", name))
                wants_operand = False
            elif symbol == "(":
                self.waiting.append(function or "(")
                self.operands.append(1)
                function = ""
            elif symbol == ")" or symbol == ",":
                if not self._close(is_last=symbol == ")"):
                    return None
                wants_operand = symbol == ","
            else:
                self._operator(symbol)
                wants_operand = True
        if wants_operand or function or self.operands:
            return None
        self._take_while(lambda _: True)
        # `-a` is a label.
        is_sign_alone = all(kind == "name" or token == "negate" for kind, token in self.output)
        return None if is_sign_alone and len(self.output) > 1 else tuple(self.output)

    def _take_while(self, holds: Callable[[str], bool]) -> None:
        while self.waiting and self.waiting[-1] in _PRECEDENCE and holds(self.waiting[-1]):
            self.output.append(("operator", self.waiting.pop()))

    def _operator(self, symbol: str) -> None:
        if symbol == "/" and any(name in _ROUNDING for name in self.waiting):
            symbol = "exact/"
        own = _PRECEDENCE[symbol]
        # Powers are taken from the right.
        self._take_while(lambda other: _PRECEDENCE[other] > own or (_PRECEDENCE[other] == own and symbol != "**"))
        self.waiting.append(symbol)

    def _close(self, *, is_last: bool) -> bool:
        self._take_while(lambda _: True)
        if not self.waiting:
            return False
        opened = self.waiting[-1]
        if not is_last:
            self.operands[-1] += 1
            return opened in _FUNCTIONS
        self.waiting.pop()
        count = self.operands.pop()
        if opened == "(":
            return True
        self.output.append((f"function {count}", opened))
        wanted = _FUNCTIONS[opened]
        return count == wanted if wanted else count > 1


def names_in(expression: Expression) -> tuple[str, ...]:
    """Names that an expression reads, each once."""
    return tuple(dict.fromkeys(text for kind, text in expression if kind == "name"))


def evaluate(expression: Expression, values: Mapping[str, int]) -> int | None:
    """The value for given names, `/` rounding down; None where it divides by zero or is no 64-bit dim.

    >>> evaluate(parse_expression("2*(past + 1)"), {"past": 3})
    8
    >>> evaluate(parse_expression("ceiling(height/2) + h % 4 - 2**3"), {"height": 15, "h": 7})
    3
    """
    stack: list[Fraction] = []
    try:
        for kind, text in expression:
            if kind == "number":
                stack.append(Fraction(int(text)))
            elif kind == "name":
                stack.append(Fraction(values[text]))
            elif kind == "operator":
                right = stack.pop()
                stack.append(-right if text == "negate" else _operated(text, stack.pop(), right))
            else:
                count = int(kind.removeprefix("function "))
                operands = stack[-count:]
                stack[-count:] = [_called(text, operands)]
    except (ZeroDivisionError, OverflowError):
        return None
    value = math.floor(stack.pop())
    return value if 0 <= value <= LARGEST_DIM else None


def least_solution(expression: Expression, name: str, values: Mapping[str, int], wanted: int) -> int | None:
    """The least size of 1 or more of `name` with which an expression has a value, or None.

    Sizes above `TRIED_SIZES` are found only where the expression grows with `name`.

    >>> least_solution(parse_expression("floor((n + k)/2)"), "n", {"k": 1}, wanted=4)
    7
    >>> least_solution(parse_expression("n % 4"), "n", {}, 3), least_solution(parse_expression("2*n"), "n", {}, 5)
    (3, None)
    """

    def value(size: int) -> int:
        found = evaluate(expression, {**values, name: size})
        return -1 if found is None else found

    above = next((1 << shift for shift in range(_LARGEST_SHIFT) if value(1 << shift) >= wanted), None)
    if above is not None:
        found = bisect_left(range(above + 1), wanted, lo=above // 2 + 1, hi=above, key=value)
        if value(found) == wanted:
            return found
    # A remainder, or what shrinks, comes to it and leaves it again.
    return next((size for size in range(1, TRIED_SIZES + 1) if value(size) == wanted), None)


def _operated(operator: str, left: Fraction, right: Fraction) -> Fraction:
    if operator == "**":
        if right.denominator != 1 or not 0 <= right <= _LARGEST_EXPONENT or abs(left) > LARGEST_DIM:
            raise OverflowError
        return left ** int(right)
    answers: dict[str, Callable[[], int | Fraction]] = {
        "+": lambda: left + right,
        "-": lambda: left - right,
        "*": lambda: left * right,
        "%": lambda: left % right,
        "exact/": lambda: left / right,
    }
    return Fraction(answers.get(operator, lambda: left // right)())


def _called(function: str, operands: list[Fraction]) -> Fraction:
    first = operands[0]
    if function in ("max", "min"):
        return max(operands) if function == "max" else min(operands)
    answers: dict[str, Callable[[], int | Fraction]] = {
        "floor": lambda: math.floor(first),
        "mod": lambda: first % operands[1],
        "floordiv": lambda: first // operands[1],
        "ceildiv": lambda: -(-first // operands[1]),
    }
    return Fraction(answers.get(function, lambda: math.ceil(first))())
