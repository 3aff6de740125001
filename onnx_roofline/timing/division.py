"""A kernel in part: its work for some of its vectors, outputs or heads, and which of them two devices may divide."""

from collections.abc import Callable

from msgspec import Struct
from msgspec.structs import replace

from onnx_roofline.base.units import ceil_div
from onnx_roofline.hardware import System
from onnx_roofline.ir.kernel_work import KernelWork, Operations
from onnx_roofline.ir.placed_records import Axis

# PIMFlow tries every tenth of a convolution's height. Source: PIMFlow, CGO 2023.
HEIGHT_STEPS = 10


class Division(Struct, frozen=True):
    """How a kernel can be divided: along which axis, into how many units, of which each part takes a multiple."""

    axis: Axis
    extent: int
    alignment: int = 1


def division_of(system: System, work: KernelWork) -> tuple[Division | None, str]:
    """(how two devices may divide a kernel, "") or (None, why they can't).

    Where the PIM's profile states `split_axes` only those count: `height` is a convolution's, in tenths; `rows` and
    `batch` are vectors; `columns` are outputs. Otherwise outputs, in multiples of the PIM's alignment; several products
    that belong together, as attention's, are divided by heads.
    """
    product = work.product
    if product is None:
        return None, "it is no product with outputs to divide"
    _, device, _ = system.pair
    pim = device.pim
    axes = pim.split_axes if pim is not None else ()
    if len(work.products) > 1 or work.resident == "kv":
        if axes and "heads" not in axes:
            return None, f"{device.slug} divides along {', '.join(axes)} alone"
        if work.resident == "weight" or any(other.batch != product.batch for other in work.products):
            return None, "its products are not of one kind"
        heads = Division("heads", product.batch)
        return (heads, "") if product.batch > 1 else (None, "it has one head")
    if not axes or "columns" in axes:
        alignment = pim.align.n if pim is not None else 1
        if product.outputs < 2:
            return None, "it is no product with outputs to divide"
        return Division("outputs", product.outputs, min(alignment, product.outputs)), ""
    if "height" in axes and work.is_convolution and product.vectors >= HEIGHT_STEPS:
        return Division("vectors", HEIGHT_STEPS), ""
    if ("rows" in axes or "batch" in axes) and product.vectors > 1:
        return Division("vectors", product.vectors), ""
    return None, f"{device.slug} divides along {', '.join(axes)} alone"


def part_of(work: KernelWork, division: Division, units: int) -> KernelWork:
    """The work of `units` of the extent. An operand that the axis does not run through is read whole by each part."""
    extent = division.extent
    assert work.product is not None, "what can be divided has a product"
    if division.axis == "vectors":
        return with_vectors(work, ceil_div(work.product.vectors * units, extent))

    def part(size: int) -> int:
        return (size * units + extent // 2) // extent

    activation_bytes = 0 if division.axis == "heads" else work.activation_in_bytes

    def moved(size: int | None) -> int | None:
        if size is None:
            return None
        shared = min(activation_bytes, size)
        return part(size - shared) + shared

    products = (
        replace(
            one,
            batch=units if division.axis == "heads" else one.batch,
            outputs=one.outputs if division.axis == "heads" else max(1, part(one.outputs)),
            resident_bytes=part(one.resident_bytes),
        )
        for one in work.products
    )
    return replace(
        work,
        operations=_scaled(work.operations, part),
        naive_bytes=moved(work.naive_bytes),
        compulsory_bytes=moved(work.compulsory_bytes),
        moved=tuple((slug, moved(size) or 0) for slug, size in work.moved),
        products=tuple(products),
        activation_in_bytes=work.activation_in_bytes if activation_bytes else part(work.activation_in_bytes),
        out_bytes=part(work.out_bytes),
    )


def _scaled(operations: tuple[Operations, ...] | None, part: Callable[[int], int]) -> tuple[Operations, ...] | None:
    if operations is None:
        return None
    return tuple(Operations(one.dtype, part(one.total), part(one.macs), part(one.special)) for one in operations)


def scaled_with_vectors(work: KernelWork) -> str:
    """What "more vectors" means for a kernel, in words; "" where nothing sensible scales.

    Every vector meets a stored operand, so that batch and tokens scale alike. A cache belongs to one sequence: only the
    queries that read it can grow, not the batch.
    """
    product = work.product
    if product is None or not product.vectors:
        return ""
    if work.resident == "weight" and len(work.products) == 1:
        return "images x positions" if work.is_convolution else "batch x tokens"
    if work.resident == "kv" and all(other.vectors == product.vectors for other in work.products):
        return "queries of one cached head, the cache as it is"
    return ""


def with_vectors(work: KernelWork, vectors: int) -> KernelWork:
    """The same kernel for another number of vectors: operations, inputs and results grow, what is resident does not.

    A cache that the kernel also writes, with this step's keys and values, is resident both ways.
    """
    product = work.product
    assert product is not None, "the caller asks for a kernel with vectors"
    resident = sum(one.resident_bytes for one in work.products)
    if work.resident == "kv" and work.out_bytes > resident:
        resident *= 2

    def grown(size: int) -> int:
        return size * vectors // product.vectors

    def moved(size: int | None) -> int | None:
        if size is None:
            return None
        fixed = min(size, resident)
        return fixed + grown(size - fixed)

    return replace(
        work,
        operations=_scaled(work.operations, grown),
        naive_bytes=moved(work.naive_bytes),
        compulsory_bytes=moved(work.compulsory_bytes),
        moved=tuple((slug, moved(size) or 0) for slug, size in work.moved),
        products=tuple(replace(one, vectors=vectors) for one in work.products),
        activation_in_bytes=grown(work.activation_in_bytes),
        out_bytes=grown(work.out_bytes),
    )
