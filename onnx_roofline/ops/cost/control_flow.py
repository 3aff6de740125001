"""Ops that run graphs: their cost is the cost of the bodies, which are counted on their own."""

from onnx_roofline.ops.cost.registry import view
from onnx_roofline.ops.traits import Traits

_WHY = "the cost is that of the bodies"
view("Loop", why=_WHY, traits=Traits(runs_bodies="loop"))
view("Scan", why=_WHY, traits=Traits(runs_bodies="scan"))
view("If", "SequenceMap", why=_WHY)
