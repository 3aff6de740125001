"""The formats that a report is written in, a module each; all render the same list of findings."""

from onnx_roofline.ci.formats.registry import FORMATS, Format, render

__all__ = ["FORMATS", "Format", "render"]
