"""Time models of PIMs that a plugin brings, by the name that `--pim-model` takes."""

from collections.abc import Callable, Mapping

from onnx_roofline.hardware import Device
from onnx_roofline.ir.kernel_work import KernelWork

# Seconds of a kernel on a PIM that can run it.
OwnModel = Callable[[Device, KernelWork], float]

_MODELS: dict[str, OwnModel] = {}


def add_model(name: str, model: OwnModel) -> None:
    """Adds a model. Raises ValueError for a name that is taken."""
    if name in _MODELS:
        raise ValueError(f"a PIM time model named {name!r} exists already")
    _MODELS[name] = model


def own_models() -> Mapping[str, OwnModel]:
    """The models that were added, by name."""
    return _MODELS
