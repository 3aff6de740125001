"""Binds the symbolic dims of a file's inputs to numbers: what the user says, else the file, else a labelled assumption.

An assumption follows from how a dim is used (the weight of the first Conv fixes its channels), then from its name
(`sequence`), then from its place. Dim names come from the file and are only ever compared and parsed here, never run.
"""

import ast
import difflib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from onnx_roofline.errors import UsageError
from onnx_roofline.graph import Dim, Graph, GraphInput, Model, Notice, Op, TensorType
from onnx_roofline.load.build import ParsedModel

# What an unbound dim is taken to be, and its sizes: the first is the assumption, the others are tried in turn where
# the model cannot be valid with it. 224: ImageNet crops; 128: the usual sequence in published BERT figures;
# 16000: one second of speech; 576: 512 samples with 64 of context, as voice detectors take them.
SIZES: Mapping[str, tuple[int, ...]] = {
    "batch": (1,),
    "channels": (3, 1, 4),
    "image": (224, 256, 320, 640, 32, 28, 512, 48, 64),
    "sequence": (128, 16, 64, 77, 256, 512, 1),
    "past": (128, 16, 1),
    "frames": (100, 3000, 128, 76, 16, 32),
    "samples": (16000, 512, 576, 256, 1280, 48000),
    "features": (128, 64, 256, 512, 80, 40, 16),
    "unknown": (1, 128, 16, 2, 4),
}

# The class of a dim by its name; the first expression that matches wins.
_NAMES = tuple(
    (re.compile(pattern, re.IGNORECASE), kind)
    for pattern, kind in (
        (r"past|cache|kv", "past"),
        (r"batch|^(n|b|bs|bsz)$|num_?samples$|^N\d*$", "batch"),
        (r"channel|^c$", "channels"),
        (r"height|width|^(h|w)$|image|pixel|res", "image"),
        (r"frame|^t$|time|mel", "frames"),
        (r"audio|sample|wav|signal", "samples"),
        (r"seq|len|token|text|word|char|max|prompt|context", "sequence"),
        (r"feat|hidden|dim|embed", "features"),
    )
)
# Ops that keep the axes of their first input, so that what comes behind them tells about the input too.
_TRANSPARENT = frozenset(
    {"Cast", "Identity", "Sub", "Add", "Mul", "Div", "Relu", "Clip", "Pad", "Dropout", "BatchNormalization", "Neg",
     "Sqrt", "Log", "Abs", "Pow", "InstanceNormalization", "Tanh", "Sigmoid", "LeakyRelu", "QuantizeLinear",
     "DequantizeLinear"}
)  # fmt: skip
# Ops looked at while following an input; real files tell within a few.
_FOLLOWED_OPS = 64


@dataclass(frozen=True, slots=True)
class DimOptions:
    """What the user says: `dims` by symbol name or `input.axis`, `input_shapes` by input name."""

    dims: Mapping[str, int]
    input_shapes: Mapping[str, tuple[int, ...]]


@dataclass(frozen=True, slots=True)
class _Use:
    """What the graph tells of one axis of an input: a class, and a size where a weight fixes it."""

    kind: str
    size: int | None
    reason: str


def parse_dim(text: str) -> tuple[str, int]:
    """`batch=8` -> ("batch", 8).

    Raises UsageError for another form or a negative size.

    >>> parse_dim("batch=8")
    ('batch', 8)
    """
    name, found, value = text.rpartition("=")
    if not found or not name or not re.fullmatch(r"[0-9]{1,18}", value):
        raise UsageError(f"--dim {text}: wanted NAME=SIZE with a whole number, such as --dim batch=8")
    return name, int(value)


def parse_input_shape(text: str) -> tuple[str, tuple[int, ...]]:
    """`images=1x3x224x224` -> ("images", (1, 3, 224, 224)); `NAME=` alone is a scalar.

    Raises UsageError for another form.

    >>> parse_input_shape("images=1x3x224x224")
    ('images', (1, 3, 224, 224))
    """
    name, found, value = text.rpartition("=")
    if not found or not name or not re.fullmatch(r"([0-9]{1,18}([x,][0-9]{1,18})*)?", value):
        raise UsageError(f"--input-shape {text}: wanted NAME=1x3x224x224 (sizes joined by x)")
    return name, tuple(int(size) for size in re.split("[x,]", value) if size)


