"""What xdsl-opt finds through the entry point `xdsl.universe`: the pass `onnx-roofline`, and the frontend for .onnx.

xdsl-opt imports this whatever it is asked for, so that nothing else is imported before it is used.
"""

from typing import TYPE_CHECKING

from xdsl.universe import Universe

if TYPE_CHECKING:
    from xdsl.passes import ModulePass
    from xdsl.utils.frontend import Frontend


def _pass() -> "type[ModulePass]":
    from onnx_roofline.compilers.xdsl_pass import OnnxRooflinePass

    return OnnxRooflinePass


def _frontend() -> "type[Frontend]":
    from onnx_roofline.compilers.xdsl_frontend import OnnxFrontend

    return OnnxFrontend


UNIVERSE = Universe(all_passes={"onnx-roofline": _pass}, all_frontends={"onnx": _frontend})
