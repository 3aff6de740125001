"""Flip points and splits as records of the JSON."""

from onnx_roofline.report import contract
from onnx_roofline.what_if.alternatives import Flip, KernelSplit, VectorFlips


def vectors_record(found: VectorFlips | None) -> contract.Vectors | None:
    """Over which numbers of vectors flips were looked for."""
    return None if found is None else contract.Vectors(found.now, found.scaled, found.most)


def flip_record(flip: Flip) -> contract.Flip:
    """A flip point."""
    return contract.Flip(
        quantity=flip.quantity,  # type: ignore[arg-type]
        scope=flip.scope,  # type: ignore[arg-type]
        threshold=flip.threshold,
        below=flip.below,
        above=flip.above,
    )


def split_record(split: KernelSplit | None) -> contract.Split | None:
    """A kernel on both devices at once."""
    if split is None:
        return None
    return contract.Split(
        axis=split.axis,
        gpu_share=split.gpu_share,
        time_s=split.time_s,
        alone_s=split.alone_s,
        speedup=split.speedup,
    )
