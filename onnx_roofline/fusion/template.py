"""Templates: the shape of a few ops, written as the expression that they compute.

    Mul(Mul(?x, Add(Erf(Div|Mul(?x, #s)), 1)), 0.5)

`A|B(...)` is an op of one of these types whose first inputs match; inputs that are not written are not looked at, and
the operands of a commutative op match in either order. `A?(x, ...)` is an op that may be absent: then x stands in its
place. `~a` may lie behind a reshape even where the pack says that reshapes part ops. `[a; b]` is the first of several
spellings that matches. `?x` is the same tensor wherever it stands, `?x=...` names one, `_` is any tensor. `#` is a
constant, `#s` a constant of one element, `#v` a constant row (a bias), a number a constant of that value.
`A:check(...)` asks a named check of the op. `$act` are op types that the pack gives, `@part` another template.
"""

import re
from collections.abc import Mapping
from functools import cached_property
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

_TOKEN = re.compile(
    r"\s*(?:(?P<number>[0-9.]+)|(?P<constant>\#[sv]?)|(?P<variable>\?\w+=?)|(?P<part>@\w+)"
    r"|(?P<types>[\w.$]+(?:\|[\w.$]+)*(?::\w+)?\??)|(?P<sign>[()\[\],;~]))"
)
_ANY_TYPES = "_"


class Template(Struct, frozen=True, dict=True):
    """One place of a template and what stands above it.

    `op`: an op of `types` with `args`; `choice`: one of `args`; `same`: the tensor named `name`, which `args`, if any,
    match; `constant`: of the form `name` ("", "s", "v") or of `value`; `any`: any tensor.
    """

    kind: Literal["op", "choice", "same", "constant", "any"]
    types: frozenset[str] = frozenset()
    args: tuple["Template", ...] = ()
    optional: bool = False
    check: str = ""
    name: str = ""
    value: float | None = None
    across: bool = False

    def first_types(self) -> frozenset[str]:
        """Types of the ops that a match can end with."""
        if self.kind == "op":
            return self.types | (self.args[0].first_types() if self.optional else frozenset())
        return frozenset().union(*(arg.first_types() for arg in self.args))

    @cached_property
    def last_types(self) -> frozenset[str] | None:
        """Types of the op that makes a tensor which it matches; None where any op, or none, may make it."""
        if self.kind in ("any", "constant") or (self.kind == "same" and not self.args):
            return None
        if self.kind == "op" and not self.optional:
            return self.types
        found = [arg.last_types for arg in (self.args if self.kind != "op" else self.args[:1])]
        types = [one for one in found if one is not None]
        own = self.types if self.kind == "op" else frozenset[str]()
        return own.union(*types) if len(types) == len(found) else None

    def needed_types(self) -> tuple[frozenset[str], ...]:
        """Sets of op types: a graph that lacks one of each set has no match.

        >>> [sorted(types) for types in parse_template("Relu?(Add(MatMul|Gemm(_), Exp?(_)))").needed_types()]
        [['Add'], ['Gemm', 'MatMul']]
        """
        if self.kind == "op" and not self.optional:
            return (self.types, *(needed for arg in self.args for needed in arg.needed_types()))
        if self.kind == "op":
            return self.args[0].needed_types()
        if self.kind == "same":
            return tuple(needed for arg in self.args for needed in arg.needed_types())
        if self.kind == "choice" and all(arg.kind == "op" for arg in self.args):
            return (self.first_types(),)
        return ()

    def checks(self) -> frozenset[str]:
        """Names of the checks that it asks for."""
        own = frozenset({self.check} if self.check else ())
        return own.union(*(arg.checks() for arg in self.args))


class TemplateError(ValueError):
    """A template that is not written as templates are; the message says where."""


def parse_template(
    text: str, parts: Mapping[str, Template] | None = None, types: Mapping[str, tuple[str, ...]] | None = None
) -> Template:
    """The template of a text. Raises TemplateError.

    >>> sorted(parse_template("Relu|Clip?(Conv(_))").first_types())
    ['Clip', 'Conv', 'Relu']
    """
    tokens: list[tuple[str, str]] = []
    position, end = 0, len(text.rstrip())
    while position < end:
        found = _TOKEN.match(text, position)
        if found is None:
            raise TemplateError(f"found {text[position : position + 10]!r} at character {position} of {text!r}")
        tokens.append((found.lastgroup or "", found.group().strip()))
        position = found.end()
    reader = _Reader(text, tokens, parts or {}, types or {})
    template = reader.template()
    if reader.tokens:
        raise TemplateError(f"found {reader.tokens[0][1]!r} after the end of {text!r}")
    return template


class _Reader:
    """The tokens that are left; recursion is as deep as a template is nested, which its author decides."""

    def __init__(
        self,
        text: str,
        tokens: list[tuple[str, str]],
        parts: Mapping[str, Template],
        types: Mapping[str, tuple[str, ...]],
    ) -> None:
        self.text, self.tokens, self.parts, self.types = text, tokens, parts, types

    def template(self) -> Template:
        kind, token = self._next()
        if kind == "sign" and token == "[":
            return Template("choice", args=self._list("]", ";"))
        if kind == "sign" and token == "~":
            return replace(self.template(), across=True)
        if kind == "number":
            return Template("constant", value=float(token))
        if kind == "constant":
            return Template("constant", name=token[1:])
        if kind == "part":
            if token[1:] not in self.parts:
                raise TemplateError(f"found no part {token} (in {self.text!r})")
            return self.parts[token[1:]]
        if kind == "variable":
            name = token.strip("?=")
            return Template("same", name=name, args=(self.template(),) if token.endswith("=") else ())
        if kind == "types":
            return self._op(token)
        raise TemplateError(f"found {token!r}, wanted a template (in {self.text!r})")

    def _op(self, token: str) -> Template:
        if token == _ANY_TYPES:
            return Template("any")
        names, _, check = token.removesuffix("?").partition(":")
        types: list[str] = []
        for name in names.split("|"):
            if name.startswith("$") and name[1:] not in self.types:
                raise TemplateError(f"found no list of op types for {name} (in {self.text!r})")
            types += self.types[name[1:]] if name.startswith("$") else (name,)
        optional = token.endswith("?")
        args: tuple[Template, ...] = ()
        if self.tokens and self.tokens[0][1] == "(":
            self._next()
            args = self._list(")", ",")
        if optional and not args:
            raise TemplateError(f"found {token!r} without what stands in its place (in {self.text!r})")
        return Template("op", frozenset(types), args, optional, check)

    def _list(self, end: str, separator: str) -> tuple[Template, ...]:
        items = [self.template()]
        while True:
            _, token = self._next()
            if token == end:
                return tuple(items)
            if token != separator:
                raise TemplateError(f"found {token!r}, wanted {separator!r} or {end!r} (in {self.text!r})")
            items.append(self.template())

    def _next(self) -> tuple[str, str]:
        if not self.tokens:
            raise TemplateError(f"found the end of {self.text!r}, wanted more")
        return self.tokens.pop(0)


def without_optional(template: Template, op_type: str) -> Template:
    """The template in which optional ops of one type are never there."""
    if template.kind == "op" and template.optional and template.types == {op_type}:
        return without_optional(template.args[0], op_type)
    return replace(template, args=tuple(without_optional(arg, op_type) for arg in template.args))
