"""Lengths that an op makes equal: of masks, biases and caches of attention, of states of recurrences.

B batch, S queries, T all keys.
"""

from collections.abc import Callable, Iterator

from msgspec import Struct

from onnx_roofline.base.errors import NotModelledError
from onnx_roofline.ops.view import OpView


class Tie(Struct, frozen=True):
    """`length` is that of an operand, `wanted` what the other operands make it; up to `room` may be fine too.

    One that `is_strict` must be so even where it is 1, which other operands repeat.
    """

    length: int
    wanted: int
    what: str
    room: int = 0
    is_strict: bool = False


TieRule = Callable[[OpView], Iterator[Tie]]


def ties_of(op: OpView) -> tuple[Tie, ...]:
    """The lengths that the op ties together; none where it has no rule, or where too little of it is known."""
    rule = _RULES.get((op.domain, op.op_type))
    try:
        return () if rule is None else tuple(tie for tie in rule(op) if tie.length != 1 or tie.is_strict)
    except (NotModelledError, IndexError, ValueError):
        return ()


def is_tying(domain: str, op_type: str) -> bool:
    """Whether an op has a rule here."""
    return (domain, op_type) in _RULES


def _bias(op: OpView, position: int, queries: int, keys: int, *, is_padded: bool = False) -> Iterator[Tie]:
    """A mask or bias [..., S, T], each dim of which may be 1; one that `is_padded` may be too short."""
    if not op.has(position):
        return
    shape = op.input(position).shape
    yield Tie(shape[-1], keys, f"keys of input {position}", keys if is_padded else 0)
    if len(shape) > 1:
        yield Tie(shape[-2], queries, f"queries of input {position}")


def _batches(op: OpView, batch: int, *positions: int) -> Iterator[Tie]:
    for position in positions:
        if op.has(position):
            yield Tie(op.input(position).shape[0], batch, f"batch of input {position}")


def _standard(op: OpView) -> Iterator[Tie]:
    """Q [B, S, D] or [B, h, S, d], K, V, mask [..., S, T], past [B, g, P, d]; T = P + new keys.

    From opset 24 on a mask may be shorter than T. Source: ONNX Attention-23, -24.
    """
    queries, new = op.x.shape[-2], op.input(1).shape[-2]
    held = op.input(4).shape[2] if op.has(4) else 0
    yield from _batches(op, op.x.shape[0], 1, 2, 4, 5)
    yield Tie(op.input(2).shape[-2], new, "values")
    if op.has(5):
        yield Tie(op.input(5).shape[2], held, "past values")
    yield from _bias(op, 3, queries, held + new, is_padded=op.version >= 24)


def _grouped(op: OpView) -> Iterator[Tie]:
    """The total, an input, is past and new keys together, or lies in a cache that has room for it.

    Source: onnxruntime ContribOperators.md, GroupQueryAttention.
    """
    batch, queries = op.x.shape[:2]
    held = op.input(3).shape[2] if op.has(3) else 0
    new = op.input(1).shape[1] if op.has(1) and op.input(1).rank == 3 else queries
    total = held + new
    if op.has(6) and op.input(6).is_known:
        yield Tie(int(op.input(6).value.reshape(-1)[0]), total, "total sequence length", room=held)
    yield from _batches(op, batch, 3, 4, 5)
    if op.has(4):
        yield Tie(op.input(4).shape[2], held, "past values")
    yield from _bias(op, 10, queries, total)


