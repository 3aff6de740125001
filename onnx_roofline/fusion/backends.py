"""Backends: what a compiler or runtime fuses, as data. Reads and validates fusion packs."""

import os
from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Literal, get_args

from msgspec import Struct, field

from onnx_roofline.base.errors import ProfileError
from onnx_roofline.base.strict_yaml import parse, read
from onnx_roofline.base.terms import MATH_MODES, MathMode
from onnx_roofline.base.text import did_you_mean, shown
from onnx_roofline.base.yaml_nodes import Node
from onnx_roofline.fusion.kinds import KINDS
from onnx_roofline.fusion.match import CHECKS
from onnx_roofline.fusion.patterns import PARTS, PATTERNS
from onnx_roofline.fusion.quantized import Reach
from onnx_roofline.fusion.template import Template, TemplateError, parse_template, without_optional
from onnx_roofline.ir.records import KernelRole

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

DEFAULT_BACKEND = "compiler"

_SCHEMA = 1
_KEYS = (
    "schema", "name", "about", "source", "patterns", "general_rule", "kinds", "max_group", "reshapes", "residual_add",
    "concat_materialises", "absorb_transposes", "appends_in_place", "folds_quantized", "weight_only", "math",
    "edge_layouts",
)  # fmt: skip
_PATTERN_KEYS = ("name", "types", "match", "keeps_inner", "role")
_ROLES: tuple[KernelRole, ...] = get_args(KernelRole)
_REACHES: tuple[Reach, ...] = get_args(Reach)
# Ops of a kernel, where a pack does not say. Source: TVM's relax.FuseOps.max_depth.
_MAX_GROUP = 256


class Pattern(Struct, frozen=True):
    """A pattern that a backend fuses, its templates read; the rest as in `NamedPattern`.

    Without a `role` the kernel's is what its members do.
    """

    name: str
    templates: tuple[Template, ...]
    keeps_inner: bool = False
    role: KernelRole | None = None
    procedure: Literal["none", "slices", "no_ops"] = "none"
    one_op: str = ""


class Backend(Struct, frozen=True):
    """What a backend fuses.

    `patterns` are tried in order. `general_rule` is "tvm" where unseen chains fuse too. `kinds` are kinds by op type
    that go before those that the ops' work gives. `through_reshapes` says that a reshape between two ops of a pattern
    does not part them, `residual_add` that a contraction takes the addition of another activation,
    `appends_in_place` that past and present of a cache share a buffer. `folds_quantized` is how far Q and DQ ops fold,
    `weight_only` the op types that restore single stored operands as they read them (None: all that multiply). `math`
    is in what it runs float32 products, `edge_layouts` says that kernels of their own bring images to the layout of its
    convolutions and back.
    """

    slug: str
    name: str
    patterns: tuple[Pattern, ...] = field(default=())
    general_rule: Literal["off", "tvm"] = "off"
    kinds: Mapping[str, str] = field(default_factory=dict)
    max_group: int = _MAX_GROUP
    through_reshapes: bool = True
    residual_add: bool = True
    appends_in_place: bool = False
    math: MathMode = "fp32"
    edge_layouts: bool = False
    folds_quantized: Reach = "through"
    weight_only: tuple[str, ...] | None = None
    about: str = ""
    source: str = ""

    def __str__(self) -> str:
        return self.slug


def shipped_backends() -> tuple[tuple[str, str, str], ...]:
    """Slug, name and one sentence of every shipped backend, by slug.

    >>> [slug for slug, _, _ in shipped_backends()]
    ['compiler', 'none', 'ort']
    """
    backends = (load_backend(slug) for slug in sorted(_shipped()))
    return tuple((backend.slug, backend.name, backend.about) for backend in backends)


def load_backend(name_or_path: str | os.PathLike[str] = DEFAULT_BACKEND) -> Backend:
    """The backend of a shipped pack (by slug) or of a YAML file (by path). Raises ProfileError with all problems.

    >>> load_backend("none").patterns
    ()
    """
    text = os.fspath(name_or_path)
    if isinstance(name_or_path, str) and text in _shipped():
        return _shipped_backend(text)
    return _backend(*_root(name_or_path))


@cache
def _shipped_backend(slug: str) -> Backend:
    return _backend(slug, parse(_shipped()[slug].read_bytes(), f"{slug}.yaml"))


