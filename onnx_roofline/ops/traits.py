"""What an op is, whatever its operands: what passes ask instead of its name. Stated at the op's cost rule."""

from collections.abc import Mapping
from typing import Literal

from msgspec import Struct

from onnx_roofline.ir.records import KernelRole

# How an op takes part when the DequantizeLinear and QuantizeLinear around it fold into it: not at all, as a product
# (which may have one operand alone dequantised), as arithmetic on quantised tensors, or as a move of quantised data.
QuantizedForm = Literal["none", "product", "arithmetic", "move"]

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
    new ones. `attends`: scores, softmax and the product with the values are one op.

    `quantizes` and `dequantizes` change between numbers and their quantised form. `quantized_form` says how an op
    computes between the two, `bias_at` which operand is its bias (0: none).
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
    attends: bool = False
    quantizes: bool = False
    dequantizes: bool = False
    quantized_form: QuantizedForm = "none"
    bias_at: int = 0


NO_TRAITS = Traits()

# The one op that a kernel of a role is, to a device which has that op.
ROLE_OPS: Mapping[KernelRole, str] = {"attention": "Attention", "none": ""}
