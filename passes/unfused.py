"""No fusion: every op that does work is a kernel of its own."""

from dataclasses import dataclass
from typing import ClassVar

from onnx_roofline.graph import Model
from onnx_roofline.pipeline import PassResult
from onnx_roofline.records import Kernel, TypedOp, Work


@dataclass(frozen=True)
class EachOpAlone:
    """The starting point that fusion is compared with."""

    name: ClassVar[str] = "each-op-alone"
    requires: ClassVar[tuple[type, ...]] = (TypedOp, Work)
    produces: ClassVar[type] = Kernel

    def run(self, model: Model) -> PassResult:
        """A Kernel for every row that computes or moves something."""
        works = model.column(Work)
        nothing = Kernel("")
        return PassResult(
            {
                key: Kernel(key, (key,), "alone")
                if row.role == "compute" and (works[key].moves_data or works[key].counts is None)
                else nothing
                for key, row in model.column(TypedOp).items()
            }
        )
