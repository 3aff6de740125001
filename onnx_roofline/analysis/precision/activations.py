"""Activations in 8 bits: each tensor that a product with weights reads goes through a Q and a DQ op, for all readers.

One scale a tensor, stored, as a calibration finds it (static quantisation). Products of two activations, those of
attention, stay floating. A product that has no integer kernel with a floating result, a convolution, is followed by a
pair too, behind the activation and the sums that it fuses with. Biases stay floating.
Source: onnxruntime 1.32, quantize_static with MatMulConstBOnly and OpTypesToExcludeOutputQuantization=["MatMul"].
"""

from onnx_roofline.analysis.precision.edit import ModelEdit
from onnx_roofline.analysis.precision.spec import Precision
from onnx_roofline.analysis.precision.uses import Uses
from onnx_roofline.analysis.precision.weights import Matrix, has_zero_point, zeros_of
from onnx_roofline.base.units import dtype_number
from onnx_roofline.fusion.quantized import EPILOGUE_OPS
from onnx_roofline.fusion.quantized_tensors import Place
from onnx_roofline.ops.cost.lookup import traits_of


def quantize_activations(uses: Uses, edit: ModelEdit, matrices: list[Matrix], precision: Precision) -> int:
    """Put a pair behind every tensor that a product with weights reads; how many tensors there are."""
    wanted: dict[Place, None] = {}
    ends: dict[Place, None] = {}
    held = {matrix.stored.place for matrix in matrices}
    for matrix in matrices:
        for read in matrix.reads:
            for key, position in uses.products(read)[0]:
                row = uses.rows[key]
                product = uses.contraction((key, position))
                assert product is not None, "a product has a contraction"
                for at in (product.lhs, product.rhs):
                    place = None if at is None or at == position else uses.names.place(row.scope, row.op.inputs[at])
                    if place is not None and place not in held and not uses.names.is_stored(place):
                        wanted[place] = None
                if not traits_of(row.op).float_result:
                    ends[_end_of_epilogue(uses, key)] = None
    for place in {**wanted, **ends}:
        _pair(uses, edit, place, precision)
    return len(wanted)


def _end_of_epilogue(uses: Uses, key: str) -> Place:
    """The last tensor of what a product's kernel works on: what alone reads its result, element by element."""
    row = uses.rows[key]
    for _ in range(EPILOGUE_OPS):
        made = row.scope, row.op.outputs[0]
        readers = uses.reads.get(made, [])
        if len(readers) != 1 or made in uses.names.kept:
            return made
        after = uses.rows[readers[0][0]]
        is_next = traits_of(after.op).quantized_form == "arithmetic" and after.scope == row.scope
        if not is_next or after.outputs[0].shape != row.outputs[0].shape:
            return made
        row = after
    return row.scope, row.op.outputs[0]


def _pair(uses: Uses, edit: ModelEdit, place: Place, precision: Precision) -> None:
    """Q and DQ behind a tensor. Its readers see the DQ op's result under the tensor's name, but for a graph input's."""
    scope, name = place
    graph = edit.of(uses.names.graphs[scope])
    maker = uses.names.makers.get(place)
    quantized, restored = edit.new_name(f"{name}_quantized"), name
    source = name
    if maker is None:
        restored = edit.new_name(f"{name}_dequantized")
        module = ""
    else:
        row = uses.rows[maker]
        module, source = row.op.module, edit.new_name(f"{name}_float")
        graph.make(row.op, row.op.outputs.index(name), source)
    inputs = beside(uses, edit, place, precision.activations)
    before = graph.new_op("QuantizeLinear", (source, *inputs), quantized, module, result_of(precision.activations))
    after = graph.new_op("DequantizeLinear", (quantized, *inputs), restored, module, {})
    if maker is not None:
        graph.behind.setdefault(uses.rows[maker].op.id, []).extend((before, after))
        return
    graph.first += (before, after)
    for key, position in uses.reads[place]:
        reader = uses.rows[key]
        edit.of(uses.names.graphs[reader.scope]).read(reader.op, position, restored)


def beside(uses: Uses, edit: ModelEdit, place: Place, dtype: str, *, zero_point: bool = True) -> tuple[str, ...]:
    """Names of the one scale of a tensor, and of its zero point where integers have one, which are stored."""
    scope, name = place
    graph = edit.of(uses.names.graphs[scope])
    scale = graph.hold(edit.new_name(f"{name}_scale"), uses.dtype(place), ())
    if zero_point and has_zero_point(dtype):
        return scale, graph.hold(edit.new_name(f"{name}_zero_point"), dtype, (), zeros_of(dtype, (), 1))
    return (scale,)


def result_of(dtype: str) -> dict[str, int]:
    """The attributes of a Q op by which it makes a type that no zero point shows."""
    return {} if has_zero_point(dtype) else {"output_dtype": dtype_number(dtype)}
