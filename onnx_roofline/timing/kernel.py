"""A kernel as the time models see it."""

from typing import Literal

from msgspec import Struct

PimTimeModel = Literal["roofline", "full"]

PIM_TIME_MODELS: tuple[PimTimeModel, ...] = ("roofline", "full")

# What the large operand of a kernel is: a stored weight, a cache of keys and values, computed in this run, or absent.
Operand = Literal["weight", "kv", "activation", "none"]


class Product(Struct, frozen=True):
    """`batch` independent products of a resident operand [outputs, depth] with `vectors` vectors each."""

    batch: int
    outputs: int
    depth: int
    vectors: int

    @property
    def macs(self) -> int:
        """Multiply-accumulates of all of them."""
        return self.batch * self.outputs * self.depth * self.vectors


class KernelFacts(Struct, frozen=True):
    """What the time of a kernel depends on. `operations` by element type; `dtype` is the root's.

    `moved_bytes` is what the GPU moves; `weight_bytes` the operand that would be resident, once. `product` is None for
    a kernel without a contraction, else its largest; `others` are the rest, each with the bytes of its large operand
    (attention has one with the keys and one with the values). `pattern_op` is the one op that the kernel as a whole
    is to a device which has that op, "" if there is none.
    """

    op_types: tuple[str, ...]
    operations: tuple[tuple[str, int], ...]
    moved_bytes: int
    dtype: str
    product: Product | None = None
    weight_bytes: int = 0
    activation_in_bytes: int = 0
    out_bytes: int = 0
    group: int = 1
    dilated: bool = False
    resident: Operand = "none"
    others: tuple[tuple[Product, int], ...] = ()
    pattern_op: str = ""

    @property
    def products(self) -> tuple[tuple[Product, int], ...]:
        """All products with the bytes of their large operands, the largest first."""
        return () if self.product is None else ((self.product, self.weight_bytes), *self.others)


def oriented(batch: int, m: int, n: int, k: int, *, resident_is_lhs: bool) -> Product:
    """A canonical contraction [M, K] x [K, N] seen from its resident operand: the left one for a convolution.

    >>> oriented(1, 8, 3072, 1024, resident_is_lhs=False)
    Product(batch=1, outputs=3072, depth=1024, vectors=8)
    """
    outputs, vectors = (m, n) if resident_is_lhs else (n, m)
    return Product(batch, outputs, k, vectors)
