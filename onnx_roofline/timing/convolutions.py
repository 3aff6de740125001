"""Time of convolutions on a GPU, as implicit products: images x positions by output channels over taps x channels.

No kernel divides K over blocks here. A matrix unit takes channels in units of 16 bytes (8 in 16 bit, 4 in TF32), so
few channels are padded; where plain multiply-adds are faster (the first convolution of a network), they count. A
depthwise convolution has no channels to contract and runs on the vector units, bound by memory; types that these do not
multiply are widened as they are read, 8 bits and fewer to int32 or float16.
Ignores Winograd and FFT kernels, which do fewer multiply-adds.
Source: NVIDIA, "Convolutional Layers User's Guide" (implicit GEMM, channel alignment).
"""

from msgspec.structs import replace

from onnx_roofline.base.units import DTYPE_BITS, FLOAT_DTYPES, FLOPS_PER_MAC, ceil_div
from onnx_roofline.hardware.gpu_model import GpuModel
from onnx_roofline.ir.kernel_work import Product
from onnx_roofline.timing.products import Engine, ProductTime, engine_of, operand_bytes, product_time

CHANNEL_UNIT_BYTES = 16
# Widest element that vector units widen as they read it.
_NARROW_BITS = 8


def convolution_time(
    gpu: GpuModel, convolution: Product, math: str, dram_s: float, layout_s: float = 0.0
) -> tuple[ProductTime, Engine] | None:
    """The faster of the padded matrix path and the vector path, and its engine; None where the GPU has neither.

    `layout_s` is what bringing images to the layout of the matrix unit takes; it is not in the time that is returned.
    """
    found: list[tuple[ProductTime, Engine]] = []
    matrix = engine_of(gpu, math)
    if matrix is not None and matrix.is_matrix and not convolution.is_depthwise:
        padded = with_padded_channels(convolution, channel_unit(operand_bytes(math)))
        found.append((product_time(matrix, padded, dram_s, convolution=True), matrix))
    vector = engine_of(gpu, math, matrix=False)
    if vector is None and convolution.is_depthwise:
        vector = engine_of(gpu, _widened(math), matrix=False)
    if vector is not None:
        if convolution.is_depthwise:
            arithmetic_s = FLOPS_PER_MAC * convolution.macs / vector.flops_per_s
            exposed = vector.tiles.exposed_share(convolution.taps)
            total_s = max(arithmetic_s, dram_s) + exposed * min(arithmetic_s, dram_s)
            found.append((ProductTime(arithmetic_s, 0.0, total_s, (1, 1), 1), vector))
        else:
            found.append((product_time(vector, convolution, dram_s, convolution=True), vector))
    return min(found, key=lambda one: one[0].total_s + layout_s * one[1].is_matrix, default=None)


def _widened(math: str) -> str:
    """What the vector units multiply in place of a narrow type. Ignores dp4a, four products of int8 at once: a
    depthwise convolution sums over few taps, which no kernel packs for it.

    >>> _widened("uint8"), _widened("float8e4m3fn")
    ('int32', 'float16')
    """
    if DTYPE_BITS.get(math, _NARROW_BITS + 1) > _NARROW_BITS:
        return math
    return "float16" if math in FLOAT_DTYPES else "int32"


def channel_unit(element_bytes: float) -> int:
    """Channels that fill 16 bytes: what a matrix unit loads at once.

    >>> channel_unit(2), channel_unit(4)
    (8, 4)
    """
    return max(1, round(CHANNEL_UNIT_BYTES / element_bytes))


def with_padded_channels(convolution: Product, unit: int) -> Product:
    """The implicit product with its input channels rounded up to `unit`.

    >>> first = Product(1, 64, 3 * 49, 112 * 112, taps=49)  # the first convolution of a ResNet
    >>> with_padded_channels(first, 8).depth
    392
    """
    channels = convolution.depth // convolution.taps
    return replace(convolution, depth=ceil_div(channels, unit) * unit * convolution.taps)
