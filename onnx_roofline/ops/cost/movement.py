"""Ops that move data or only rename it: views, gathers, scatters, slices, concatenations, casts."""

from onnx_roofline.base.units import dmax, dmin
from onnx_roofline.ir.records import Counts, Work
from onnx_roofline.ops.cost.registry import as_view, rule, view, work
from onnx_roofline.ops.traits import Traits
from onnx_roofline.ops.view import OpView

_MOVES = Traits(quantized_form="move")
RENAMES = Traits(quantized_form="move", renames=True)

view("Reshape", "Flatten", "Squeeze", "Unsqueeze", why="the same bytes under another shape", traits=RENAMES)
view("Identity", why="the same bytes under another name", traits=RENAMES)
view("Shape", "Size", why="the answer follows from the shape", aliases=None, traits=Traits(asks_shape=True))
view("Constant", why="the bytes are in the file", aliases=None)
view("BitCast", why="the same bits under another type")


@rule("Concat", traits=Traits(joins=True, quantized_form="move"))
def concat(op: OpView) -> Work:
    """nothing; copies every input into the output.

    Source: ONNX Concat-13.
    """
    return work(op)


@rule("Cast", "CastLike", traits=Traits(rearranges=True, rescales=(0,)))
def cast(op: OpView) -> Work:
    """nothing; n conversions, counted as movement at the two widths; a cast to the same type is a view.

    Source: ONNX Cast-21.
    """
    if op.x.dtype == op.out.dtype:
        return as_view(op, "cast to the same type")
    return work(op, reads={1: 0})


@rule("Transpose", traits=Traits(rearranges=True, permutes=True, quantized_form="move"))
def transpose(op: OpView) -> Work:
    """nothing; reads and writes all, or a view where only axes of size 1 change place.

    Source: ONNX Transpose-13.
    """
    shape = op.x.shape
    order = op.ints_attr("perm", tuple(reversed(range(len(shape)))))
    kept = [axis for axis in order if shape[axis] != 1]
    if kept == sorted(kept):
        return as_view(op, "only axes of size 1 change place")
    return work(op)


@rule("Trilu", "ReverseSequence", traits=_MOVES)
@rule("CenterCropPad")
@rule("Pad", "DepthToSpace", "SpaceToDepth", traits=_MOVES)
@rule("Expand", "Tile", traits=Traits(rearranges=True, quantized_form="move"))
@rule("Slice", "Split", traits=Traits(selects=True, quantized_form="move"))
def touched(op: OpView) -> Work:
    """nothing; reads only what it needs of the first input, writes its outputs.

    Source: ONNX Slice-13, Split-18, Expand-13, Tile-13, Pad-21.
    """
    written = sum(operand.elements for operand in op.outputs if operand is not None)
    return work(op, reads={0: dmin(op.x.elements, written)}, dtype=op.x.dtype)


@rule("GatherElements", "GatherND", traits=Traits(selects=True, indices_at=1, quantized_form="move"))
@rule("Gather", traits=Traits(selects=True, indices_at=1, quantized_form="move"))
def gather(op: OpView) -> Work:
    """nothing; reads the indices and the elements they pick, not the whole table.

    Source: ONNX Gather-13; indices are taken to be distinct, and never more than the table is read.
    """
    return work(op, reads={0: dmin(op.x.elements, op.out.elements)}, dtype=op.x.dtype)


@rule("Scatter")
@rule("ScatterElements", "ScatterND", traits=Traits(updates_at=2))
def scatter(op: OpView) -> Work:
    """adds, muls or compares: updates, with a reduction; copies the data and overwrites the updates.

    Reads data, indices and updates; writes the output. Source: ONNX ScatterElements-18, ScatterND-18.
    """
    classes = {"add": Counts(adds=1), "mul": Counts(muls=1), "max": Counts(compares=1), "min": Counts(compares=1)}
    each = classes.get(op.str_attr("reduction", "none"))
    if each is None:
        return work(op, dtype=op.x.dtype)
    # Elementwise scatters have one update per index.
    sized = op.input(2 if op.op_type == "ScatterND" or op.input(2).type.is_known else 1)
    return work(op, each.scaled(sized.elements), dtype=op.x.dtype)


@rule("ConstantOfShape", "EyeLike")
def filled(op: OpView) -> Work:
    """nothing; writes the output.

    Source: ONNX ConstantOfShape-9, EyeLike-9.
    """
    return work(op, reads={0: 0}, dtype=op.out.dtype)


@rule("Range")
def range_(op: OpView) -> Work:
    """adds: n.

    Source: ONNX Range-11.
    """
    return work(op, Counts(adds=op.out.elements), dtype=op.out.dtype)


@rule("OneHot")
def one_hot(op: OpView) -> Work:
    """int_ops: n, one comparison with an index for each output element.

    Source: ONNX OneHot-11.
    """
    return work(op, Counts(int_ops=op.out.elements), dtype=op.out.dtype)


@rule("NonZero")
def non_zero(op: OpView) -> Work:
    """compares: N; writes at most rank x N indices.

    Source: ONNX NonZero-13.
    """
    return work(op, Counts(compares=op.x.elements), dtype=op.x.dtype)


@rule("Compress")
def compress(op: OpView) -> Work:
    """nothing; reads the condition and at most the elements that it keeps.

    Source: ONNX Compress-11; how many are kept depends on values.
    """
    kept = op.out.type.elements
    return work(op, reads={0: op.x.elements if kept is None else dmin(op.x.elements, kept)}, dtype=op.x.dtype)


@rule("Unique")
def unique(op: OpView) -> Work:
    """compares: N ceil(log2 R), a merge sort of R slices of N elements together.

    R is the length of the axis, N without one. Source: ONNX Unique-11; the algorithm is the runtime's choice.
    """
    slices = op.x.shape[op.int_attr("axis", 0)] if "axis" in op.attributes else op.x.elements
    counts = Counts(compares=op.x.elements * dmax(0, slices - 1).bit_length())
    return work(op, counts, dtype=op.x.dtype, status="heuristic")


@rule("TensorScatter", traits=Traits(updates_at=1))
def tensor_scatter(op: OpView) -> Work:
    """nothing; reads the update and writes it into the cache, which stays where it is.

    Source: ONNX TensorScatter-24, "models an in-place update to a KV cache buffer".
    """
    return work(op, reads={0: 0}, writes={0: op.input(1).elements}, note="the cache is updated in place")


@rule("MaxUnpool")
def max_unpool(op: OpView) -> Work:
    """nothing; reads values and indices, writes the whole output.

    Source: ONNX MaxUnpool-11.
    """
    return work(op)
