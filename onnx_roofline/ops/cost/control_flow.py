"""Ops that run graphs: their cost is the cost of the bodies, which are counted on their own."""

from onnx_roofline.ops.cost.registry import view

view("If", "Loop", "Scan", "SequenceMap", why="the cost is that of the bodies")
