"""What would change where a kernel runs, from the placement that an analysis has made: flip points and splits."""

from collections.abc import Iterator, Mapping

from onnx_roofline.analysis.analyze import Analysis
from onnx_roofline.ir.placed_records import DeviceTime
from onnx_roofline.placement.kernel_graph import KernelGraph
from onnx_roofline.placement.splitting import KernelSplit, Splitter
from onnx_roofline.timing.break_even import VectorFlips, vector_flips
from onnx_roofline.what_if.flips import Flip, ModelFlips, kernel_flips

__all__ = ["Alternatives", "Flip", "KernelSplit", "VectorFlips"]


class Alternatives:
    """The alternatives of an analysis' kernels by the row id of their root; kernels alike are looked at once."""

    def __init__(self, analysis: Analysis) -> None:
        """The analysis has its placement."""
        self._system, self._pim_model = analysis.system, analysis.settings.pim_model
        self._graph = analysis.model.whole(KernelGraph)
        self._splitter = Splitter(self._graph, self._system, self._pim_model)
        self._model_flips = ModelFlips(analysis)
        self._vectors: dict[int, VectorFlips | None] = {}

    def __contains__(self, root: str) -> bool:
        """Whether the kernel is placed; of no other there are alternatives."""
        return root in self._graph.index

    def times(self, root: str) -> Mapping[str, DeviceTime]:
        """A kernel's time on each device by its slug, also where none can run it; empty if it never runs."""
        if root in self._graph.index:
            return self._graph.kernels[self._graph.index[root]].devices
        return self._graph.refused.get(root, {})

    def vectors(self, root: str) -> VectorFlips | None:
        """At how many vectors the faster device of a kernel changes; None where nothing sensible scales."""
        work = self._graph.kernels[self._graph.index[root]].work
        if id(work) not in self._vectors:
            self._vectors[id(work)] = vector_flips(self._system, work, self._pim_model)
        return self._vectors[id(work)]

    def split(self, root: str) -> tuple[KernelSplit | None, str]:
        """(the best split of a kernel, "") or (None, why there is none)."""
        return self._splitter.split(self._graph.index[root])

    def flips(self, root: str) -> Iterator[Flip]:
        """Flip points of a kernel by itself, transfers left out."""
        return kernel_flips(self._graph.kernels[self._graph.index[root]], self.vectors(root), self._system)

    def model_flips(self, root: str) -> Iterator[Flip]:
        """Flip points of a kernel with all kernels placed again at every step; steps are shared by all kernels."""
        return self._model_flips.of(root)
