"""A kernel as the device time models see it: operations, bytes, its largest product and what its large operand is."""

from collections.abc import Mapping

from onnx_roofline.base.units import DTYPE_BITS
from onnx_roofline.ir.graph import Model
from onnx_roofline.ir.records import Contraction, Kernel, KernelRole, Reuse, Traffic, TypedOp, Work
from onnx_roofline.memory.kv_caches import Caches
from onnx_roofline.ops.cost.lookup import traits_of
from onnx_roofline.timing.kernel import KernelFacts, Operand, Product, oriented

# The op that a kernel of a role is to a device which has that op.
_ROLE_OPS: Mapping[KernelRole, str] = {"attention": "Attention", "none": ""}
# Rearrangements between an operand and what it rearranges that are seen through.
_REARRANGEMENTS = 6


def facts_of(model: Model, kernel: Kernel, slug: str, caches: Caches) -> KernelFacts | None:
    """The facts of one execution on the device `slug`, or None where the kernel's work or bytes are unknown.

    The large operand is "weight" if it is stored, "kv" if it is a cache (whether or not this run's keys or values are
    added to it), else "activation".
    """
    works, rows = model.column(Work), model.column(TypedOp)
    moved = model.column(Reuse)[kernel.id].devices.get(slug)
    operations: dict[str, int] = {}
    for key in kernel.members:
        counts = works[key].counts
        if counts is None:
            return None
        if counts.operations:
            dtype = works[key].compute_dtype
            operations[dtype] = operations.get(dtype, 0) + counts.operations
    if moved is None:
        return None
    ordered = [kernel.id, *(key for key in kernel.members if key != kernel.id)]
    op_types = tuple(dict.fromkeys(rows[key].op.op_type for key in ordered))
    product: Product | None = None
    others: list[tuple[Product, int]] = []
    resident: Operand = "none"
    weight_bytes = activation_bytes = group = 0
    dilated = False
    for key, contraction in _contractions(model, kernel):
        kind, position = _resident(model, key, contraction, caches)
        is_lhs = position is not None and position == contraction.lhs
        found = oriented(contraction.batch, contraction.m, contraction.n, contraction.k, resident_is_lhs=is_lhs)
        reads, dtype = model.column(Traffic)[key].read_bytes, rows[key].outputs[0].dtype
        large_bytes = _operand_bytes(reads, position, found.batch * found.outputs * found.depth, dtype)
        if product is not None:
            others.append((found, large_bytes))
            continue
        product, resident, weight_bytes = found, kind, large_bytes
        group = contraction.batch if contraction.kernel else 1
        dilated = any(dilation > 1 for dilation in contraction.dilations)
        other = contraction.rhs if is_lhs else contraction.lhs
        activation_bytes = _operand_bytes(reads, other, product.batch * product.vectors * product.depth, dtype)
    last = kernel.members[-1]
    return KernelFacts(
        op_types=op_types,
        operations=tuple(operations.items()),
        moved_bytes=moved.moved_bytes,
        dtype=works[kernel.id].compute_dtype,
        product=product,
        weight_bytes=weight_bytes,
        activation_in_bytes=activation_bytes,
        out_bytes=_written_bytes(model, last),
        group=max(1, group),
        dilated=dilated,
        resident=resident,
        others=tuple(others),
        pattern_op=_ROLE_OPS[kernel.role] if len(kernel.members) > 1 else "",
    )


def _contractions(model: Model, kernel: Kernel) -> list[tuple[str, Contraction]]:
    """The rows and contractions of a kernel, the one with the most MACs first."""
    works = model.column(Work)
    found = [(key, c) for key in kernel.members for c in works[key].contractions if c.macs]
    return sorted(found, key=lambda pair: -pair[1].macs)


def _resident(model: Model, key: str, contraction: Contraction, caches: Caches) -> tuple[Operand, int | None]:
    """(what the large operand is, its position): a stored operand before a cache before the right one."""
    row = model.column(TypedOp)[key]
    kinds: dict[int, Operand] = {}
    for position in (contraction.rhs, contraction.lhs):
        if position is not None and position < len(row.op.inputs) and row.op.inputs[position]:
            kinds[position] = _kind(model, row.scope, row.op.inputs[position], caches)
    for wanted in ("weight", "kv"):
        for position, kind in kinds.items():
            if kind == wanted:
                return kind, position
    positions = traits_of(row.op).cache_inputs
    names = [row.op.inputs[position] for position in positions if position < len(row.op.inputs)]
    if any(caches.holds(row.scope, name) for name in names if name):
        # The cache with the new keys or values behind it, which no input of the op is alone.
        return "kv", None
    return "activation", contraction.rhs


def _kind(model: Model, scope: str, name: str, caches: Caches) -> Operand:
    """The kind of an operand, seen through a few rearrangements: exporters write a few."""
    rows, uses = model.column(TypedOp), caches.uses
    for _ in range(_REARRANGEMENTS + 1):
        if caches.holds(scope, name):
            return "kv"
        scope, root = caches.place(scope, name)
        maker = uses.makers.get((scope, root))
        if maker is None:
            return "weight" if root in uses.stored else "activation"
        row = rows[maker]
        if row.role == "constant":
            return "weight"
        if not traits_of(row.op).rearranges or not row.op.inputs:
            return "activation"
        name = row.op.inputs[0]
    return "activation"


def _written_bytes(model: Model, key: str) -> int:
    """Bytes that an op writes, without what a cache that it adds rows to has already."""
    traffic, outputs = model.column(Traffic)[key], model.column(TypedOp)[key].op.outputs
    in_place = (s.bytes for s in traffic.savings if s.kind == "in_place" and s.tensor in outputs)
    return sum(size or 0 for size in traffic.write_bytes) - sum(in_place)


def _operand_bytes(reads: tuple[int | None, ...], position: int | None, elements: int, dtype: str) -> int:
    """Bytes that the op reads of an operand; from its elements where it is made inside the op."""
    if position is not None and position < len(reads) and reads[position]:
        return reads[position] or 0
    return elements * DTYPE_BITS.get(dtype, 32) // 8
