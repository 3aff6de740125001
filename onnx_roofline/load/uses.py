"""What the ops behind an input tell of its axes: batch, channels, features, and sizes that a stored tensor fixes."""

import re
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property

from msgspec import Struct

from onnx_roofline.ir.graph import Graph, GraphInput, Op, StoredTensor

# Names of inputs that carry the state of a recurrent network from one step to the next.
STATE_NAME = re.compile(r"state|hidden|^(h|c|hx|cx|hn|cn|h_?0|c_?0)$", re.IGNORECASE)
# Ops that keep the axes of their first input, so that what comes behind them tells about the input too.
_TRANSPARENT = frozenset(
    {"Cast", "Identity", "Sub", "Add", "Mul", "Div", "Relu", "Clip", "Pad", "Dropout", "BatchNormalization", "Neg",
     "Sqrt", "Log", "Abs", "Pow", "InstanceNormalization", "Tanh", "Sigmoid", "LeakyRelu", "QuantizeLinear",
     "DequantizeLinear"}
)  # fmt: skip
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

    def rank(self, graph_input: GraphInput) -> int:
        """The rank that the first telling op wants; 1 where nothing tells."""
        for op, position in self._reached(graph_input.name):
            if op.op_type in ("LSTM", "GRU", "RNN") and position == 0:
                return 3
            if op.op_type in ("Conv", "ConvTranspose") and position == 0:
                weight = self.stored_shape(op, 1)
                if weight and len(weight) >= 3:
                    return len(weight)
            if op.op_type in ("Gemm", "MatMul"):
                return 2
        return 2 if "int" not in graph_input.type.dtype else 1

    def _reached(self, name: str) -> Iterator[tuple[Op, int]]:
        """Ops behind a tensor through ops that keep its axes, nearest first, with the operand position."""
        pending, seen = [name], {name}
        steps = 0
        while pending and steps < _FOLLOWED_OPS:
            current = pending.pop(0)
            for op, position in self._consumers.get(current, ())[:_FOLLOWED_OPS]:
                steps += 1
                yield op, position
                if op.op_type in _TRANSPARENT and op.inputs[0] == current and op.outputs and op.outputs[0] not in seen:
                    seen.add(op.outputs[0])
                    pending.append(op.outputs[0])

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
        for op, position in self._reached(name):
            for axis, use in _told_by(op, position, rank, self.stored_shape):
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
