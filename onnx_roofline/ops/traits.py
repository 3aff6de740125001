"""What an op is, whatever its operands: what passes ask instead of its name. Stated at the op's cost rule."""

from collections.abc import Mapping
from typing import Literal

from msgspec import Struct

from onnx_roofline.ir.records import KernelRole

# How an op takes part when the DequantizeLinear and QuantizeLinear around it fold into it: not at all; as a product,
# which multiplies quantised tensors or dequantises single operands as it reads them; as a contraction inside other
# float arithmetic, which dequantises its operands as it reads them ("operand"); as elementwise or pooling arithmetic,
# which needs all of its operands quantised and a QuantizeLinear behind; or as a move, which works on any element type.
QuantizedForm = Literal["none", "product", "operand", "arithmetic", "move"]

# What a body is run for: the iterations of a loop, or each slice of the scan inputs.
BodyForm = Literal["none", "loop", "scan"]


class Traits(Struct, frozen=True):
    """Traits of one op; an op without any has the defaults.

    `rearranges`: the result holds the values of the first input in another order, at another width or repeated.
    `permutes`: it holds them in another order. `selects`: the results are pieces of the first input; `indices_at` is
    the position of the indices that pick them, 0 where the pieces are slices. `asks_shape`: the result follows from the
    shape of the first input, of which no byte is read. `scaled_at`: positions of the operands that the result holds
    scaled or shifted by the other one. `joins`: the result holds the rows of every input, one behind the other.
    `updates_at`: position of the rows that are written into a copy of the first input; 0 for an op that writes none.
    `blends_at`: positions of two operands of which the result has elements of each. `runs_bodies`: how the bodies'
    formal inputs and outputs belong to those of the op.

    `cache_inputs`: positions of keys and values of earlier runs; as many outputs from the second on hold them with the
    new ones. `cache_scales_at`: positions of the scales of narrow ones, one for each. `attends`: scores, softmax and
    the product with the values are one op.

    `quantizes` and `dequantizes` change between numbers and their quantised form. `quantized_form` says how an op
    computes between the two, `bias_at` which operand is its bias (0: none). `float_result`: integer kernels of the
    product exist that leave its result in floating point. `renames`: a move whose result is the bytes of its first
    input. `rescales` are the positions of operands that the op only scales where all others are lone numbers: it is
    part of the scale of a dequantisation before it.
    """

    rearranges: bool = False
    permutes: bool = False
    selects: bool = False
    indices_at: int = 0
    asks_shape: bool = False
    scaled_at: tuple[int, ...] = ()
    joins: bool = False
    updates_at: int = 0
    blends_at: tuple[int, ...] = ()
    runs_bodies: BodyForm = "none"
    cache_inputs: tuple[int, ...] = ()
    cache_scales_at: tuple[int, ...] = ()
    attends: bool = False
    quantizes: bool = False
    dequantizes: bool = False
    quantized_form: QuantizedForm = "none"
    bias_at: int = 0
    float_result: bool = False
    renames: bool = False
    rescales: tuple[int, ...] = ()


NO_TRAITS = Traits()
OPERANDS = Traits(quantized_form="operand")
QUANTIZES = Traits(rearranges=True, quantizes=True)
DEQUANTIZES = Traits(rearranges=True, dequantizes=True)

# The one op that a kernel of a role is, to a device which has that op.
ROLE_OPS: Mapping[KernelRole, str] = {"attention": "Attention", "none": ""}
