"""A model's total as another counter would give it, with every difference to ours in a line of its own.

The value of the counted lines sums to the total; `ours` of the counted and the other lines sums to our operations, two
for each MAC. The rules were read in the sources that `CONVENTIONS` names. A file says less than the program that wrote
it; what a counter sees of a program alone is in docs/conventions-of-others.md.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING

from msgspec import Struct, field

from onnx_roofline.base.errors import NotModelledError
from onnx_roofline.base.units import FLOPS_PER_MAC, product
from onnx_roofline.ir.records import Counts, Executions, TypedOp, Work
from onnx_roofline.ops.view import OpView, view_of

if TYPE_CHECKING:
    from fractions import Fraction

    from onnx_roofline.analysis.analyze import Analysis
    from onnx_roofline.ir.graph import Graph, Model


# Op types that a line names; of more it says how many they are.
SHOWN_TYPES = 5


class Line(Struct, frozen=True):
    """Part of a total: what the counter makes of some ops (`value`), why, and our operations for them (`ours`)."""

    label: str
    value: int
    reason: str
    ours: int


class ConventionTotal(Struct, frozen=True):
    """A total under a convention; with `unknown_ops` it is a lower bound, since their counts are missing."""

    name: str
    unit: str
    total: int
    lines: tuple[Line, ...]
    not_counted: tuple[Line, ...]
    unknown_ops: int


class _Item(Struct, frozen=True):
    """One op as the counters see it. `family` is "" for an op without MACs of a layer or product.

    Its parts stand for its MACs (`macs`) or for everything it does (`whole`).
    """

    op: OpView
    work: Work
    counts: Counts
    family: str
    is_regrouped: bool

    def macs(self, what: str, value: int, reason: str) -> Line:
        return Line(what, value, reason, FLOPS_PER_MAC * self.counts.macs)

    def whole(self, what: str, value: int, reason: str) -> Line:
        return Line(what, value, reason, self.counts.operations)


class Convention(Struct, frozen=True):
    """A counter: what its unit is, where its rules were read, and why it leaves out what it leaves out."""

    name: str
    unit: str
    source: str
    rule: Callable[[_Item], Iterator[Line]]
    silent: Mapping[str, str] = field(default_factory=dict)


_RECURRENT = ("LSTM", "GRU", "RNN")
_FAMILIES: Mapping[str, str] = {
    **dict.fromkeys(("Conv", "ConvInteger", "QLinearConv", "FusedConv", "NhwcFusedConv"), "convolution"),
    **dict.fromkeys(
        ("ConvTranspose", "QLinearConvTranspose", "ConvTransposeWithDynamicPads"), "transposed convolution"
    ),
    **dict.fromkeys(_RECURRENT, "recurrent"),
    "Einsum": "einsum",
    "LinearAttention": "",
}
_CONVOLUTIONS = ("convolution", "transposed convolution")
_BATCH_NORM, _LAYER_NORMS = "BatchNormalization", ("LayerNormalization", "SkipLayerNormalization")
_NORMS = (*_LAYER_NORMS, "InstanceNormalization", "GroupNormalization", "GroupNorm", "SkipGroupNorm")


def _family(row: TypedOp, stored: set[str]) -> str:
    """The kind of layer or product that an op's MACs belong to."""
    kind = row.op.op_type
    if kind in _FAMILIES:
        return _FAMILIES[kind]
    if "Attention" in kind or "Gemm" in kind:
        return "attention" if "Attention" in kind else "linear"
    if "MatMul" not in kind:
        return ""
    right = 3 if kind.startswith("QLinear") else 1
    return "linear" if right < len(row.op.inputs) and row.op.inputs[right] in stored else "product"