def bind(parsed: ParsedModel, options: DimOptions, alternative: Mapping[str, int] | None = None) -> Model:
    """The model with every input dim a number.

    `alternative` maps classes of SIZES to the position to take, where the first assumption did not hold.
    Raises UsageError where an option names no dim or input, or contradicts the file or another option.
    """
    symbols = _symbols_of(parsed.graph)
    _refuse_unknown_names(parsed, options, symbols)
    values = _stated(parsed, options)
    notices: list[Notice] = []
    uses = _InputUses(parsed.graph)
    inputs: list[GraphInput] = []
    dims: dict[str, Dim] = {name: Dim(value, "bound") for name, value in values.items()}
    for graph_input in parsed.graph.inputs:
        if graph_input.type.container != "tensor":
            inputs.append(graph_input)
            continue
        declared = graph_input.symbols
        if declared is None:
            given = options.input_shapes.get(graph_input.name)
            declared = given if given is not None else (None,) * uses.rank(graph_input)
            if given is None:
                notices.append(
                    Notice("assumed-rank", graph_input.name, f"the file gives no rank; {len(declared)} is assumed")
                )
        shape = []
        for axis, symbol in enumerate(declared):
            if isinstance(symbol, int):
                shape.append(symbol)
                continue
            key = symbol if symbol is not None else f"{graph_input.name}.{axis}"
            if key not in dims:
                dims[key] = _derived(key, dims) or _assume(
                    key, graph_input, axis, len(declared), uses, alternative or {}
                )
            shape.append(dims[key].value)
        inputs.append(replace(graph_input, type=TensorType(graph_input.type.dtype, tuple(shape))))
    _rederive(dims, parsed.graph, inputs)
    graph = replace(parsed.graph, inputs=tuple(inputs))
    return Model(parsed.info, graph, parsed.functions, dims, parsed.notices + tuple(notices))


def alternatives(model: Model) -> Iterator[Mapping[str, int]]:
    """Further assumptions to try for a model whose first ones contradict it: one class changed, then two.

    Only classes that the model's assumptions used are varied.
    """
    used = [kind for kind in SIZES if any(dim.reason.startswith(kind + ":") for dim in model.dims.values())]
    for kind in used:
        for position in range(1, len(SIZES[kind])):
            yield {kind: position}
    for first, second in ((a, b) for i, a in enumerate(used) for b in used[i + 1 :]):
        for position in range(1, min(4, len(SIZES[first]))):
            for other in range(1, min(4, len(SIZES[second]))):
                yield {first: position, second: other}


def _symbols_of(graph: Graph) -> dict[str, None]:
    """Every name that `--dim` takes, in file order."""
    names: dict[str, None] = {}
    for graph_input in graph.inputs:
        for axis, symbol in enumerate(graph_input.symbols or ()):
            if isinstance(symbol, int):
                continue
            if symbol is None:
                names[f"{graph_input.name}.{axis}"] = None
                continue
            names[symbol] = None
            names.update((name, None) for name in _names_in(symbol))
    return names


def _refuse_unknown_names(parsed: ParsedModel, options: DimOptions, symbols: Mapping[str, None]) -> None:
    for name in options.dims:
        if name not in symbols:
            raise UsageError(f"{parsed.path}: --dim {name}: found no dim of that name; {_choices(name, symbols)}")
    names = {graph_input.name: None for graph_input in parsed.graph.inputs}
    for name in options.input_shapes:
        if name not in names:
            raise UsageError(f"{parsed.path}: --input-shape {name}: found no such input; {_choices(name, names)}")


def _choices(name: str, known: Mapping[str, None]) -> str:
    if not known:
        return "every dim of this file is a number"
    close = difflib.get_close_matches(name, known, n=1)
    hint = f"did you mean {close[0]!r}? " if close else ""
    shown = ", ".join(list(known)[:12])
    return f"{hint}the file has {shown}" + (" ..." if len(known) > 12 else "")


def _stated(parsed: ParsedModel, options: DimOptions) -> dict[str, int]:
    """Dims that the user fixes, by symbol name or `input.axis`."""
    values = dict(options.dims)
    for graph_input in parsed.graph.inputs:
        shape = options.input_shapes.get(graph_input.name)
        if shape is None or graph_input.symbols is None:
            continue
        where = f"{parsed.path}: --input-shape {graph_input.name}"
        if len(shape) != len(graph_input.symbols):
            raise UsageError(f"{where}: found {len(shape)} dims, wanted {len(graph_input.symbols)}")
        for axis, (size, symbol) in enumerate(zip(shape, graph_input.symbols, strict=True)):
            if isinstance(symbol, int):
                if symbol != size:
                    raise UsageError(f"{where}: dim {axis}: found {size}, the file fixes it to {symbol}")
                continue
            key = symbol if symbol is not None else f"{graph_input.name}.{axis}"
            if values.setdefault(key, size) != size:
                raise UsageError(f"{where}: dim {key!r}: found {size}, another option says {values[key]}")
    return values


_OPERATORS = (ast.Add, ast.Sub, ast.Mult, ast.FloorDiv)


