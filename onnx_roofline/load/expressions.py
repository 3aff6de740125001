"""Arithmetic in dim names, such as `past + sequence` or `(height//32)*32`: parsed here, never run as code."""

import re
from collections.abc import Mapping

# Longer names are labels: real expressions are short.
LONGEST_EXPRESSION = 200
# Dims are 64-bit in the format.
LARGEST_DIM = 2**63 - 1

_TOKEN = re.compile(r"\s*(?:([0-9]{1,18})|([^\W\d][\w.]*)|(//|[-+*/()]))")
_PRECEDENCE = {"+": 1, "-": 1, "*": 2, "/": 2, "//": 2}

# Reverse Polish notation: numbers, names and operators.
Expression = tuple[tuple[str, str], ...]


def parse_expression(text: str) -> Expression | None:
    """The expression in reverse Polish notation, or None where the text is a plain name or anything else.

    >>> parse_expression("past + 1")
    (('name', 'past'), ('number', '1'), ('operator', '+'))
    >>> parse_expression("batch"), parse_expression("__import__('os')"), parse_expression("2**9")
    (None, None, None)
    """
    if len(text) > LONGEST_EXPRESSION or not any(operator in text for operator in "+-*/"):
        return None
    output: list[tuple[str, str]] = []
    waiting: list[str] = []
    wants_operand = True
    position, text = 0, text.rstrip()
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            return None
        position = match.end()
        number, name, symbol = match.groups()
        if (symbol is None or symbol == "(") != wants_operand:
            return None
        if symbol is None:
            output.append(("number", number) if number else ("name", name))
            wants_operand = False
        elif symbol == "(":
            waiting.append(symbol)
        elif symbol == ")":
            while waiting and waiting[-1] != "(":
                output.append(("operator", waiting.pop()))
            if not waiting:
                return None
            waiting.pop()
        else:
            while waiting and _PRECEDENCE.get(waiting[-1], 0) >= _PRECEDENCE[symbol]:
                output.append(("operator", waiting.pop()))
            waiting.append(symbol)
            wants_operand = True
    if wants_operand or "(" in waiting:
        return None
    output.extend(("operator", operator) for operator in reversed(waiting))
    return tuple(output)


def names_in(expression: Expression) -> tuple[str, ...]:
    """Names that an expression reads, each once."""
    return tuple(dict.fromkeys(text for kind, text in expression if kind == "name"))


def evaluate(expression: Expression, values: Mapping[str, int]) -> int | None:
    """The value for given names, `/` rounding down; None where it divides by zero or is no 64-bit dim.

    >>> evaluate(parse_expression("2*(past + 1)"), {"past": 3})
    8
    """
    stack: list[int] = []
    for kind, text in expression:
        if kind == "number":
            stack.append(int(text))
        elif kind == "name":
            stack.append(values[text])
        else:
            right, left = stack.pop(), stack.pop()
            if text == "+":
                stack.append(left + right)
            elif text == "-":
                stack.append(left - right)
            elif text == "*":
                stack.append(left * right)
            elif right:
                stack.append(left // right)
            else:
                return None
    value = stack.pop()
    return value if 0 <= value <= LARGEST_DIM else None
