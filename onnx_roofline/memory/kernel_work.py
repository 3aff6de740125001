"""The work of each kernel from the columns of its members: operations, bytes, products, what is resident."""

import itertools

from msgspec.structs import replace

from onnx_roofline.base.terms import KernelClass, MathMode
from onnx_roofline.base.units import DTYPE_BITS, ceil_div, product
from onnx_roofline.ir.graph import Model, TensorType
from onnx_roofline.ir.kernel_work import KernelWork, Operand, Operations, Product, ProductPart
from onnx_roofline.ir.masking import Masking
from onnx_roofline.ir.records import Contraction, Counts, Folding, Kernel, Reuse, Traffic, TypedOp, Work, total
from onnx_roofline.memory.kv_caches import Caches
from onnx_roofline.memory.rows import row_lengths
from onnx_roofline.ops.cost.lookup import traits_of
from onnx_roofline.ops.traits import ROLE_OPS

# Rearrangements between an operand and what it rearranges that are seen through: exporters write a few.
_REARRANGEMENTS = 6


def kernel_works(model: Model, math: MathMode = "fp32", *, edge_layouts: bool = False) -> dict[str, KernelWork]:
    """By the row id of its root what each kernel does; kernels that do the same share one record.

    `math` is in what float32 products run where a device has units for it; `edge_layouts` as in a backend.
    """
    alike: dict[KernelWork, KernelWork] = {}
    maker = _Maker(model, math, edge_layouts=edge_layouts)
    found = {}
    for key, kernel in model.column(Kernel).items():
        if kernel.id == key:
            work = maker.work_of(kernel)
            found[key] = alike.setdefault(work, work)
    return found


