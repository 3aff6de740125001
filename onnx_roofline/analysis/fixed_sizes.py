"""Reshapes and states that hard-code a size which the user overrides: the model can't run with another as it is."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from msgspec.structs import replace

from onnx_roofline.base.errors import ShapeError
from onnx_roofline.base.text import shown
from onnx_roofline.ir.graph import Model
from onnx_roofline.ir.pipeline import Pipeline
from onnx_roofline.ir.records import TypedOp
from onnx_roofline.load import DimOptions, ParsedModel, bind
from onnx_roofline.ops.shape.targets import position_of_target
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
    found = lenient.run(model).column(TypedOp)
    for key, row in found.items():
        if not row.contradiction and is_tying(row.op.domain, row.op.op_type):
            _refuse_broken_tie(parsed.info.path, key, row, stated)
        if key not in fixed:
            continue
        if row.op.op_type != "Reshape" or row.op.domain:
            if row.contradiction:
                _refuse_kept_size(model, key, found, fixed, stated)
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
    """Whether only the input's first axis follows the option; not where the option leaves as many elements."""
    kinds = (row.inputs[0], fixed.inputs[0], row.outputs[0], fixed.outputs[0])
    if any(kind is None or not kind.is_known or not kind.dims for kind in kinds):
        return False
    (before, *_), (before_fixed, *_), (after, *_), (after_fixed, *_) = (kind.dims for kind in kinds if kind is not None)
    return before != before_fixed and after == after_fixed and row.outputs[0].elements != fixed.outputs[0].elements


def _refuse_kept_size(
    model: Model, key: str, found: Mapping[str, TypedOp], fixed: Mapping[str, TypedOp], stated: str
) -> None:
    """Raises ShapeError where an operand keeps the shape of the file beside one that follows the option."""
    row = found[key]
    operands = [
        (name, kind, kind == before)
        for name, kind, before in zip(row.op.inputs, row.inputs, fixed[key].inputs, strict=True)
        if kind is not None and kind.is_known and kind.dims
    ]
    follows = next(((name, kind) for name, kind, is_kept in operands if not is_kept), None)
    # Axes, sizes and indices have no batch.
    alike = [(name, kind) for name, kind, is_kept in operands if is_kept and follows and kind.dtype == follows[1].dtype]
    if follows is None or not alike:
        return
    kept = alike[0]
    maker = _maker_of(kept[0], row.scope, found, model)
    raise ShapeError(
        f"{model.info.path}: node {key}: {shown(kept[0])} {kept[1]}, {maker}, keeps the size of the file "
        f"beside {shown(follows[0])} {follows[1]}, which follows {stated}; export the model with that dim open"
    )


def _maker_of(name: str, scope: str, found: Mapping[str, TypedOp], model: Model) -> str:
    """What fixes the size of a tensor: the op whose shape is a constant, an input, or that the file stores it."""
    inputs = {one.name for one in model.graph.inputs}
    makers = {output: key for key, row in found.items() if row.scope == scope for output in row.op.outputs if output}
    seen = set[str]()
    while name in makers and name not in seen:
        seen.add(name)
        row = found[makers[name]]
        position = position_of_target(row.op.op_type, row.op.domain)
        if position is not None:
            return f"whose shape {makers[name]} hard-codes"
        made = [one for one in row.op.inputs if one in makers]
        if not made:
            break
        name = made[0]
    if name in inputs and not scope:
        return "an input of that size"
    return f"which {makers[name]} makes" if name in makers else "which the file stores"
