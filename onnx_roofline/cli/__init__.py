"""The command line: the only package that prints or exits."""

from onnx_roofline.cli.main import main
from onnx_roofline.cli.process import run

__all__ = ["main", "run"]
