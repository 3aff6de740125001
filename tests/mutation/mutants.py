"""Small changes of Python source that a good test notices: swapped operators, constants off by one, negated conditions.

A mutant is a replacement of one span of the text, so that nothing else of the file changes. Annotations, docstrings,
decorators, the `strict` of zip, f-strings (whose parts have no places before Python 3.12), assertions, messages of
raised errors and imports are left alone: what a change of them does is no figure.

Source: the operators of Just, Ernst, Fraser (ISSTA 2014) that mutmut and cosmic-ray share, and swapped arguments.
"""

import ast
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass

_COMPARES: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In,
}  # fmt: skip
_ARITHMETIC: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Add, ast.Div: ast.Mult, ast.FloorDiv: ast.Mult,
    ast.Mod: ast.FloorDiv, ast.Pow: ast.Mult, ast.LShift: ast.RShift, ast.RShift: ast.LShift, ast.BitOr: ast.BitAnd,
    ast.BitAnd: ast.BitOr,
}  # fmt: skip
_EQUALITIES = (ast.Eq, ast.NotEq, ast.Is, ast.IsNot, ast.In, ast.NotIn)
_OPPOSITES = {"min": "max", "max": "min", "any": "all", "all": "any", "dmin": "dmax", "dmax": "dmin"}


@dataclass(frozen=True, slots=True)
class Mutant:
    """`replacement` for the text from `start` to `end`; `line` and `what` say where and what for a reader."""

    start: int
    end: int
    replacement: str
    line: int
    what: str

    def apply(self, text: str) -> str:
        """The whole source with this change.

        >>> (mutant,) = mutants_of("x = a < b")
        >>> mutant.apply("x = a < b"), mutant.what
        ('x = (a <= b)', 'a < b -> a <= b')
        """
        return text[: self.start] + self.replacement + text[self.end :]


def mutants_of(text: str) -> tuple[Mutant, ...]:
    """Every mutant of a source text, in the order of the text.

    >>> [mutant.what for mutant in mutants_of("y = min(n - 1, 5) if not done else f(a, b)")]
    ... # doctest: +NORMALIZE_WHITESPACE
    ['min(n - 1, 5) -> max(n - 1, 5)', 'n - 1 -> n + 1', '1 -> 2', '1 -> 0', '5 -> 6', '5 -> 4', 'not done -> done',
     'f(a, b) -> f(b, a)']
    """
    starts = [0]
    for line in text.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    lines = text.splitlines()

    def offset(line: int, byte: int) -> int:
        """ast counts columns in bytes of UTF-8."""
        return starts[line - 1] + len(lines[line - 1].encode()[:byte].decode())

    found: dict[tuple[int, int, str], Mutant] = {}
    for node, changed in _changes(ast.parse(text)):
        start, end = offset(node.lineno, node.col_offset), offset(node.end_lineno or 0, node.end_col_offset or 0)
        before, after = ast.unparse(node), ast.unparse(changed)
        mutant = Mutant(start, end, f"({after})", node.lineno, f"{before} -> {after}")
        found.setdefault((start, end, after), mutant)
    return tuple(sorted(found.values(), key=lambda mutant: mutant.start))


def _changes(tree: ast.AST) -> Iterator[tuple[ast.expr, ast.expr]]:
    """An expression and what stands in its place, for each mutant."""
    pending = [tree]
    while pending:
        node = pending.pop()
        if isinstance(node, (ast.JoinedStr, ast.Assert, ast.Raise, ast.Import, ast.ImportFrom)):
            continue
        conditions = node.ifs if isinstance(node, ast.comprehension) else []
        if isinstance(node, (ast.If, ast.IfExp, ast.While)):
            conditions = [node.test]
        # A "not" is removed and an "==" is turned round as expressions.
        yield from ((test, ast.UnaryOp(ast.Not(), test)) for test in conditions if not _has_opposite(test))
        if isinstance(node, ast.expr):
            yield from ((node, changed) for changed in _expressions(node))
        left_out = [getattr(node, name, None) for name in ("annotation", "returns")]
        left_out += getattr(node, "decorator_list", [])
        left_out += [keyword for keyword in getattr(node, "keywords", []) if keyword.arg == "strict"]
        pending += [child for child in ast.iter_child_nodes(node) if child not in left_out]


def _has_opposite(test: ast.expr) -> bool:
    is_equality = isinstance(test, ast.Compare) and isinstance(test.ops[0], _EQUALITIES) and len(test.ops) == 1
    return is_equality or (isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not))


def _expressions(node: ast.expr) -> Iterator[ast.expr]:
    """What may stand in the place of one expression."""
    if isinstance(node, ast.Compare):
        for position, operator in enumerate(node.ops):
            changed = deepcopy(node)
            changed.ops[position] = _COMPARES[type(operator)]()
            yield changed
    elif isinstance(node, ast.BinOp):
        if type(node.op) in _ARITHMETIC:
            yield ast.BinOp(node.left, _ARITHMETIC[type(node.op)](), node.right)
    elif isinstance(node, ast.BoolOp):
        yield ast.BoolOp(ast.Or() if isinstance(node.op, ast.And) else ast.And(), node.values)
    elif isinstance(node, ast.UnaryOp):
        if isinstance(node.op, (ast.Not, ast.USub)):
            yield node.operand
    elif isinstance(node, ast.Constant):
        if isinstance(node.value, bool):
            yield ast.Constant(not node.value)
        elif isinstance(node.value, (int, float)):
            yield ast.Constant(node.value + 1)
            yield ast.Constant(node.value - 1)
    elif isinstance(node, ast.Call):
        yield from _calls(node)


def _calls(node: ast.Call) -> Iterator[ast.expr]:
    """The opposite function, and the call with each two arguments that follow each other swapped."""
    if isinstance(node.func, ast.Name) and node.func.id in _OPPOSITES:
        # The order of their arguments changes nothing.
        yield ast.Call(ast.Name(_OPPOSITES[node.func.id]), node.args, node.keywords)
        return
    for position, (one, other) in enumerate(zip(node.args, node.args[1:], strict=False)):
        if any(isinstance(argument, (ast.Starred, ast.GeneratorExp)) for argument in (one, other)):
            continue
        if ast.dump(one) != ast.dump(other):
            swapped = [*node.args[:position], other, one, *node.args[position + 2 :]]
            yield ast.Call(node.func, swapped, node.keywords)
