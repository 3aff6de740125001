"""`python -m onnx_roofline`: the command line."""

from onnx_roofline.cli.process import run

run()
