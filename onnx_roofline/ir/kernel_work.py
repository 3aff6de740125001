"""What a kernel does in one execution, made once; roofline, placement, tables and `explain` all read it."""

from typing import Literal

from msgspec import Struct

from onnx_roofline.base.terms import KernelClass
from onnx_roofline.base.units import FLOPS_PER_MAC
from onnx_roofline.ir.masking import Masking

# What the large operand of a kernel is: a stored weight, a cache of keys and values, computed in this run, or absent.
Operand = Literal["weight", "kv", "activation", "none"]
# What a product is in fused attention: queries with keys, probabilities with values, or none of the two.
ProductPart = Literal["", "scores", "values"]


class Operations(Struct, frozen=True):
    """Operations of one element type: all of them, and of these the products' and the special functions'.

    `special` are transcendentals and divisions, which a unit of its own computes; `macs` those of contractions.
    """

    dtype: str
    total: int
    macs: int = 0
    special: int = 0

    @property
    def vector(self) -> int:
        """What is neither a product's nor a special function's."""
        return self.total - FLOPS_PER_MAC * self.macs - self.special


class Product(Struct, frozen=True):
    """`batch` independent products of a resident operand [outputs, depth] with `vectors` vectors each.

    `resident_bytes` is what the resident operand of all of them takes. `taps` are the elements of a convolution's
    window, of which `depth` is a multiple; 0 for a plain product.
    """

    batch: int
    outputs: int
    depth: int
    vectors: int
    resident_bytes: int = 0
    taps: int = 0
    part: ProductPart = ""

    @property
    def macs(self) -> int:
        """Multiply-accumulates of all of them."""
        return self.batch * self.outputs * self.depth * self.vectors

    @property
    def is_depthwise(self) -> bool:
        """Whether every group of a convolution has one input channel, so that there are no channels to contract."""
        return self.taps > 0 and self.batch > 1 and self.depth == self.taps


class KernelWork(Struct, frozen=True):
    """Column of the kernel-work pass: one execution of a kernel, at its root; None is unknown.

    `op_types` are those of its members, the root's first; `dtype` is the type that the root computes in, `math` that in
    which its products run ("": `dtype`); `operations` are by element type. `moved` has the bytes that each device moves
    by its slug: compulsory for a device without an entry; `kept` those that it reads and writes on chip instead.
    `products` are its contractions, that of most MACs first (attention has one with the keys and one with the values),
    `resident` what the large operand of the first is, `resident_bytes` what a PIM holds of weights or caches before it
    runs there, `activation_in_bytes` what the other operand has, `out_bytes` what the last member writes. `group` is
    the number of groups of a convolution. `row_elements` is the length of a row that has to be known before its first
    result, 0 without one; `masking` says what fused attention leaves out. `layout_bytes` are read and
    written by kernels of their own that bring an image from the model's inputs to the layout of a convolution, or a
    result from there to the model's outputs. `parts` are the root's product and what follows it in the kernel, for a
    device that runs the product alone; empty for a kernel of another form. `stands_for` is the one op that the kernel
    as a whole is to a device which has that op, "" if there is none. `permutes` says that a member changes the order of
    what it reads.
    """

    dtype: str = ""
    op_types: tuple[str, ...] = ()
    operations: tuple[Operations, ...] | None = ()
    naive_bytes: int | None = 0
    compulsory_bytes: int | None = 0
    moved: tuple[tuple[str, int], ...] = ()
    products: tuple[Product, ...] = ()
    resident: Operand = "none"
    resident_bytes: int = 0
    activation_in_bytes: int = 0
    out_bytes: int = 0
    group: int = 1
    is_convolution: bool = False
    is_dilated: bool = False
    permutes: bool = False
    stands_for: str = ""
    kernel_class: KernelClass = "other"
    math: str = ""
    kept: tuple[tuple[str, int], ...] = ()
    row_elements: int = 0
    masking: Masking | None = None
    layout_bytes: int = 0
    parts: "tuple[KernelWork, ...]" = ()

    def moved_bytes(self, slug: str) -> int | None:
        """Bytes between the memory and the chip of a device."""
        return next((size for device, size in self.moved if device == slug), self.compulsory_bytes)

    def on_chip_bytes(self, slug: str) -> int | None:
        """Bytes between the last-level cache of a device and its units: what moves and what stayed from before."""
        moved = self.moved_bytes(slug)
        return None if moved is None else moved + next((size for device, size in self.kept if device == slug), 0)

    @property
    def is_known(self) -> bool:
        """Whether both its operations and its bytes are."""
        return self.operations is not None and self.compulsory_bytes is not None

    @property
    def total_operations(self) -> int | None:
        """Operations of all element types."""
        return None if self.operations is None else sum(one.total for one in self.operations)

    @property
    def product(self) -> Product | None:
        """The one with the most MACs."""
        return self.products[0] if self.products else None


NO_KERNEL_WORK = KernelWork()
