"""Cost, roofline and GPU/PIM placement of every op of an ONNX model, without its weights.

import onnx_roofline as rl

analysis = rl.analyze("model.onnx", dims={"batch": 8}, system="a100-attacc")
print(analysis)

Names are imported when they are first asked for, so that the import of this package costs next to nothing.
"""

import os

# As in `typing`, whose import would be most of this one's cost; type checkers know the name.
TYPE_CHECKING = False

__version__ = "0.1.0"

__all__ = [
    "Analysis",
    "BudgetError",
    "LimitError",
    "Limits",
    "MalformedModelError",
    "MissingExtraError",
    "ModelError",
    "NotAModelError",
    "PluginError",
    "ProfileError",
    "RooflineError",
    "Settings",
    "ShapeError",
    "Sweep",
    "System",
    "UsageError",
    "__version__",
    "analyze",
    "load_system",
    "shipped_profiles",
    "sweep",
]

if TYPE_CHECKING:
    from onnx_roofline.analysis.settings import Settings
    from onnx_roofline.base.errors import (
        BudgetError,
        LimitError,
        MalformedModelError,
        MissingExtraError,
        ModelError,
        NotAModelError,
        PluginError,
        ProfileError,
        RooflineError,
        ShapeError,
        UsageError,
    )
    from onnx_roofline.face import Analysis, analyze
    from onnx_roofline.hardware import System, load_system, shipped_profiles
    from onnx_roofline.load import Limits
    from onnx_roofline.sweep_face import Sweep, sweep
else:
    # Module -> the names that it is asked for. A type checker reads the imports above instead.
    _HOMES = {
        "analysis.settings": ("Settings",),
        "base.errors": tuple(name for name in __all__ if name.endswith("Error")),
        "face": ("Analysis", "analyze"),
        "hardware": ("System", "load_system", "shipped_profiles"),
        "load": ("Limits",),
        "sweep_face": ("Sweep", "sweep"),
    }

    def __getattr__(name):
        from importlib import import_module

        for home, names in _HOMES.items():
            if name in names:
                value = globals()[name] = getattr(import_module(f"{__name__}.{home}"), name)
                return value
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

    def __dir__():
        return sorted(__all__)


_checkout = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
if os.path.isfile(os.path.join(_checkout, "pyproject.toml")) and os.path.isdir(os.path.join(_checkout, "passes")):
    __path__.append(_checkout)  # source checkout: passes/ and hw_profiles/ sit beside this folder