def _backend(slug: str, root: Node) -> Backend:
    entries = root.mapping(_KEYS, ("schema", "name", "about", "source", "patterns", "general_rule"))
    schema = entries["schema"].integer() if "schema" in entries else None
    if schema not in (None, _SCHEMA):
        entries["schema"].report(f"found {schema}, wanted {_SCHEMA}; this version reads no other form of pack")
    absorbs = _switch(entries.get("absorb_transposes"), default=True)
    patterns = _patterns(entries.get("patterns"), absorbs)
    kinds = _kinds(entries.get("kinds"))
    if _switch(entries.get("concat_materialises"), default=False):
        kinds["Concat"] = "opaque"
    texts = {key: _text(entries.get(key)) for key in ("name", "about", "source")}
    rule = _text(entries.get("general_rule"), ("off", "tvm"))
    reshapes = _text(entries.get("reshapes"), ("through", "block")) or "through"
    max_group = entries["max_group"].integer(minimum=1) if "max_group" in entries else _MAX_GROUP
    residual_add = _switch(entries.get("residual_add"), default=True)
    appends_in_place = _switch(entries.get("appends_in_place"), default=False)
    edge_layouts = _switch(entries.get("edge_layouts"), default=False)
    math = _text(entries.get("math"), MATH_MODES)
    reach = _text(entries.get("folds_quantized"), _REACHES)
    weight_only = (
        tuple(text for item in entries["weight_only"].sequence() if (text := item.text()))
        if ("weight_only" in entries)
        else None
    )
    root.problems.raise_if_any()
    assert texts["name"] is not None, "a pack without a problem has a name"
    return Backend(
        slug=slug,
        name=texts["name"],
        patterns=patterns,
        general_rule="tvm" if rule == "tvm" else "off",
        kinds=kinds,
        max_group=max_group or _MAX_GROUP,
        through_reshapes=reshapes == "through",
        residual_add=residual_add,
        appends_in_place=appends_in_place,
        edge_layouts=edge_layouts,
        math=next((one for one in MATH_MODES if one == math), "fp32"),
        folds_quantized=next((one for one in _REACHES if one == reach), "through"),
        weight_only=weight_only,
        about=texts["about"] or "",
        source=texts["source"] or "",
    )


def _patterns(node: Node | None, absorbs_transposes: bool) -> tuple[Pattern, ...]:
    found: list[Pattern] = []
    for item in () if node is None else node.sequence():
        entries: Mapping[str, Node] = {}
        if item.kind == "mapping":
            entries = item.mapping(_PATTERN_KEYS, ("name",))
            name = _text(entries.get("name"))
        else:
            name = item.text()
        if name is None:
            continue
        if any(pattern.name == name for pattern in found):
            item.report(f"found the pattern {shown(name)} again; keep one of the two")
            continue
        pattern = _pattern(item, name, entries, absorbs_transposes)
        if pattern is not None:
            found.append(pattern)
    return tuple(found)


def _pattern(item: Node, name: str, entries: Mapping[str, Node], absorbs_transposes: bool) -> Pattern | None:
    """A pattern of the library with the pack's op types, or one that the pack writes itself."""
    known = PATTERNS.get(name)
    if known is None and "match" not in entries:
        item.report(f"found the unknown pattern {shown(name)}{did_you_mean(name, PATTERNS)}; or give it a match")
        return None
    types = dict(known.types) if known is not None and "match" not in entries else {}
    given = entries["types"].mapping(None if "match" in entries else types) if "types" in entries else {}
    types |= {key: tuple(text for item in node.sequence() if (text := item.text())) for key, node in given.items()}
    texts: list[tuple[Node, str]] = [(item, text) for text in known.templates] if known is not None else []
    if "match" in entries:
        texts = [(part, text) for part in entries["match"].sequence() if (text := part.text())]
    templates = []
    for part, text in texts:
        try:
            template = parse_template(text, PARTS, types)
        except TemplateError as error:
            part.report(str(error))
            continue
        unknown = sorted(template.checks() - set(CHECKS))
        if unknown:
            part.report(f"found the unknown check {shown(unknown[0])}{did_you_mean(unknown[0], CHECKS)}")
        templates.append(template if absorbs_transposes else without_optional(template, "Transpose"))
    keeps_inner = _switch(entries.get("keeps_inner"), default=known is not None and known.keeps_inner)
    stated = _text(entries.get("role"), _ROLES)
    role = next((one for one in _ROLES if one == stated), known.role if known is not None else None)
    procedure = known.procedure if known is not None and "match" not in entries else "none"
    one_op = known.one_op if known is not None and "match" not in entries else ""
    return Pattern(name, tuple(templates), keeps_inner, role, procedure, one_op)


def _kinds(node: Node | None) -> dict[str, str]:
    """Kind by op type, from the lists of op types by kind."""
    kinds: dict[str, str] = {}
    for kind, types in ({} if node is None else node.mapping(KINDS)).items():
        for item in types.sequence():
            op_type = item.text()
            if op_type in kinds:
                item.report(f"found {op_type} again (it is {kinds[op_type]} already); keep one of the two")
            elif op_type is not None:
                kinds[op_type] = kind
    return kinds


def _switch(node: Node | None, *, default: bool) -> bool:
    value = None if node is None else node.boolean()
    return default if value is None else value


def _text(node: Node | None, choices: tuple[str, ...] = ()) -> str | None:
    return None if node is None else node.text(choices)


def _root(name_or_path: str | os.PathLike[str]) -> tuple[str, Node]:
    """Slug and root node of a file. Raises ProfileError for what can't be read."""
    text = os.fspath(name_or_path)
    if not isinstance(name_or_path, str) or "/" in text or os.sep in text or text.endswith((".yaml", ".yml")):
        stem = os.path.splitext(os.path.basename(text))[0]
        return "".join(c if c.isascii() and (c.isalnum() or c in "._-") else "-" for c in stem), read(text)
    shipped = _shipped()
    known = ", ".join(sorted(shipped))
    guess = did_you_mean(text, shipped, listed=False)
    raise ProfileError(f"found no shipped backend {shown(text)}{guess} (shipped: {known}; a file's path ends in .yaml)")


@cache
def _shipped() -> "dict[str, Traversable]":
    from importlib.resources import files  # costs 10 ms, which `--help` need not pay

    entries = files("onnx_roofline.fusion.packs").iterdir()
    return {entry.name.removesuffix(".yaml"): entry for entry in entries if entry.name.endswith(".yaml")}