def _expression(text: str) -> ast.expr | None:
    """The parsed expression, where a symbol is arithmetic on names such as `past + sequence`; else None."""
    if len(text) > 200 or not re.search(r"[+\-*/]", text):
        return None
    try:
        body = ast.parse(text, mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    pending: list[ast.expr] = [body]
    while pending:
        node = pending.pop()
        if isinstance(node, ast.BinOp) and isinstance(node.op, _OPERATORS):
            pending += (node.left, node.right)
        elif not isinstance(node, ast.Name) and not (isinstance(node, ast.Constant) and type(node.value) is int):
            return None
    return body


def _names_in(symbol: str) -> list[str]:
    body = _expression(symbol)
    return [] if body is None else [node.id for node in ast.walk(body) if isinstance(node, ast.Name)]


def _derived(key: str, dims: Mapping[str, Dim]) -> Dim | None:
    """The value of an expression whose names are all bound."""
    body = _expression(key)
    if body is None or not all(name in dims for name in _names_in(key)):
        return None
    value = _evaluate(body, dims)
    if value is None or value < 0:
        return None
    origins = {dims[name].origin for name in _names_in(key)} or {"model"}
    return Dim(value, "assumed" if "assumed" in origins else "bound", f"computed: {key}")


def _evaluate(node: ast.expr, dims: Mapping[str, Dim]) -> int | None:
    """Value of a checked expression; its depth is bounded by the 200 characters of a name."""
    if isinstance(node, ast.Constant):
        return int(node.value) if isinstance(node.value, int) else None
    if isinstance(node, ast.Name):
        return dims[node.id].value
    assert isinstance(node, ast.BinOp)
    left, right = _evaluate(node.left, dims), _evaluate(node.right, dims)
    if left is None or right is None:
        return None
    if isinstance(node.op, ast.Add):
        return left + right
    if isinstance(node.op, ast.Sub):
        return left - right
    if isinstance(node.op, ast.Mult):
        return left * right
    return left // right if right else None


def _rederive(dims: dict[str, Dim], graph: Graph, inputs: list[GraphInput]) -> None:
    """Dims that are computed from others which were bound later, and totals of past and new tokens."""
    sequence = next((d for d in dims.values() if d.reason.startswith("sequence:")), None)
    changed: dict[str, int] = {}
    for key, dim in tuple(dims.items()):
        if dim.origin != "assumed":
            continue
        computed = _derived(key, dims)
        if computed is None and re.search("total", key, re.IGNORECASE):
            past = next((d.value for k, d in dims.items() if re.search("past|cache", k) and k != key), 0)
            new = next((d.value for k, d in dims.items() if re.search("seq", k) and "past" not in k and k != key), None)
            if past and (new or sequence):
                value = past + (new or (sequence.value if sequence else 0))
                computed = Dim(value, "assumed", "computed: past + sequence")
        if computed is not None and computed.value != dim.value:
            dims[key] = computed
            changed[key] = computed.value
    if not changed:
        return
    for position, graph_input in enumerate(inputs):
        if graph_input.symbols is None or graph_input.type.container != "tensor":
            continue
        shape = tuple(
            changed.get(symbol, size) if isinstance(symbol, str) else size
            for symbol, size in zip(graph_input.symbols, graph_input.type.shape or (), strict=True)
        )
        inputs[position] = replace(graph_input, type=TensorType(graph_input.type.dtype, shape))


def _assume(
    key: str, graph_input: GraphInput, axis: int, rank: int, uses: "_InputUses", alternative: Mapping[str, int]
) -> Dim:
    use = uses.axis(graph_input.name, axis, rank)
    if use is not None and use.size is not None:
        return Dim(use.size, "assumed", use.reason)
    kind, reason = _kind_of(key, graph_input, axis, rank, use)
    sizes = SIZES[kind]
    return Dim(sizes[alternative.get(kind, 0) % len(sizes)], "assumed", f"{kind}: {reason}")


def _kind_of(key: str, graph_input: GraphInput, axis: int, rank: int, use: _Use | None) -> tuple[str, str]:
    name = key if not key.endswith(f".{axis}") or "." not in key else ""
    if use is not None and use.kind != "batch":
        return use.kind, use.reason
    for pattern, kind in _NAMES:
        if name and pattern.search(name):
            return kind, f"by its name {key!r}"
    if use is not None:
        return use.kind, use.reason
    if axis == 0 and rank > 1:
        return "batch", "the first axis"
    is_integer = "int" in graph_input.type.dtype
    if rank == 4:
        return ("channels", "axis 1 of a rank-4 input") if axis == 1 else ("image", f"axis {axis} of a rank-4 input")
    if rank in (2, 3) and axis == 1:
        return "sequence", f"axis 1 of a rank-{rank} {'integer' if is_integer else 'floating'} input"
    if rank == 3:
        return "features", "axis 2 of a rank-3 input"
    return "unknown", "nothing tells what it is"


class _InputUses:
    """What the ops behind each input tell of its axes."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._consumers: dict[str, list[Op]] | None = None
        self._found: dict[str, dict[int, _Use]] = {}

    def axis(self, name: str, axis: int, rank: int) -> _Use | None:
        """What is told of one axis, or None."""
        if name not in self._found:
            self._found[name] = self._follow(name, rank)
        return self._found[name].get(axis)

    def rank(self, graph_input: GraphInput) -> int:
        """The rank that the first telling op wants; 1 where nothing tells."""
        for op, position in self._reached(graph_input.name):
            if op.op_type in ("LSTM", "GRU", "RNN") and position == 0:
                return 3
            if op.op_type in ("Conv", "ConvTranspose") and position == 0:
                weight = self._stored_shape(op, 1)
                if weight:
                    return len(weight)
            if op.op_type in ("Gemm", "MatMul"):
                return 2
        return 2 if "int" not in graph_input.type.dtype else 1

    def _consumers_of(self, name: str) -> Sequence[Op]:
        if self._consumers is None:
            self._consumers = {}
            for op in self._graph.ops:
                for read in op.inputs:
                    self._consumers.setdefault(read, []).append(op)
        return self._consumers.get(name, ())

    def _reached(self, name: str) -> Iterator[tuple[Op, int]]:
        """Ops behind a tensor through ops that keep its axes, nearest first, with the operand position."""
        pending, seen = [name], {name}
        steps = 0
        while pending and steps < _FOLLOWED_OPS:
            current = pending.pop(0)
            for op in self._consumers_of(current):
                steps += 1
                yield op, op.inputs.index(current)
                if op.op_type in _TRANSPARENT and op.inputs[0] == current and op.outputs and op.outputs[0] not in seen:
                    seen.add(op.outputs[0])
                    pending.append(op.outputs[0])

    def _stored_shape(self, op: Op, position: int) -> tuple[int, ...] | None:
        if position >= len(op.inputs):
            return None
        name = op.inputs[position]
        stored = self._graph.stored.get(name)
        if stored is not None:
            return stored.type.dims
        for other in self._graph.ops[:4096]:
            if name in other.outputs and other.op_type in ("Constant", "DequantizeLinear", "Identity"):
                if other.op_type == "Constant":
                    value = other.attributes.get("value")
                    return value.type.dims if hasattr(value, "type") else None
                return self._stored_shape(other, 0)
        return None

    def _follow(self, name: str, rank: int) -> dict[int, _Use]:
        found: dict[int, _Use] = {}
        for op, position in self._reached(name):
            for axis, use in _told_by(op, position, rank, self._stored_shape):
                known = found.get(axis)
                if known is None or (known.size is None and use.size is not None):
                    found[axis] = use
        return found


def _told_by(op: Op, position: int, rank: int, stored_shape: "object") -> Iterator[tuple[int, _Use]]:
    """(axis, what it is) that one op tells of its operand at `position`."""
    assert callable(stored_shape)
    reason = f"feeds {op.id}"
    if op.op_type in ("Conv", "ConvTranspose") and position == 0:
        weight = stored_shape(op, 1)
        group = op.attributes.get("group", 1)
        yield 0, _Use("batch", None, reason)
        if weight and isinstance(group, int):
            channels = weight[1] * group if op.op_type == "Conv" else weight[0]
            yield 1, _Use("channels", channels, reason)
        spatial = "samples" if rank == 3 else "image"
        for axis in range(2, rank):
            yield axis, _Use(spatial, None, reason)
    elif op.op_type in ("LSTM", "GRU", "RNN") and position == 0:
        weight = stored_shape(op, 1)
        is_batch_first = op.attributes.get("layout", 0) == 1
        yield int(is_batch_first), _Use("sequence", None, reason)
        yield int(not is_batch_first), _Use("batch", None, reason)
        if weight:
            yield 2, _Use("features", weight[2], reason)
    elif op.op_type == "MatMul" and position == 0:
        weight = stored_shape(op, 1)
        if weight and len(weight) >= 2 and rank:
            yield rank - 1, _Use("features", weight[-2], reason)
    elif op.op_type == "Gemm" and position == 0:
        weight = stored_shape(op, 1)
        if weight and len(weight) == 2:
            features = weight[1] if op.attributes.get("transB", 0) else weight[0]
            yield (0 if op.attributes.get("transA", 0) else 1), _Use("features", features, reason)
    elif op.op_type == "BatchNormalization" and position == 0 and rank > 1:
        weight = stored_shape(op, 1)
        if weight:
            yield 1, _Use("channels", weight[0], reason)
    elif op.op_type == "Gather" and position == 1 and rank:
        yield rank - 1, _Use("sequence", None, f"indexes {op.id}")
