"""How far measured kernels lie from their modelled time, by class and by where the constants come from."""

from collections.abc import Mapping

from msgspec import Struct

from onnx_roofline.base.terms import KernelClass, Origin


class Band(Struct, frozen=True):
    """p10 and p90 of measured over modelled time."""

    low: float
    high: float


# By class, constants fitted to the GPU itself: products as 16-bit linear layers of four GPUs lie, the others rounded
# outwards from their rows (docs/time.md). `other` stands for gathers and transposes, of which there is no row.
_FITTED: Mapping[KernelClass, Band] = {
    "product": Band(0.85, 1.25),
    "conv": Band(0.55, 1.80),
    "attention": Band(0.80, 1.45),
    "elementwise": Band(0.85, 1.15),
    "softmax": Band(0.85, 1.20),
    "norm": Band(0.85, 1.20),
    "rms_norm": Band(0.85, 1.20),
    "gated": Band(0.70, 1.15),
    "other": Band(0.70, 1.40),
}
# How much wider a band is, below and above, where no row of the GPU was at hand: as linear layers of a GPU lie by the
# constants of the others (assumed -35 to +55 %, of a datasheet in between).
_WIDER: Mapping[Origin, tuple[float, float]] = {
    "measured": (1.0, 1.0),
    "fitted": (1.0, 1.0),
    "datasheet": (1.35, 1.5),
    "assumed": (2.3, 2.2),
}
# No time is less than this share of its model's: physics, not the band, ends there.
_LEAST = 0.3
# PIM kernels against the runs of their simulators, p10 to p90 (docs/time.md); figures that nobody ran are no surer than
# those of a GPU.
_PIM: Mapping[Origin, Band] = {
    "measured": Band(0.90, 1.10),
    "fitted": Band(0.90, 1.10),
    "datasheet": Band(0.85, 1.20),
    "assumed": Band(0.65, 1.55),
}


def band_of(kernel_class: KernelClass, origin: Origin) -> Band:
    """The band of a kernel on a GPU: wider where its constants are assumed, and for classes that the model fits worse.

    >>> band_of("product", "fitted"), band_of("product", "assumed")
    (Band(low=0.85, high=1.25), Band(low=0.655, high=1.55))
    """
    found, (below, above) = _FITTED[kernel_class], _WIDER[origin]
    low, high = 1 - (1 - found.low) * below, 1 + (found.high - 1) * above
    return Band(round(max(low, _LEAST), 6), round(high, 6))


def pim_band(origin: Origin) -> Band:
    """The band of a kernel on a PIM."""
    return _PIM[origin]
