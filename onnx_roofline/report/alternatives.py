"""What would change where a kernel runs: flip points and splits, for the JSON and for `explain`."""

from collections.abc import Iterator

from onnx_roofline.analysis.analyze import Analysis
from onnx_roofline.placement.kernel_graph import kernel_graph
from onnx_roofline.placement.splitting import KernelSplit, Splitter
from onnx_roofline.report import contract
from onnx_roofline.timing.break_even import VectorFlips, vector_flips
from onnx_roofline.what_if.flips import Flip, flips_of, kernel_flips


class Alternatives:
    """The alternatives of an analysis' kernels by the row id of their root; kernels alike are looked at once."""

    def __init__(self, analysis: Analysis) -> None:
        self._analysis = analysis
        self._system, self._pim_model = analysis.system, analysis.settings.pim_model
        self._graph = kernel_graph(analysis.model, self._system, self._pim_model)
        self._splitter = Splitter(self._graph, self._system, self._pim_model)
        self._vectors: dict[int, VectorFlips | None] = {}

    def __contains__(self, root: str) -> bool:
        """Whether the kernel is placed; of no other there are alternatives."""
        return root in self._graph.index

    def vectors(self, root: str) -> VectorFlips | None:
        """At how many vectors the faster device of a kernel changes; None where nothing sensible scales."""
        facts = self._graph.kernels[self._graph.index[root]].facts
        alike = id(facts)
        if alike not in self._vectors:
            self._vectors[alike] = vector_flips(self._system, facts, self._pim_model)
        return self._vectors[alike]

    def split(self, root: str) -> tuple[KernelSplit | None, str]:
        """(the best split of a kernel, "") or (None, why there is none)."""
        return self._splitter.split(self._graph.index[root])

    def flips(self, root: str) -> Iterator[Flip]:
        """Flip points of a kernel by itself, transfers left out."""
        return kernel_flips(self._graph.kernels[self._graph.index[root]], self.vectors(root), self._system)

    def model_flips(self, root: str) -> Iterator[Flip]:
        """Flip points of a kernel with all kernels placed again at every step: dozens of placements."""
        return flips_of(self._analysis, self._graph, root)


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
