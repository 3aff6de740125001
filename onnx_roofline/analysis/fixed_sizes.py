"""Reshapes and states that hard-code a size which the user overrides: the model can't run with another as it is."""

from typing import TYPE_CHECKING

from msgspec.structs import replace

from onnx_roofline.base.errors import ShapeError
from onnx_roofline.ir.graph import Model
from onnx_roofline.ir.pipeline import Pipeline
from onnx_roofline.ir.records import TypedOp
from onnx_roofline.load import DimOptions, ParsedModel, bind
from onnx_roofline.ops.shape.ties import is_tying, ties_of
from onnx_roofline.ops.view import view_of

if TYPE_CHECKING:
    from onnx_roofline.passes.shape_inference import ShapeInference


def refuse_hard_coded(parsed: ParsedModel, options: DimOptions, model: Model, inference: "ShapeInference") -> None:
    """Raises ShapeError where a Reshape writes the size of the file though its input has another one, or where an op
    ties operands together of which one keeps it, such as the initial state of an LSTM.

    The shapes with the sizes of the file are compared with those that are asked for: where the first axis of what goes
    in follows the option and the first axis of what comes out does not, the shape is a constant.
    """
    overridden = {key: dim for key, dim in model.dims.items() if dim.is_overridden}
    if not overridden:
        return
    others = {key: dim.value for key, dim in model.dims.items() if not (dim.is_overridden or dim.is_computed)}
    unranked = {
        one.name: options.input_shapes[one.name]
        for one in parsed.graph.inputs
        if one.symbols is None and one.name in options.input_shapes
    }
    lenient = Pipeline((replace(inference, leaves_contradictions=True),))
    fixed = lenient.run(bind(parsed, DimOptions(others, unranked))).column(TypedOp)
    stated = ", ".join(f"{key}={dim.value}" for key, dim in overridden.items())
    for key, row in lenient.run(model).column(TypedOp).items():
        if not row.contradiction and is_tying(row.op.domain, row.op.op_type):
            _refuse_broken_tie(parsed.info.path, key, row, stated)
        if row.op.op_type != "Reshape" or row.op.domain or key not in fixed:
            continue
        if row.contradiction or _keeps_first_axis(row, fixed[key]):
            name = f" ({row.op.name!r})" if row.op.name else ""
            before, after = fixed[key].outputs[0], row.inputs[0]
            raise ShapeError(
                f"{parsed.info.path}: node {key}{name}: the Reshape hard-codes the size that {stated} overrides: it "
                f"makes {before} of the file's sizes and found {after} to reshape; export the model with that dim open"
            )


def _refuse_broken_tie(path: str, key: str, row: TypedOp, stated: str) -> None:
    for tie in ties_of(view_of(row)):
        if tie.is_strict and tie.length != tie.wanted:
            raise ShapeError(
                f"{path}: node {key}: {tie.what}: found {tie.length}, wanted {tie.wanted} for {stated}, which "
                "overrides the size of the file; export the model with that dim open"
            )


def _keeps_first_axis(row: TypedOp, fixed: TypedOp) -> bool:
    """Whether only the input's first axis follows the option."""
    kinds = (row.inputs[0], fixed.inputs[0], row.outputs[0], fixed.outputs[0])
    if any(kind is None or not kind.is_known or not kind.dims for kind in kinds):
        return False
    before, before_fixed, after, after_fixed = (kind.dims[0] for kind in kinds if kind is not None)
    return before != before_fixed and after == after_fixed