def _multi_head(op: OpView) -> Iterator[Tie]:
    """Q [B, S, D], K [B, L, D], padding mask [B, T] or [B, S, T], bias [B, h, S, T], past [B, h, P, d]; T = P + L.

    Source: onnxruntime ContribOperators.md, MultiHeadAttention.
    """
    batch, queries = op.x.shape[:2]
    new = queries
    if op.has(1):
        key = op.input(1).shape
        new = key[2] if len(key) == 4 else key[1]
    held = op.input(6).shape[2] if op.has(6) else 0
    total = held if op.has(8) else held + new
    if op.has(2) and op.input(2).rank == 3:
        yield Tie(op.input(2).shape[1], new, "values")
    if op.has(7):
        yield Tie(op.input(7).shape[2], held, "past values")
    yield from _batches(op, batch, 1, 2, 6, 7)
    if op.has(4) and op.input(4).rank > 1:
        yield Tie(op.input(4).shape[0], batch, "batch of input 4")
        yield Tie(op.input(4).shape[-1], total, "keys of input 4")
    yield from _bias(op, 5, queries, total)


def _packed(op: OpView) -> Iterator[Tie]:
    """X [B, S, D], mask [B, T] or [B, S, T], past [2, B, h, P, d], bias [B, h, S, T]; T = P + S.

    Source: onnxruntime ContribOperators.md, Attention.
    """
    batch, queries = op.x.shape[:2]
    held = op.input(4).shape[3] if op.has(4) else 0
    total = held if op.int_attr("past_present_share_buffer", 0) else held + queries
    if op.has(3) and op.input(3).rank in (2, 3):
        yield Tie(op.input(3).shape[0], batch, "batch of input 3")
        yield Tie(op.input(3).shape[-1], total, "keys of input 3")
    if op.has(4):
        yield Tie(op.input(4).shape[1], batch, "batch of input 4")
    yield from _bias(op, 5, queries, total)


def _recurrent(op: OpView) -> Iterator[Tie]:
    """X [S, B, D], lengths [B], initial states [dirs, B, H]; with layout 1 the batch is first.

    Source: ONNX LSTM-22, GRU-22, RNN-22; onnxruntime repeats no state.
    """
    batch_first = bool(op.int_attr("layout", 0))
    batch = op.x.shape[0 if batch_first else 1]
    if op.has(4):
        yield Tie(op.input(4).shape[0], batch, "batch of input 4", is_strict=True)
    for position in (5, 6):
        if op.has(position):
            yield Tie(op.input(position).shape[0 if batch_first else 1], batch, f"batch of input {position}",
                      is_strict=True)  # fmt: skip


def _rotary(op: OpView) -> Iterator[Tie]:
    """X [B, S, D] or [B, h, S, d] and positions [B, S]. Source: ONNX RotaryEmbedding-23, ContribOperators.md."""
    positions = 1 if op.domain else 3
    if op.has(positions) and op.input(positions).rank > 1:
        yield from _batches(op, op.x.shape[0], positions)
        yield Tie(op.input(positions).shape[1], op.x.shape[-2], f"positions of input {positions}", is_strict=True)


def _grid(op: OpView) -> Iterator[Tie]:
    """X [N, C, ...] and a grid of each image [N, ...]. Source: ONNX GridSample-22."""
    yield Tie(op.input(1).shape[0], op.x.shape[0], "batch of input 1", is_strict=True)


def _boxes(op: OpView) -> Iterator[Tie]:
    """Boxes [R, 4] and the image of each [R]. Source: ONNX RoiAlign-22."""
    yield Tie(op.input(2).shape[0], op.input(1).shape[0], "boxes", is_strict=True)


_MICROSOFT = "com.microsoft"
_RULES: dict[tuple[str, str], TieRule] = {
    ("", "Attention"): _standard,
    ("", "GridSample"): _grid,
    ("", "RoiAlign"): _boxes,
    ("", "RotaryEmbedding"): _rotary,
    **{("", name): _recurrent for name in ("RNN", "GRU", "LSTM")},
    (_MICROSOFT, "GroupQueryAttention"): _grouped,
    (_MICROSOFT, "MultiHeadAttention"): _multi_head,
    (_MICROSOFT, "Attention"): _packed,
    (_MICROSOFT, "RotaryEmbedding"): _rotary,
}
