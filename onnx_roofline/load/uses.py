"""What the ops behind an input tell of its axes: batch, channels, features, and sizes that a stored tensor fixes."""

import re
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property

from msgspec import Struct

from onnx_roofline.ir.graph import Graph, GraphInput, Op, StoredTensor

# Names of inputs that carry the state of a recurrent network from one step to the next.
STATE_NAME = re.compile(r"state|hidden|^(h|c|hx|cx|hn|cn|h_?0|c_?0)$", re.IGNORECASE)
# What of an operand's axes is an axis of the input: its place there, or None.
Axes = tuple[int | None, ...]
# Ops that keep the axes of their first input, so that what comes behind them tells about the input too.
_TRANSPARENT = frozenset(
    {"Cast", "Identity", "Sub", "Add", "Mul", "Div", "Relu", "Clip", "Pad", "Dropout", "BatchNormalization", "Neg",
     "Sqrt", "Log", "Abs", "Pow", "InstanceNormalization", "Tanh", "Sigmoid", "LeakyRelu", "QuantizeLinear",
     "DequantizeLinear", "Resize"}
)  # fmt: skip
# Ops that drop boxes which overlap.
_SUPPRESSIONS = frozenset({"NonMaxSuppression", "EfficientNMS_TRT", "BatchedNMSDynamic_TRT", "BatchedNMS_TRT",
                           "TRTBatchedNMS", "NMSRotated", "RoiAlign"})  # fmt: skip
# Ops that sample an image at places which they are given.
_PLACES = frozenset({"GridSample", "AffineGrid", "RoiAlign"})
# Where ops of attention take their caches: keys and values apart, [B, h, P, d], or together, [2, B, h, P, d].
_PASTS: Mapping[tuple[str, str], tuple[int, ...]] = {
    ("", "Attention"): (4, 5),
    ("com.microsoft", "Attention"): (4,),
    ("com.microsoft", "QAttention"): (8,),
    ("com.microsoft", "DecoderMaskedSelfAttention"): (4,),
    ("com.microsoft", "DecoderMaskedMultiHeadAttention"): (5, 6),
    ("com.microsoft", "MultiHeadAttention"): (6, 7),
    ("com.microsoft", "DecoderAttention"): (6, 7),
    ("com.microsoft", "GroupQueryAttention"): (3, 4),
    ("com.microsoft", "SparseAttention"): (3, 4),
}
# Levels of a feature pyramid.
_LEVELS = 3
# Ops looked at while following an input; real files tell within a few.
_FOLLOWED_OPS = 64
# Position tables looked at; a model has one or two.
_TABLES = 16


class Use(Struct, frozen=True):
    """What the graph tells of one axis of an input: a class, and a size where a weight fixes it."""

    kind: str
    size: int | None
    reason: str


