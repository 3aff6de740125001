"""The module that each op of a graph belongs to, from what exporters leave of it in metadata and in names.

PyTorch's newer exporter writes the scopes of a node as metadata, the older one and TensorFlow's as its name. Where a
node's name has none, the names of its results may, and those of its weights: `encoder.layer.0.query.weight`.
"""

import re
from collections import Counter
from collections.abc import Container, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import onnx

# Metadata of PyTorch's exporter that names the module an op belongs to.
_SCOPES_KEY = "pkg.torch.onnx.name_scopes"
# A Python list of plain strings, as the exporter writes it.
_SCOPE = re.compile(r"""'([^'\\]*)'|"([^"\\]*)\"""")
_SCOPE_LIST = re.compile(r"""\[(?:(?:'[^'\\]*'|"[^"\\]*")(?:, (?!\])|(?=\])))*\]""")
# What a module calls its parameters in PyTorch, TensorFlow and PaddlePaddle, and what quantisers make of that.
_PARAMETER = re.compile(
    r"(?:weight|bias|kernel|gamma|beta|alpha|embeddings?|in_proj_(?:weight|bias)|(?:weight|bias)_[a-z]{2}_l\d\w*"
    r"|(?:running|moving)_(?:mean|var|variance)|(?:depthwise|pointwise|recurrent)_kernel|[wb]_\d+)"
    r"(?:_(?:quantized|scale|zero_point))*(?::\d+)?",
    re.ASCII,
)
# What onnxruntime puts behind the name of an op, and before that of a weight, that it has fused.
_FUSED, _FOLDED = re.compile(r"(?:/\w+Fusion)+/?$"), re.compile(r"^(?:\w+?Fusion_(?:BN_B|Add_B|Mul_[BW]|W|B)_)+")
# What TensorFlow reads a layer's variables with: scopes inside an op of the layer.
_INSIDE_AN_OP = ("ReadVariableOp", "resource")
# Characters of a name that are looked at; a name may be megabytes long.
_LONGEST_NAME = 2000


def module_path(node: "onnx.NodeProto") -> str:
    """`encoder/layer.0/attention`, as the node's metadata, its name or that of its result say it; "" if none does."""
    return _named_module(node) or ""


def modules_of_weights(
    nodes: "Sequence[onnx.NodeProto]", modules: Sequence[str], made: Container[str]
) -> dict[int, str]:
    """By index the modules of nodes of which only the weights' names say one.

    `modules` are those of all nodes so far, `made` the tensors that nodes make. The weights of a layer may be named
    without the model around it, which its other ops name.
    """
    found: dict[int, str] = {}
    by_last: dict[str, set[str]] = {}
    for index, node in enumerate(nodes):
        if modules[index] or _named_module(node) is not None:
            continue
        scope = next(filter(None, (_module_of_weight(name) for name in node.input if name not in made)), "")
        if not scope:
            continue
        if not by_last:
            for module in modules:
                by_last.setdefault(module.rpartition("/")[2], set()).add(module)
        around = [one for one in by_last.get(scope.rpartition("/")[2], ()) if f"/{one}".endswith(f"/{scope}")]
        found[index] = around[0] if len(around) == 1 else scope
    return found


def _named_module(node: "onnx.NodeProto") -> str | None:
    """The module that a node's metadata, its name or its results name; None where they have no scope."""
    for entry in node.metadata_props:
        if entry.key == _SCOPES_KEY:
            return _module_of_scopes(entry.value)
    for name in (node.name, *node.output[:1]):
        cut = _FUSED.sub("", name[:_LONGEST_NAME])
        if "/" in cut:
            return _module_of_pieces(cut) if ";" in cut else _module_of_name(cut.rpartition("/")[0])
    return None


def _module_of_pieces(name: str) -> str:
    """The layer that most of the ops are of which a converter made one, as TensorFlow Lite names them.

    >>> _module_of_pieces("m/re_lu/Relu;m/conv/BiasAdd;m/conv/Conv2D;m/conv/BiasAdd/ReadVariableOp")
    'm/conv'
    """
    layers = Counter[str]()
    for piece in name.split(";"):
        parts = piece.split("/")
        while parts and parts[-1].rstrip("0123456789") in _INSIDE_AN_OP:
            parts.pop()
        layers["/".join(part for part in parts[:-1] if part)] += 1
    return max(layers, key=lambda layer: layers[layer])


def _module_of_weight(name: str) -> str:
    """`encoder.layer.0.query.weight` -> `encoder/layer.0/query`; "" for a name of another form.

    >>> _module_of_weight("encoder.layer.0.query.weight"), _module_of_weight("conv2d/kernel:0")
    ('encoder/layer.0/query', 'conv2d')
    >>> _module_of_weight("ConvBnFusion_W_conv2d_3.w_0"), _module_of_weight("p2o.helper.constant.3")
    ('conv2d_3', '')
    """
    parts = [part for part in re.split(r"[./]", _FOLDED.sub("", name[:_LONGEST_NAME])) if part]
    if len(parts) < 2 or not _PARAMETER.fullmatch(parts[-1]):
        return ""
    path: list[str] = []
    for part in parts[:-1]:
        # The place in a list of modules belongs to the name of the list.
        if part.isdecimal() and path:
            path[-1] += f".{part}"
        else:
            path.append(part)
    return "/".join(path)


@lru_cache(maxsize=1024)
def _module_of_name(prefix: str) -> str:
    """`/encoder//layer.0` -> `encoder/layer.0`: what stands before the last slash of a name."""
    return "/".join(part for part in prefix.split("/") if part)


def _module_of_scopes(text: str) -> str:
    """`['', 'encoder', 'encoder.layer.0', 'matmul']` -> `encoder/layer.0`; "" for text of another form.

    >>> _module_of_scopes("['', 'encoder', 'encoder.layer.0', 'matmul']")
    'encoder/layer.0'
    """
    if not isinstance(text, str) or not _SCOPE_LIST.fullmatch(text):
        return ""
    scopes = [single or double for single, double in _SCOPE.findall(text)]
    parts: list[str] = []
    previous = ""
    for scope in scopes[:-1]:
        if not scope or scope == previous:
            continue
        inside = previous and scope.startswith(previous + ".")
        parts.append(scope[len(previous) + 1 :] if inside else scope)
        previous = scope
    return "/".join(parts)
