"""Ops that move data or only rename it: views, gathers, scatters, slices, concatenations, casts."""

from onnx_roofline.op_rules.registry import OpView, rule, view, work
from onnx_roofline.records import Counts, Work
from onnx_roofline.units import dmin, product

view("Reshape", "Flatten", "Squeeze", "Unsqueeze", why="the same bytes under another shape")
view("Identity", why="the same bytes under another name")
view("Shape", "Size", why="the answer follows from the shape")
view("Constant", why="the bytes are in the file")
view("Optional", "OptionalGetElement", "OptionalHasElement", why="a container around the same bytes")


@rule("Concat")
def concat(op: OpView) -> Work:
    """nothing; copies every input into the output.

    Source: ONNX Concat-13.
    """
    return work(op)


@rule("Cast", "CastLike")
def cast(op: OpView) -> Work:
    """nothing; n conversions, counted as movement at the two widths; a cast to the same type is a view.

    Source: ONNX Cast-21.
    """
    if op.x.dtype == op.out.dtype:
        return Work(Counts(), (0,) * len(op.inputs), (0,), moves_data=False, compute_dtype=op.x.dtype,
                    note="cast to the same type")  # fmt: skip
    return work(op, reads={1: 0})


@rule("Dropout")
def dropout(op: OpView) -> Work:
    """nothing: inference; the mask, if asked for, is written.

    Source: ONNX Dropout-13.
    """
    mask = op.outputs[1].type.elements if len(op.outputs) > 1 and op.outputs[1] is not None else 0
    is_view = not mask
    return Work(Counts(), (0,) * len(op.inputs), (0, mask)[: len(op.outputs)], moves_data=not is_view,
                compute_dtype=op.x.dtype, note="the identity at inference")  # fmt: skip


@rule("Transpose")
def transpose(op: OpView) -> Work:
    """nothing; reads and writes all, or a view where only axes of size 1 change place.

    Source: ONNX Transpose-13.
    """
    shape = op.x.shape
    order = op.ints_attr("perm", tuple(reversed(range(len(shape)))))
    kept = [axis for axis in order if shape[axis] != 1]
    if kept == sorted(kept):
        return Work(Counts(), (0,), (0,), moves_data=False, compute_dtype=op.x.dtype,
                    note="only axes of size 1 change place")  # fmt: skip
    return work(op)


@rule("Slice", "Split", "Expand", "Tile", "Pad", "DepthToSpace", "SpaceToDepth", "Trilu", "ReverseSequence")
def touched(op: OpView) -> Work:
    """nothing; reads only what it needs of the first input, writes its outputs.

    Source: ONNX Slice-13, Split-18, Expand-13, Tile-13, Pad-21.
    """
    written = sum(operand.elements for operand in op.outputs if operand is not None)
    return work(op, reads={0: dmin(op.x.elements, written)}, dtype=op.x.dtype)


@rule("Gather", "GatherElements", "GatherND")
def gather(op: OpView) -> Work:
    """nothing; reads the indices and the elements they pick, not the whole table.

    Source: ONNX Gather-13; indices are taken to be distinct, and never more than the table is read.
    """
    return work(op, reads={0: dmin(op.x.elements, op.out.elements)}, dtype=op.x.dtype)


@rule("Scatter", "ScatterElements", "ScatterND")
def scatter(op: OpView) -> Work:
    """adds, muls or compares: updates, with a reduction; copies the data and overwrites the updates.

    Reads data, indices and updates; writes the output. Source: ONNX ScatterElements-18, ScatterND-18.
    """
    updates = op.input(2).elements
    reduction = op.str_attr("reduction", "none")
    classes = {"add": Counts(adds=1), "mul": Counts(muls=1), "max": Counts(compares=1), "min": Counts(compares=1)}
    return work(op, classes.get(reduction, Counts()).scaled(updates), dtype=op.x.dtype)


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
    """compares: n, in the element type of the indices.

    Source: ONNX OneHot-11.
    """
    return work(op, Counts(int_ops=op.out.elements), dtype=op.out.dtype)


@rule("NonZero")
def non_zero(op: OpView) -> Work:
    """compares: N; writes at most rank x N indices.

    Source: ONNX NonZero-13.
    """
    return work(op, Counts(compares=product(op.x.shape)), dtype=op.x.dtype)