class InputUses:
    """What the ops behind each input tell of its axes."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._found: dict[str, dict[int, Use]] = {}

    @cached_property
    def _producers(self) -> Mapping[str, Op]:
        return {name: op for op in self._graph.ops for name in op.outputs}

    @cached_property
    def _consumers(self) -> Mapping[str, list[tuple[Op, int]]]:
        consumers: dict[str, list[tuple[Op, int]]] = {}
        for op in self._graph.ops:
            for position, name in enumerate(op.inputs):
                consumers.setdefault(name, []).append((op, position))
        return consumers

    @cached_property
    def is_streaming(self) -> bool:
        """Whether an input carries the state of an earlier step, so that the others hold a short chunk."""
        return any(STATE_NAME.search(graph_input.name) for graph_input in self._graph.inputs)

    @cached_property
    def positions(self) -> tuple[int, ...]:
        """Sizes of the stored tables, [1, positions, features] or [positions, features], that are added to or joined
        with a tensor: position embeddings fix the length of what they are added to.
        """
        found: dict[int, None] = {}
        for op in self._graph.ops:
            if op.op_type in ("Add", "Concat") and len(op.inputs) <= 8 and len(found) < _TABLES:
                for operand in range(len(op.inputs)):
                    shape = self.stored_shape(op, operand) or ()
                    if len(shape) in (2, 3) and min(shape[-2:]) > 1 and shape[:-2] in ((), (1,)):
                        found[shape[-2]] = None
        return tuple(found)

    @cached_property
    def patches(self) -> tuple[int, ...]:
        """Sizes of the patches that a Conv cuts an image into: its kernel is its stride."""
        found: dict[int, None] = {}
        for op in self._graph.ops:
            strides = op.attributes.get("strides") if op.op_type == "Conv" else None
            weight = self.stored_shape(op, 1) if isinstance(strides, tuple) else None
            if weight and len(weight) > 2 and weight[2:] == strides and weight[2] > 1:
                found[weight[2]] = None
        return tuple(found)

    def axis(self, name: str, axis: int, rank: int) -> Use | None:
        """What is told of one axis, or None."""
        if name not in self._found:
            self._found[name] = self._follow(name, rank)
        return self._found[name].get(axis)

    def is_of(self, name: str, axis: int, rank: int, kind: str) -> bool:
        """Whether the graph tells that an axis is of a kind."""
        use = self.axis(name, axis, rank)
        return use is not None and use.kind == kind

    def rank(self, graph_input: GraphInput) -> int:
        """The rank that the first telling op wants; 1 where nothing tells."""
        for op, position, _ in self._reached(graph_input.name, None):
            if op.op_type in ("LSTM", "GRU", "RNN") and position == 0:
                return 3
            if op.op_type in ("Conv", "ConvTranspose") and position == 0:
                weight = self.stored_shape(op, 1)
                if weight and len(weight) >= 3:
                    return len(weight)
            if op.op_type in ("Gemm", "MatMul"):
                return 2
        return 2 if "int" not in graph_input.type.dtype else 1

    def _reached(self, name: str, rank: int | None) -> Iterator[tuple[Op, int, Axes]]:
        """Ops behind a tensor through ops that keep or reorder its axes, nearest first, with the operand position and
        the input's axes that the operand's are.
        """
        pending: list[tuple[str, Axes]] = [(name, tuple(range(rank or 0)))]
        seen = {name}
        steps = 0
        while pending and steps < _FOLLOWED_OPS:
            current, axes = pending.pop(0)
            for op, position in self._consumers.get(current, ())[:_FOLLOWED_OPS]:
                steps += 1
                yield op, position, axes
                behind = None if op.inputs[0] != current else self._axes_behind(op, axes, is_open=rank is None)
                if behind is not None and op.outputs and op.outputs[0] not in seen:
                    seen.add(op.outputs[0])
                    pending.append((op.outputs[0], behind))

    def _axes_behind(self, op: Op, axes: Axes, *, is_open: bool) -> Axes | None:
        """The input's axes behind an op; None where they can't be followed."""
        if op.op_type in _TRANSPARENT:
            return axes
        if op.op_type == "Transpose" and not is_open:
            order = op.attributes.get("perm", tuple(reversed(range(len(axes)))))
            if isinstance(order, tuple) and sorted(map(str, order)) == sorted(map(str, range(len(axes)))):
                return tuple(axes[int(place)] for place in order)
        if op.op_type == "Unsqueeze" and not is_open:
            added = self._integers(op, "axes")
            total = len(axes) + len(added)
            places = {place % total for place in added if -total <= place < total}
            if len(places) == len(added) > 0:
                kept = iter(axes)
                return tuple(None if place in places else next(kept) for place in range(total))
        return None

    def _integers(self, op: Op, name: str) -> tuple[int, ...]:
        """A list of integers that is an attribute, or in later opsets the second input."""
        given = op.attributes.get(name)
        if isinstance(given, tuple):
            return tuple(value for value in given if isinstance(value, int))
        if len(op.inputs) < 2:
            return ()
        stored = self._graph.stored.get(op.inputs[1])
        producer = self._producers.get(op.inputs[1])
        if stored is None and producer is not None and producer.op_type == "Constant":
            for value in producer.attributes.values():
                if isinstance(value, tuple):
                    return tuple(item for item in value if isinstance(item, int))
                stored = value if isinstance(value, StoredTensor) else None
        if stored is None or stored.value is None or "int" not in stored.type.dtype:
            return ()
        return tuple(int(value) for value in stored.value.reshape(-1).tolist())

    @cached_property
    def is_line_reader(self) -> bool:
        """Whether the model reads a line of text from an image: its convolutions shrink the height to 1, which is then
        squeezed away, or a recurrent layer reads what they make.
        """
        has_conv = False
        for op in self._graph.ops:
            has_conv = has_conv or op.op_type in ("Conv", "ConvTranspose", "QLinearConv", "FusedConv")
            if has_conv and op.op_type in ("LSTM", "GRU", "RNN"):
                return True
            if has_conv and op.op_type == "Squeeze" and self._integers(op, "axes") == (2,):
                return True
        return False

    @cached_property
    def is_detector(self) -> bool:
        """Whether the model looks for objects: it suppresses boxes that overlap, or joins three or more levels of a
        feature pyramid, each reshaped to rows of boxes or brought to one size.
        """
        resized = sum(op.op_type in ("Resize", "Upsample", "ConvTranspose") for op in self._graph.ops)
        for op in self._graph.ops:
            if op.op_type in _SUPPRESSIONS:
                return True
            if op.op_type == "Concat" and resized > 1 and len(op.inputs) >= _LEVELS and self._joins_levels(op):
                return True
        return False

    def _joins_levels(self, op: Op) -> bool:
        makers = [self._producers.get(name) for name in op.inputs]
        types = [maker.op_type for maker in makers if maker is not None]
        rows = sum(kind in ("Reshape", "Transpose", "Flatten") for kind in types)
        return rows == len(makers) or sum(kind in ("Resize", "Upsample") for kind in types) >= _LEVELS

    def stored_shape(self, op: Op, position: int) -> tuple[int, ...] | None:
        """Shape of an operand that the file holds, as an initializer, a constant or behind a dequantisation."""
        for _ in range(_FOLLOWED_OPS):
            if position >= len(op.inputs):
                return None
            name = op.inputs[position]
            stored = self._graph.stored.get(name)
            if stored is not None:
                return stored.type.dims
            producer = self._producers.get(name)
            if producer is None:
                return None
            if producer.op_type == "Constant":
                value = producer.attributes.get("value")
                return value.type.dims if isinstance(value, StoredTensor) else None
            if producer.op_type not in ("DequantizeLinear", "Identity", "Cast"):
                return None
            op, position = producer, 0
        return None

    def _follow(self, name: str, rank: int) -> dict[int, Use]:
        found: dict[int, Use] = {}
        for op, position, axes in self._reached(name, rank):
            for place, use in _told_by(op, position, len(axes), self.stored_shape):
                axis = axes[place] if -len(axes) <= place < len(axes) else None
                if axis is None:
                    continue
                known = found.get(axis)
                if known is None or (known.size is None and use.size is not None):
                    found[axis] = use
        return found


def _told_by(
    op: Op, position: int, rank: int, stored_shape: Callable[[Op, int], tuple[int, ...] | None]
) -> Iterator[tuple[int, Use]]:
    """(axis, what it is) that one op tells of its operand at `position`."""
    reason = f"feeds {op.id}"
    weight = stored_shape(op, 1)
    if op.op_type in ("Conv", "ConvTranspose") and position == 0:
        group = op.attributes.get("group", 1)
        yield 0, Use("batch", None, reason)
        if weight and len(weight) >= 3 and isinstance(group, int):
            channels = weight[1] * group if op.op_type == "Conv" else weight[0]
            yield 1, Use("channels", channels, reason)
        spatial = "samples" if rank == 3 else "image"
        for axis in range(2, rank):
            yield axis, Use(spatial, None, reason)
    elif op.op_type in ("LSTM", "GRU", "RNN") and position == 0:
        is_batch_first = op.attributes.get("layout", 0) == 1
        yield int(is_batch_first), Use("sequence", None, reason)
        yield int(not is_batch_first), Use("batch", None, reason)
        if weight and len(weight) == 3:
            yield 2, Use("features", weight[2], reason)
    elif op.op_type in ("LSTM", "GRU", "RNN") and position in (5, 6):
        yield (0 if op.attributes.get("layout", 0) == 1 else 1), Use("batch", None, reason)
    elif op.op_type == "MatMul" and position == 0:
        if weight and len(weight) >= 2 and rank:
            yield rank - 1, Use("features", weight[-2], reason)
    elif op.op_type == "Gemm" and position == 0:
        if weight and len(weight) == 2:
            features = weight[1] if op.attributes.get("transB", 0) else weight[0]
            yield (0 if op.attributes.get("transA", 0) else 1), Use("features", features, reason)
    elif op.op_type == "BatchNormalization" and position == 0 and rank > 1:
        if weight and len(weight) == 1:
            yield 1, Use("channels", weight[0], reason)
    elif op.op_type == "Gather" and position == 1 and rank:
        yield rank - 1, Use("sequence", None, f"indexes {op.id}")
    elif op.op_type in _PLACES:
        yield from _told_by_places(op, position, rank, weight, reason)
    elif position in _PASTS.get((op.domain, op.op_type), ()):
        yield from _told_by_past(op, rank, reason)
    elif op.op_type in ("Attention", "RotaryEmbedding"):
        yield from _told_by_tokens(op, position, rank, reason)


def _told_by_places(
    op: Op, position: int, rank: int, sizes: tuple[int, ...] | None, reason: str
) -> Iterator[tuple[int, Use]]:
    """What an op tells that samples an image at places which it is given.

    Image [N, C, H, W] and grid [N, H, W, 2], or one axis and one coordinate more; theta [N, 2, 3] or [N, 3, 4]; boxes
    [R, 4] and the image of each, [R]. Source: ONNX GridSample-22, AffineGrid-20, RoiAlign-22.
    """
    if op.op_type == "RoiAlign" and position:
        if position == 1:
            yield 1, Use("coordinates", 4, f"the corners of the boxes of {op.id}")
        return
    yield 0, Use("batch", None, reason)
    if op.op_type == "AffineGrid" and position == 0 and sizes:
        yield 1, Use("coordinates", sizes[0] - 2, f"the coordinates of {op.id}")
        yield 2, Use("coordinates", sizes[0] - 1, f"the coordinates of {op.id}")
    elif op.op_type == "GridSample" and position == 1:
        for axis in range(1, rank - 1):
            yield axis, Use("image", None, reason)
        yield rank - 1, Use("coordinates", rank - 2, f"the coordinates of {op.id}")
    elif op.op_type != "AffineGrid" and position == 0:
        for axis in range(2, rank):
            yield axis, Use("image", None, reason)


def _told_by_past(op: Op, rank: int, reason: str) -> Iterator[tuple[int, Use]]:
    """What attention tells of its cache: [B, h, P, d], or keys and values together, [2, B, h, P, d].

    Source: ONNX Attention-24; onnxruntime ContribOperators.md.
    """
    if rank in (4, 5):
        yield rank - 4, Use("batch", None, reason)
        yield rank - 3, Use("unknown", None, f"heads of {op.id}")
        yield rank - 2, Use("past", None, reason)
        yield rank - 1, Use("features", None, reason)


def _told_by_tokens(op: Op, position: int, rank: int, reason: str) -> Iterator[tuple[int, Use]]:
    """What attention and its rotation tell: X [B, S, D] or [B, h, S, d], positions [B, S].

    Source: ONNX Attention-24, RotaryEmbedding-23; onnxruntime ContribOperators.md.
    """
    if op.op_type == "RotaryEmbedding":
        positions = 1 if op.domain else 3
        if position == positions and rank == 2:
            yield 1, Use("sequence", None, reason)
        if position not in (0, positions):
            return
    is_token = position < (1 if op.domain else 3)
    if is_token or op.op_type == "RotaryEmbedding":
        yield 0, Use("batch", None, reason)
    if rank == 4 and is_token:
        yield 1, Use("unknown", None, f"heads of {op.id}")
        yield 2, Use("sequence", None, reason)
        yield 3, Use("features", None, reason)
