"""How far measured kernels lie from their modelled time, by class and by where the constants come from."""

from msgspec import Struct

from onnx_roofline.base.terms import KernelClass, Origin


class Band(Struct, frozen=True):
    """p10 and p90 of measured over modelled time."""

    low: float
    high: float


# 16-bit products of four GPUs: constants of the GPU itself, and constants pooled over the others (docs/time.md).
_PRODUCT: dict[Origin, Band] = {
    "measured": Band(0.85, 1.20),
    "fitted": Band(0.85, 1.20),
    "datasheet": Band(0.80, 1.30),
    "assumed": Band(0.65, 1.55),
}


def band_of(kernel_class: KernelClass, origin: Origin) -> Band:
    """The band of a kernel: wider where its constants are assumed, and for classes that the model fits worse."""
    found = _PRODUCT[origin]
    widen = _WIDER.get(kernel_class, 1.0)
    return Band(1 - (1 - found.low) * widen, 1 + (found.high - 1) * widen)


# PIM kernels against the runs of their simulators, p10 to p90 (docs/time.md); figures that nobody ran are no surer than
# those of a GPU.
_PIM: dict[Origin, Band] = {
    "measured": Band(0.90, 1.10),
    "fitted": Band(0.90, 1.10),
    "datasheet": Band(0.85, 1.20),
    "assumed": Band(0.65, 1.55),
}


def pim_band(origin: Origin) -> Band:
    """The band of a kernel on a PIM."""
    return _PIM[origin]


# Width of the band against that of products, from the same rows.
_WIDER: dict[KernelClass, float] = {"conv": 2.0, "attention": 1.5, "norm": 1.3, "gated": 1.3}
