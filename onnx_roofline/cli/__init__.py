"""The command line: the only package that prints or exits."""

from onnx_roofline.cli.main import main

__all__ = ["main"]
