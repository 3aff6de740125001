"""The site: `make docs` builds it from the pages of this folder, strictly, and it opens from disk without a network."""

import re
from collections.abc import MutableSequence
from pathlib import Path

import msgspec
from sphinx.application import Sphinx

from onnx_roofline import __version__
from onnx_roofline.ops.cost.lookup import all_rules

DOCS = Path(__file__).resolve().parent

project = "onnx-roofline"
author = "the authors of onnx-roofline"
copyright = "the authors, Apache-2.0"  # noqa: A001  # a name that Sphinx reads
version = release = __version__

extensions = ["myst_parser", "sphinx.ext.autodoc"]
exclude_patterns = ["decisions", "gallery/*.md"]

myst_heading_anchors = 4
myst_enable_extensions = ["colon_fence"]

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
# A record shows its fields as a list, below.
autodoc_class_signature = "separated"
autodoc_default_options = {"exclude-members": "__init__, __new__"}
# Docstrings write code between single backticks, as Markdown does.
default_role = "code"
add_module_names = False
python_use_unqualified_type_names = True

html_theme = "furo"
html_title = "onnx-roofline"
html_show_copyright = False
html_show_sphinx = False
html_copy_source = False
# A page on disk can't fetch the others, whose text a summary is made of.
html_show_search_summary = False
html_static_path = ["static"]
html_css_files = ["site.css"]
html_theme_options = {"navigation_with_keys": True}

# Files beside the folder that are pages of the site.
_PAGES = {"../CHANGES.md": "changes.md", "../sample_models/README.md": "sample-models.md", "../README.md": "index.md"}


def _link(found: re.Match[str]) -> str:
    """A link out of the folder: to its page, to the file as a download, or, to a folder, its name alone."""
    text, target = found.groups()
    path, _, anchor = target.partition("#")
    if path in _PAGES:
        return f"[{text}]({_PAGES[path]}{'#' * bool(anchor)}{anchor})"
    return text if (DOCS / path).is_dir() else found[0]


def _read(app: Sphinx, page: str, source: MutableSequence[str]) -> None:
    source[0] = re.sub(r"\[([^\]]*)\]\((\.\./[^)\s]+)\)", _link, source[0])


def _write_rules(app: Sphinx) -> None:
    """The page of all rules, which would be stale at every new one if it were kept."""
    lines = [
        "# Every op rule",
        "",
        "What `onnx-roofline ops` prints; [what is counted](../conventions.md) has the letters and the reasons.",
        "",
    ]
    rules = sorted(all_rules(), key=lambda rule: (rule.domain or "ai.onnx", rule.op_type, rule.since))
    for domain in dict.fromkeys(rule.domain or "ai.onnx" for rule in rules):
        lines += [f"## {domain}", "", "| op | since | counts | source |", "|---|---|---|---|"]
        for rule in rules:
            if (rule.domain or "ai.onnx") == domain:
                cells = (f"`{rule.op_type}`", str(rule.since), rule.formula, rule.source)
                lines.append(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |")
        lines.append("")
    page = DOCS / "generated" / "rules.md"
    page.parent.mkdir(exist_ok=True)
    text = "\n".join(lines)
    if not page.exists() or page.read_text("utf-8") != text:
        page.write_text(text, "utf-8")


def _add_fields(app: Sphinx, what: str, name: str, obj: object, options: object, lines: list[str]) -> None:
    """The fields of a record, in their order."""
    if not (isinstance(obj, type) and issubclass(obj, msgspec.Struct) and obj.__struct_fields__):
        return
    types: dict[str, object] = {}
    for base in reversed(obj.__mro__):
        types |= vars(base).get("__annotations__", {})
    lines.append("")
    for field in obj.__struct_fields__:
        found = types[field]
        text = (
            found.__name__
            if isinstance(found, type) and not hasattr(found, "__args__")
            else re.sub(r"\b(?:\w+\.)+(?=\w)", "", str(found))
        )
        lines.append(f"* `{field}`: `{text}`")
    lines.append("")


def setup(app: Sphinx) -> None:
    """The hooks of this site."""
    app.connect("builder-inited", _write_rules)
    app.connect("source-read", _read)
    app.connect("autodoc-process-docstring", _add_fields)