class _Maker:
    """The columns that the work of a kernel is made of."""

    def __init__(self, model: Model, math: MathMode, *, edge_layouts: bool) -> None:
        self.model, self.math, self.edge_layouts = model, "" if math == "fp32" else math, edge_layouts
        self.rows, self.works, self.traffics = model.column(TypedOp), model.column(Work), model.column(Traffic)
        self.reuses, self.caches = model.column(Reuse), model.whole(Caches)
        self.foldings = model.column(Folding)

    def work_of(self, kernel: Kernel) -> KernelWork:
        """One execution of a kernel."""
        members = kernel.members
        traits = [traits_of(self.rows[key].op) for key in members]
        products, kinds, first = self._products(kernel)
        resident, activation_bytes = kinds[0] if kinds else ("none", 0)
        operations, reuses = self._operations(members), self.reuses[kernel.id].devices
        parts = self._parts(kernel, products, resident, activation_bytes)
        row = max(((length, sums) for _, length, sums in self._rows(kernel)), default=(0, 0))
        dtype = self.works[kernel.id].compute_dtype
        ordered = (kernel.id, *(key for key in members if key != kernel.id))
        return KernelWork(
            dtype=dtype,
            op_types=tuple(dict.fromkeys(self.rows[key].op.op_type for key in ordered)),
            operations=operations,
            naive_bytes=total([self.traffics[key].naive_bytes for key in members]),
            compulsory_bytes=total([self.traffics[key].compulsory_bytes for key in members]),
            moved=tuple((slug, one.moved_bytes) for slug, one in reuses.items()),
            products=products,
            resident=resident,
            resident_bytes=self._resident_bytes(kernel, resident, products),
            activation_in_bytes=activation_bytes,
            out_bytes=self._written_bytes(members[-1]),
            group=max(1, first.batch) if first is not None and first.kernel else 1,
            is_convolution=first is not None and bool(first.kernel),
            is_dilated=first is not None and any(dilation > 1 for dilation in first.dilations),
            permutes=any(one.permutes for one in traits),
            stands_for=ROLE_OPS[kernel.role] if len(members) > 1 else "",
            kernel_class=self._class(kernel, products, row[1]),
            math=self.math if dtype == "float32" and products else "",
            kept=tuple((slug, one.resident_bytes) for slug, one in reuses.items() if one.resident_bytes),
            row_elements=row[0],
            masking=self._masking(kernel, products) if any(one.part for one in products) else None,
            parts=parts,
            layout_bytes=self._layout_bytes(kernel) if self.edge_layouts and products and products[0].taps else 0,
        )

    def _parts(
        self, kernel: Kernel, products: tuple[Product, ...], resident: Operand, activation_bytes: int
    ) -> tuple[KernelWork, ...]:
        """(the product that a kernel starts with, what follows it), each reading and writing its own tensors whole."""
        root, *rest = kernel.members
        if root != kernel.id or not rest or len(products) != 1:
            return ()
        traffic, result = self.traffics[root], self._written_bytes(root)
        tail_bytes = total([self.traffics[key].compulsory_bytes for key in rest])
        works = [self.works[root], *(self.works[key] for key in rest)]
        if traffic.naive_bytes is None or tail_bytes is None or any(work.counts is None for work in works):
            return ()
        head = KernelWork(
            dtype=works[0].compute_dtype,
            op_types=(self.rows[root].op.op_type,),
            operations=self._operations((root,)),
            naive_bytes=traffic.naive_bytes,
            compulsory_bytes=traffic.naive_bytes,
            products=products,
            resident=resident,
            resident_bytes=self._resident_bytes(kernel, resident, products),
            activation_in_bytes=activation_bytes,
            out_bytes=result,
            kernel_class="conv" if products[0].taps else "product",
        )
        tail = KernelWork(
            dtype=works[-1].compute_dtype,
            op_types=tuple(dict.fromkeys(self.rows[key].op.op_type for key in rest)),
            operations=self._operations(tuple(rest)),
            naive_bytes=result + tail_bytes,
            compulsory_bytes=result + tail_bytes,
            out_bytes=self._written_bytes(rest[-1]),
            kernel_class="elementwise",
        )
        return head, tail

    def _operations(self, members: tuple[str, ...]) -> tuple[Operations, ...] | None:
        found: dict[str, list[int]] = {}
        for key in members:
            work = self.works[key]
            if work.counts is None:
                return None
            counts = work.counts + self._restored_again(key)
            if counts.operations:
                sums = found.setdefault(work.compute_dtype, [0, 0, 0])
                sums[0] += counts.operations
                sums[1] += min(counts.macs, sum(contraction.macs for contraction in work.contractions))
                sums[2] += counts.transcendentals + counts.divs
        return tuple(Operations(dtype, *sums) for dtype, sums in found.items())

    def _restored_again(self, key: str) -> Counts:
        """What a body does at each of its runs to restore what is dequantised outside it, and counted there once."""
        outside = (one for one in self.foldings[key].restored_by if self.foldings[one].keeps_work)
        return sum((self.works[one].counts or Counts() for one in outside), Counts())

    def _products(self, kernel: Kernel) -> tuple[tuple[Product, ...], list[tuple[Operand, int]], Contraction | None]:
        """(products with the most MACs first, of each its large operand and the bytes of the other, the first one's
        contraction).
        """
        found = [(key, one) for key in kernel.members for one in self.works[key].contractions if one.macs]
        is_attention = kernel.role == "attention" or any(traits_of(self.rows[key].op).attends for key, _ in found)
        parts = _attention_parts([one for _, one in found]) if is_attention else {}
        order = sorted(range(len(found)), key=lambda position: -found[position][1].macs)
        products, kinds = [], []
        for index in order:
            key, contraction = found[index]
            kind, position = self._resident(key, contraction)
            is_lhs = position is not None and position == contraction.lhs
            # Seen from its resident operand, the left one for a convolution.
            outputs, vectors = (contraction.m, contraction.n) if is_lhs else (contraction.n, contraction.m)
            reads, dtype = self.traffics[key].read_bytes, self.rows[key].outputs[0].dtype
            elements = contraction.batch * outputs * contraction.k
            large_bytes = _operand_bytes(reads, position, elements, dtype)
            other = contraction.rhs if is_lhs else contraction.lhs
            other_bytes = _operand_bytes(reads, other, contraction.batch * vectors * contraction.k, dtype)
            taps, part = _taps(contraction), parts.get(index, "")
            group = self._repeats(kernel, key, position) if part else 1
            if contraction.batch % group:
                group = 1
            batch, large_bytes = contraction.batch // group, large_bytes // group
            products.append(Product(batch, outputs, contraction.k, vectors * group, large_bytes, taps, part))
            kinds.append((kind, other_bytes))
        return tuple(products), kinds, found[order[0]][1] if found else None

    def _repeats(self, kernel: Kernel, key: str, position: int | None) -> int:
        """Query heads that share a key head: how often the kernel repeats an operand's matrices for its product, as a
        decoder does where keys and values have fewer heads. Nothing is written of the copies.
        """
        group = 1
        if position is None:
            return group
        scope, name = self.rows[key].scope, self.rows[key].op.inputs[position]
        while (maker := self.caches.uses.makers.get(self.caches.place(scope, name))) in kernel.members:
            row = self.rows[maker]
            before, after = row.inputs[0], row.outputs[0]
            if not traits_of(row.op).rearranges or before is None or before.shape is None or after.shape is None:
                break
            if before.elements and after.elements and before.shape[-2:] == after.shape[-2:]:
                group *= after.elements // before.elements if after.elements % before.elements == 0 else 1
            scope, name = row.scope, row.op.inputs[0]
        return group

    def _rows(self, kernel: Kernel) -> list[tuple[str, int, int]]:
        """(member, elements, sums) of the rows that are needed whole; a second sum over the same rows is one more."""
        found = list(row_lengths(self.model, kernel))
        sums = {length: 0 for _, length, _ in found}
        for _, length, count in found:
            sums[length] += count
        return [(key, length, sums[length]) for key, length, _ in found]

    def _class(self, kernel: Kernel, products: tuple[Product, ...], row_sums: int) -> KernelClass:
        """What the kernel mainly does: its products, the rows that it normalises, or one pass over its tensors."""
        if products:
            is_attention = any(one.part for one in products)
            return "attention" if is_attention else "conv" if products[0].taps else "product"
        works = [self.works[key] for key in kernel.members]
        special = sum(0 if one.counts is None else one.counts.transcendentals for one in works)
        elements = max((self.rows[key].outputs[0].elements or 0 for key in kernel.members), default=0)
        if row_sums:
            # A softmax looks for the largest element of a row, a normalisation compares nothing.
            compares = sum(0 if one.counts is None else one.counts.compares for one in works)
            return "softmax" if 2 * compares >= elements else "norm" if row_sums > 1 else "rms_norm"
        rows = [self.rows[key] for key in kernel.members]
        traits = [traits_of(row.op) for row in rows]
        if any(one.selects and len(row.outputs) > 1 for one, row in zip(traits, rows, strict=True)):
            return "gated" if special else "other"
        same = all((row.outputs[0].elements or 0) == elements for row in rows)
        moves = any(one.permutes or one.selects or one.joins or one.updates_at for one in traits)
        counted = any(one.counts is not None and one.counts.operations for one in works)
        return "elementwise" if same and counted and not moves else "other"

    def _layout_bytes(self, kernel: Kernel) -> int:
        """Bytes read and written to bring images from the model's inputs to this convolution, or to its outputs."""
        index, size = self.caches.uses, 0
        for key in kernel.members:
            row = self.rows[key]
            edges = [
                kind
                for name, kind in zip(row.op.inputs, row.inputs, strict=True)
                if name and kind is not None and (place := self.caches.place(row.scope, name)) not in index.makers
                if place[1] not in index.stored
            ]
            edges += [
                kind for name, kind in zip(row.op.outputs, row.outputs, strict=True)
                if (row.scope, index.root(row.scope, name)) in index.kept and not row.scope
            ]  # fmt: skip
            size += sum(_relaid_bytes(kind) for kind in edges)
        return size

    def _masking(self, kernel: Kernel, products: tuple[Product, ...]) -> Masking:
        """What the op that attends states, with the query heads that share a key head which the kernel repeats."""
        stated = next((found for key in kernel.members if (found := self.works[key].masking) is not None), Masking())
        whole = max(one.batch for key in kernel.members for one in self.works[key].contractions)
        return replace(stated, group=stated.group * max(1, whole // max(one.batch for one in products if one.part)))

    def _resident(self, key: str, contraction: Contraction) -> tuple[Operand, int | None]:
        """(what the large operand is, its position): a stored operand before a cache before the right one.

        "weight" is stored, "kv" a cache (whether or not this run's keys or values are added to it).
        """
        row = self.rows[key]
        kinds: dict[int, Operand] = {}
        for position in (contraction.rhs, contraction.lhs):
            if position is not None and position < len(row.op.inputs) and row.op.inputs[position]:
                kinds[position] = self._kind(row.scope, row.op.inputs[position])
        for wanted in ("weight", "kv"):
            for position, kind in kinds.items():
                if kind == wanted:
                    return kind, position
        positions = traits_of(row.op).cache_inputs
        names = [row.op.inputs[position] for position in positions if position < len(row.op.inputs)]
        if any(self.caches.holds(row.scope, name) for name in names if name):
            # The cache with the new keys or values behind it, which no input of the op is alone.
            return "kv", None
        return "activation", contraction.rhs

    def _kind(self, scope: str, name: str) -> Operand:
        """The kind of an operand, seen through a few rearrangements."""
        caches, index = self.caches, self.caches.uses
        for _ in range(_REARRANGEMENTS + 1):
            if caches.holds(scope, name):
                return "kv"
            scope, root = caches.place(scope, name)
            maker = index.makers.get((scope, root))
            if maker is None:
                return "weight" if root in index.stored else "activation"
            row = self.rows[maker]
            if row.role == "constant" or self.foldings[maker].runs_once:
                return "weight"
            if not traits_of(row.op).rearranges or not row.op.inputs:
                return "activation"
            name = row.op.inputs[0]
        return "activation"

    def _resident_bytes(self, kernel: Kernel, resident: Operand, products: tuple[Product, ...]) -> int:
        """What a kernel has in the PIM's memory before it runs there: its weights, or the caches that it reads."""
        if resident == "weight":
            return products[0].resident_bytes
        if resident != "kv":
            return 0
        caches = self.caches
        found = {
            place: size or 0
            for key in kernel.members
            for name, size in zip(self.rows[key].op.inputs, self.traffics[key].read_bytes, strict=True)
            if caches.holds(self.rows[key].scope, name)
            if caches.uses.makers.get(place := caches.place(self.rows[key].scope, name)) not in kernel.members
        }
        return sum(found.values()) or sum(product.resident_bytes for product in products)

    def _written_bytes(self, key: str) -> int:
        """Bytes that an op writes, without what a cache that it adds rows to has already."""
        traffic, outputs = self.traffics[key], self.rows[key].op.outputs
        in_place = (s.bytes for s in traffic.savings if s.kind == "in_place" and s.tensor in outputs)
        return sum(size or 0 for size in traffic.write_bytes) - sum(in_place)


def _operand_bytes(reads: tuple[int | None, ...], position: int | None, elements: int, dtype: str) -> int:
    """Bytes that the op reads of an operand; from its elements where it is made inside the op."""
    if position is not None and position < len(reads) and reads[position]:
        return reads[position] or 0
    return elements * DTYPE_BITS.get(dtype, 32) // 8


def _relaid_bytes(kind: TensorType) -> int:
    """Bytes of an image [N, C, H, W] as it is and with its channels last, rounded up to what a unit loads at once."""
    if kind.shape is None or len(kind.shape) != 4 or not kind.elements or not kind.bytes:
        return 0
    channels, unit = kind.shape[1] or 1, max(1, 128 // DTYPE_BITS.get(kind.dtype, 32))
    return kind.bytes + kind.bytes // channels * ceil_div(channels, unit) * unit


def _taps(contraction: Contraction) -> int:
    """Elements of a convolution's window; 0 for a plain product and for a transposed convolution, which is one."""
    taps = product(contraction.kernel) if contraction.kernel else 0
    positions = contraction.images * product(contraction.output_spatial)
    return taps if taps and contraction.n == positions and contraction.k % taps == 0 else 0


def _attention_parts(found: list[Contraction]) -> dict[int, ProductPart]:
    """By the position of a contraction: scores [rows, keys] and, behind them, their product with the values."""
    parts: dict[int, ProductPart] = {}
    for index, (scores, values) in enumerate(itertools.pairwise(found)):
        if (scores.batch, scores.m, scores.n) == (values.batch, values.m, values.k) and index not in parts:
            parts[index], parts[index + 1] = "scores", "values"
    return parts
