"""A kernel in part: its facts for some of its vectors, outputs or heads, and which of them two devices may divide."""

from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from onnx_roofline.base.units import ceil_div
from onnx_roofline.hardware import System
from onnx_roofline.timing.kernel import KernelFacts

# What is divided: vectors (tokens, pixels), outputs of the resident operand, or independent products (heads).
Axis = Literal["outputs", "vectors", "heads"]
# PIMFlow tries every tenth of a convolution's height. Source: PIMFlow, CGO 2023.
HEIGHT_STEPS = 10


class Division(Struct, frozen=True):
    """How a kernel can be divided: along which axis, into how many units, of which each part takes a multiple."""

    axis: Axis
    extent: int
    alignment: int = 1


def division_of(system: System, facts: KernelFacts) -> tuple[Division | None, str]:
    """(how two devices may divide a kernel, "") or (None, why they can't).

    Where the PIM's profile states `split_axes` only those count: `height` is a convolution's, in tenths; `rows` and
    `batch` are vectors; `columns` are outputs. Otherwise outputs, in multiples of the PIM's alignment; several products
    that belong together, as attention's, are divided by heads.
    """
    product = facts.product
    if product is None:
        return None, "it is no product with outputs to divide"
    pim = system.pim.pim
    axes = pim.split_axes if pim is not None else ()
    if facts.others or facts.resident == "kv":
        if axes and "heads" not in axes:
            return None, f"{system.pim.slug} divides along {', '.join(axes)} alone"
        if facts.resident == "weight" or any(other.batch != product.batch for other, _ in facts.others):
            return None, "its products are not of one kind"
        heads = Division("heads", product.batch)
        return (heads, "") if product.batch > 1 else (None, "it has one head")
    if not axes or "columns" in axes:
        alignment = pim.align.n if pim is not None else 1
        if product.outputs < 2:
            return None, "it is no product with outputs to divide"
        return Division("outputs", product.outputs, min(alignment, product.outputs)), ""
    if "height" in axes and "Conv" in facts.op_types and product.vectors >= HEIGHT_STEPS:
        return Division("vectors", HEIGHT_STEPS), ""
    if ("rows" in axes or "batch" in axes) and product.vectors > 1:
        return Division("vectors", product.vectors), ""
    return None, f"{system.pim.slug} divides along {', '.join(axes)} alone"


def part_of(facts: KernelFacts, division: Division, units: int) -> KernelFacts:
    """The facts of `units` of the extent. An operand that the axis does not run through is read whole by each part."""
    extent = division.extent
    assert facts.product is not None, "what can be divided has a product"
    if division.axis == "vectors":
        return with_vectors(facts, ceil_div(facts.product.vectors * units, extent))

    def part(size: int) -> int:
        return (size * units + extent // 2) // extent

    shared = 0 if division.axis == "heads" else min(facts.activation_in_bytes, facts.moved_bytes)
    (product, large_bytes), *others = (
        (
            replace(one, batch=units) if division.axis == "heads" else replace(one, outputs=max(1, part(one.outputs))),
            part(size),
        )
        for one, size in facts.products
    )
    return replace(
        facts,
        operations=tuple((dtype, part(count)) for dtype, count in facts.operations),
        moved_bytes=part(facts.moved_bytes - shared) + shared,
        product=product,
        weight_bytes=large_bytes,
        activation_in_bytes=facts.activation_in_bytes if shared else part(facts.activation_in_bytes),
        out_bytes=part(facts.out_bytes),
        others=tuple(others),
    )


def scaled_with_vectors(facts: KernelFacts) -> str:
    """What "more vectors" means for a kernel, in words; "" where nothing sensible scales.

    Every vector meets a stored operand, so that batch and tokens scale alike. A cache belongs to one sequence: only the
    queries that read it can grow, not the batch.
    """
    product = facts.product
    if product is None or not product.vectors:
        return ""
    if facts.resident == "weight" and not facts.others:
        return "images x positions" if "Conv" in facts.op_types else "batch x tokens"
    if facts.resident == "kv" and all(other.vectors == product.vectors for other, _ in facts.others):
        return "queries of one cached head, the cache as it is"
    return ""


def with_vectors(facts: KernelFacts, vectors: int) -> KernelFacts:
    """The same kernel for another number of vectors: operations, inputs and results grow, what is resident does not.

    A cache that the kernel also writes, with this step's keys and values, is resident both ways.
    """
    product = facts.product
    assert product is not None, "the caller asks for a kernel with vectors"
    resident = sum(size for _, size in facts.products)
    if facts.resident == "kv" and facts.out_bytes > resident:
        resident *= 2
    fixed = min(facts.moved_bytes, resident)

    def grown(size: int) -> int:
        return size * vectors // product.vectors

    return replace(
        facts,
        operations=tuple((dtype, grown(count)) for dtype, count in facts.operations),
        moved_bytes=fixed + grown(facts.moved_bytes - fixed),
        product=replace(product, vectors=vectors),
        activation_in_bytes=grown(facts.activation_in_bytes),
        out_bytes=grown(facts.out_bytes),
        others=tuple((replace(other, vectors=vectors), size) for other, size in facts.others),
    )
