"""The page: a skeleton, a style and a script that are shipped as files, and the data of one analysis between them.

The page asks for nothing: its content security policy names the digests of its one style and its one script and allows
nothing else, so that no name in a model can load or run anything. Names reach the page as JSON and as text of elements.
"""

import base64
import hashlib
import html
import re
from collections.abc import Iterator, Sequence
from importlib import resources

from onnx_roofline import __version__
from onnx_roofline.analysis.analyze import Analysis
from onnx_roofline.report.encoding import encode
from onnx_roofline.report.header import first_line
from onnx_roofline.report.html.page_data import page_data
from onnx_roofline.what_if.sweep import Sweep

# In this order they are one script.
SCRIPTS = ("elements.js", "base.js", "selection.js", "summary.js", "roofline.js", "table.js", "modules.js", "graph.js",
           "timeline.js", "whatif.js", "start.js")  # fmt: skip


def write_page(analysis: Analysis, sweep: Sweep | None = None) -> Iterator[str]:
    """The whole file in parts; with a sweep, the page has its points under a slider."""
    data = page_data(analysis, sweep)
    title = f"{data['head']['name']} on {analysis.system.slug}"
    return filled("page.html", title, first_line(analysis), data, SCRIPTS)


def filled(skeleton: str, title: str, basis: str, data: object, scripts: Sequence[str]) -> Iterator[str]:
    """A skeleton with its texts, its data, and the policy that allows its style and its scripts alone."""
    style = _asset("page.css")
    script = "'use strict';\n(() => {\n" + "".join(map(_asset, scripts)) + "})();\n"
    policy = (
        f"default-src 'none'; style-src {_digest(style)}; script-src {_digest(script)}; base-uri 'none'; "
        "form-action 'none'"
    )
    texts = {
        "POLICY": html.escape(policy),
        "TITLE": html.escape(title),
        "BASIS": html.escape(basis),
        "VERSION": html.escape(__version__),
        "STYLE": style,
        "DATA": as_script_data(encode(data)),
        "SCRIPT": script,
    }
    # Every second part is a name; what is filled in is never looked at again, whatever it holds.
    for place, part in enumerate(re.split("@([A-Z]+)@", _asset(skeleton))):
        yield texts[part] if place % 2 else part


def as_script_data(text: str) -> str:
    r"""JSON that can't end the element that it stands in.

    >>> as_script_data('{"name":"</script><!--"}')
    '{"name":"\\u003c/script\\u003e\\u003c!--"}'
    """
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _asset(name: str) -> str:
    return resources.files("onnx_roofline.report.html.assets").joinpath(name).read_text("utf-8")


def _digest(text: str) -> str:
    """A source of the content security policy: the digest of what stands between the tags."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