def valid_taps(bound: int, positions: int, kernel: int, stride: int, dilation: int, begin: int) -> int:
    """Pairs (position, tap) along one axis with `position * stride + tap * dilation - begin` inside [0, bound).

    Of a convolution `bound` is the input and `positions` the output; of a transposed one the other way round.

    >>> valid_taps(bound=5, positions=5, kernel=3, stride=1, dilation=1, begin=1)
    13
    """
    pairs = 0
    for tap in range(kernel):
        offset = begin - tap * dilation
        first = max(0, -(-offset // stride))
        last = min(positions - 1, (bound - 1 + offset) // stride)
        pairs += max(0, last - first + 1)
    return pairs


def _valid_macs(item: _Item) -> int:
    """MACs of a convolution whose tap lies inside the tensor, padding left out."""
    shape = item.work.contractions[0] if item.work.contractions else None
    if shape is None or not shape.kernel or item.op.op_type == "ConvTransposeWithDynamicPads":
        return item.counts.macs
    bounds, positions = shape.input_spatial, shape.output_spatial
    if item.family == "transposed convolution":
        bounds, positions = positions, bounds
    dense = product(shape.kernel) * product(positions)
    valid = 1
    for axis, kernel in enumerate(shape.kernel):
        stride, dilation = shape.strides[axis], shape.dilations[axis]
        spare = stride * (positions[axis] - 1) + dilation * (kernel - 1) + 1 - bounds[axis]
        begin = _padding_begin(item.op, axis, spare)
        valid *= valid_taps(bounds[axis], positions[axis], kernel, stride, dilation, begin)
    return item.counts.macs // dense * valid if dense else 0


def _padding_begin(op: OpView, axis: int, spare: int) -> int:
    """Padding before the first element; `spare` is by how much the windows exceed the tensor.

    Source: ONNX Conv-11 and ConvTranspose-11, auto_pad and output_shape.
    """
    mode = op.str_attr("auto_pad", "NOTSET")
    if mode == "VALID":
        return 0
    if mode == "NOTSET" and "output_shape" not in op.attributes:
        pads = op.ints_attr("pads")
        return pads[axis] if pads else 0
    output_padding = op.ints_attr("output_padding")
    total = max(0, spare + (output_padding[axis] if output_padding else 0))
    return total // 2 if mode == "SAME_UPPER" else total - total // 2


def _is_global_average(op: OpView) -> bool:
    """Whether an op is an adaptive average pooling, as exporters spell one.

    GlobalAveragePool; an AveragePool with one window over all of its input, or with windows of one element; a
    ReduceMean over the two spatial axes of [N, C, H, W] that keeps them.
    """
    if op.op_type == "GlobalAveragePool":
        return True
    if op.op_type == "AveragePool":
        kernel = op.ints_attr("kernel_shape")
        covers_all = kernel == op.x.shape[2:] and set(op.out.shape[2:]) == {1} and not any(op.ints_attr("pads"))
        return covers_all or {*kernel, *op.ints_attr("strides", (1,))} == {1}
    if op.op_type != "ReduceMean" or op.x.rank != 4 or not op.int_attr("keepdims", 1):
        return False
    if op.has(1) and not op.input(1).is_known:
        return False
    axes = op.input(1).value.reshape(-1).tolist() if op.has(1) else op.ints_attr("axes")
    return {axis % 4 for axis in axes} == {2, 3}


def _resize_mode(op: OpView) -> str:
    return op.str_attr("mode", "nearest") if op.op_type in ("Resize", "Upsample") else ""


def _mac(item: _Item) -> Iterator[Line]:
    if item.family:
        yield item.macs("MACs", item.counts.macs, "one each, taps in padding included")


def _torch(item: _Item) -> Iterator[Line]:
    if item.family and item.family != "recurrent":
        yield item.macs("2 x MACs", FLOPS_PER_MAC * item.counts.macs, "mm, addmm, bmm, baddbmm, convolution, attention")
    elif item.op.op_type in ("GRU", "RNN"):
        yield item.macs("2 x MACs", FLOPS_PER_MAC * item.counts.macs, "addmm on a CPU; a GPU's kernel has no formula")


def _fvcore(item: _Item) -> Iterator[Line]:
    op, kind = item.op, item.op.op_type
    if item.family in (*_CONVOLUTIONS, "linear"):
        yield item.macs("MACs", item.counts.macs, "conv, linear: a MAC is called a FLOP")
    elif item.family == "product":
        ranks = (op.x.rank, op.input(1).rank)
        macs = op.x.elements * op.input(1).shape[-1] if kind == "MatMul" and min(ranks) > 1 else item.counts.macs
        reason = "matmul, bmm; 0 if the program calls scaled_dot_product_attention, which exports alike"
        yield item.macs("MACs of two activations", macs, reason)
    elif item.family == "einsum":
        yield item.macs("MACs", _einsum_macs(item), "np.einsum_path, half of its four-digit count")
    elif kind == _BATCH_NORM:
        yield item.whole("2 per element", 2 * op.x.elements, "batch_norm in inference, affine")
    elif kind in _NORMS:
        yield item.whole("5 per element", 5 * op.x.elements, "layer_norm, group_norm, instance_norm, affine")
    elif _is_global_average(op) and op.out.rank == 4:
        yield item.whole("inputs", op.x.elements, "adaptive_avg_pool2d")
    elif (kind == "GridSample" or _resize_mode(op) in ("nearest", "linear")) and op.out.rank == 4:
        per_output = 1 if _resize_mode(op) == "nearest" else 4
        yield item.whole(f"{per_output} per output", per_output * op.out.elements, "upsample 2d, grid_sampler")


def _einsum_macs(item: _Item) -> int:
    """Two frequent equations exactly; of any other, numpy's operation count as it prints it, halved and floored."""
    import numpy as np

    shapes = [operand.shape for operand in item.op.inputs if operand is not None]
    equation = item.op.str_attr("equation", "").replace(" ", "")
    letters = dict.fromkeys(letter for letter in equation if letter.isalpha())
    renamed = equation.translate({ord(letter): ord("a") + index for index, letter in enumerate(letters)})
    if renamed in ("abc,abd->acd", "abc,adc->adb") or len(shapes) > 8:
        return item.counts.macs
    arrays = [np.broadcast_to(np.float32(0), shape) for shape in shapes]
    try:
        lines = np.einsum_path(renamed, *arrays, optimize="optimal")[1].splitlines()
    except ValueError as error:
        raise NotModelledError(f"numpy does not take the equation {equation}: {error}") from None
    return next(int(float(line.split(":")[-1]) // 2) for line in lines if "optimized flop" in line.lower())


def _thop(item: _Item) -> Iterator[Line]:
    op, kind = item.op, item.op.op_type
    if item.family in ("convolution", "linear"):
        yield item.macs("MACs", item.counts.macs, "nn.Conv, nn.Linear")
    elif kind == "ConvTranspose":
        taps = op.x.shape[1] // op.int_attr("group", 1) * product(op.input(1).shape[2:])
        yield item.macs("outputs x C_in / g x taps", op.out.elements * taps, "nn.ConvTranspose, by nn.Conv's formula")
    elif kind in _RECURRENT:
        yield item.whole("cells", _recurrent_cells(op), "nn.LSTM, nn.GRU, nn.RNN: MACs, biases, gates and states")
    elif kind in (_BATCH_NORM, *_LAYER_NORMS) or (kind == "InstanceNormalization" and not item.is_regrouped):
        yield item.whole("4 per element", 4 * op.x.elements, "nn.BatchNorm, nn.LayerNorm, nn.InstanceNorm, affine")
    elif _is_global_average(op):
        yield item.whole("inputs + outputs", op.x.elements + op.out.elements, "nn.AdaptiveAvgPool")
    elif kind in ("AveragePool", "PRelu"):
        yield item.whole("outputs", op.out.elements, "nn.AvgPool, nn.PReLU")
    elif kind == "Softmax" and op.x.rank <= 2:
        rows = op.x.elements // max(1, op.x.shape[-1])
        yield item.whole("3 per element - rows", 3 * op.x.elements - rows, "nn.Softmax of a matrix")
    elif mode := _resize_mode(op):
        per_output = {"nearest": 1, "linear": {3: 5, 4: 11}.get(op.out.rank, 0), "cubic": 224 + 35}.get(mode, 0)
        yield item.whole(f"{per_output} per output", per_output * op.out.elements, f"nn.Upsample, {mode}")


def _recurrent_cells(op: OpView) -> int:
    """Gates of H (I + H) + H, 2 H more with a bias, and the state's products, for each step, image and direction."""
    time, batch = op.x.shape[:2]
    directions, hidden = op.input(2).shape[0], op.input(2).shape[2]
    gate = hidden * (op.x.shape[2] + hidden) + hidden + (2 * hidden if op.has(3) else 0)
    cell = {"LSTM": 4 * gate + 4 * hidden, "GRU": 3 * gate + 4 * hidden, "RNN": gate}[op.op_type]
    return time * batch * directions * cell


def _xla(item: _Item) -> Iterator[Line]:
    op, counts, kind = item.op, item.counts, item.op.op_type
    if counts.macs:
        valid = FLOPS_PER_MAC * (_valid_macs(item) if item.family in _CONVOLUTIONS else counts.macs)
        yield Line("2 x MACs", valid, "dot, convolution: only taps inside the tensor", valid)
        yield Line("2 x MACs of taps in padding", 0, "no valid positions", FLOPS_PER_MAC * counts.macs - valid)
    if kind == _BATCH_NORM:
        return
    if kind == "Sigmoid":
        yield item.whole("logistic", 0, "one transcendental an element, a key of its own")
    elif kind == "Clip":
        yield item.whole("1 per element", op.out.elements, "one clamp")
    elif kind == "Cast":
        yield item.whole("1 per element", (op.x.dtype != op.out.dtype) * op.out.elements, "convert is an operation")
    else:
        rest = item.counts.operations - FLOPS_PER_MAC * counts.macs - counts.transcendentals
        yield Line("other operations", rest, "1 per element; inputs - outputs of a reduction; ops by parts", rest)
        yield Line("transcendentals", 0, "a key of their own", counts.transcendentals)


_FUNCTIONAL = "a function, and thop hooks modules"
_HOOKLESS = "the module has no hook"
CONVENTIONS: Mapping[str, Convention] = {
    convention.name: convention
    for convention in (
        Convention("mac", "MACs", "torchvision's GFLOPS column, TF-slim's MACs", _mac),
        Convention("fvcore", "FLOPs, one a MAC", "fvcore 0.1.5.post20221221, nn/flop_count.py and nn/jit_handles.py",
                   _fvcore, {"attention": "scaled_dot_product_attention is unsupported",
                             "recurrent": "lstm, gru and rnn_tanh are unsupported"}),
        Convention("xla", "FLOPs, two a MAC", "XLA hlo_cost_analysis.cc, as in jaxlib 0.10.2", _xla,
                   {_BATCH_NORM: "batch-norm-inference is a TODO in the source"}),
        Convention("thop", "operations, one a MAC", "thop 0.1.1.post2209072238, profile.py, vision/ and rnn_hooks.py",
                   _thop, {"product": _FUNCTIONAL, "einsum": _FUNCTIONAL, "attention": _FUNCTIONAL,
                           "Softmax": f"taken for {_FUNCTIONAL}", "GroupNormalization": _HOOKLESS,
                           "InstanceNormalization": "nn.GroupNorm, as exported: " + _HOOKLESS}),
        Convention("torch", "FLOPs, two a MAC", "torch 2.13.0, utils/flop_counter.py", _torch,
                   {"recurrent": "the fused LSTM has no formula"}),
    )
}  # fmt: skip


def count(analysis: "Analysis", name: str) -> ConventionTotal:
    """The model's total under the convention `name`, over all executions.

    Raises KeyError for a name that is none.
    """
    convention, model = CONVENTIONS[name], analysis.model
    works, executions = model.column(Work), model.column(Executions)
    counted: dict[tuple[str, str], _Sum] = {}
    left: dict[tuple[str, str], _Sum] = {}
    unknown = 0
    for key, row, stored, reshaped in _rows(model):
        work, times = works[key], executions[key].count
        if row.role != "compute" or row.op.function is not None or not times:
            continue
        try:
            if work.counts is None:
                raise NotModelledError(work.note)
            family = _family(row, stored) if work.counts.macs else ""
            item = _Item(view_of(row), work, work.counts, family, not reshaped.isdisjoint(row.op.inputs[:1]))
            parts = list(convention.rule(item))
        except NotModelledError:
            unknown += 1
            continue
        rest = item.counts.operations - sum(part.ours for part in parts)
        if any(part.value for part in parts):
            parts.append(Line("bias, scale and other parts", 0, "no rule there", rest))
        else:
            why = convention.silent.get(family) or convention.silent.get(row.op.op_type) or "no rule there"
            parts.append(Line("", 0, why, rest))
        for part in parts:
            if part.value or part.ours:
                sums, what = counted if part.value else left, part.label or row.op.qualified_type
                entry = sums.setdefault((what, part.reason), _Sum())
                entry.value += part.value * times
                entry.ours += part.ours * times
                entry.types[row.op.qualified_type] = None
    lines = _lines(counted)
    return ConventionTotal(name, convention.unit, sum(line.value for line in lines), lines, _lines(left), unknown)


class _Sum(Struct):
    value: "int | Fraction" = 0
    ours: "int | Fraction" = 0
    types: dict[str, None] = field(default_factory=dict)


def _lines(sums: Mapping[tuple[str, str], _Sum]) -> tuple[Line, ...]:
    """The largest first."""
    lines = []
    for (what, reason), entry in sums.items():
        types = ", ".join(entry.types) if len(entry.types) <= SHOWN_TYPES else f"{len(entry.types)} op types"
        label = what if what in entry.types else f"{what} of {types}"
        lines.append(Line(label, round(entry.value), reason, round(entry.ours)))
    return tuple(sorted(lines, key=lambda line: (-line.value, -line.ours, line.label)))


def _rows(model: "Model") -> Iterator[tuple[str, TypedOp, set[str], set[str]]]:
    """Every row with the names that hold stored values in its scope, and those that a Reshape has made there."""
    members: dict[str, list[tuple[str, TypedOp]]] = {}
    for key, row in model.column(TypedOp).items():
        members.setdefault(row.scope, []).append((key, row))
    pending: list[tuple[str, Graph | None, set[str]]] = [("", model.graph, set())]
    seen = {""}
    while pending:
        scope, graph, outer = pending.pop()
        stored = outer | set(graph.stored if graph is not None else ())
        reshaped: set[str] = set()
        for key, row in members.get(scope, ()):
            if row.role == "constant":
                stored.update(row.op.outputs)
            if row.op.op_type == "Reshape":
                reshaped.update(row.op.outputs)
            yield key, row, stored, reshaped
            for body in row.bodies:
                if body.scope in seen:
                    continue
                seen.add(body.scope)
                inner, given = row.op.bodies.get(body.attribute), stored
                if row.op.function is not None:
                    inner = model.functions[row.op.function].graph
                    pairs = zip(inner.inputs, row.op.inputs, strict=False)
                    given = {formal.name for formal, name in pairs if name in stored}
                pending.append((body.scope, inner, given))
