"""Cost, roofline and GPU/PIM placement of every op of an ONNX file, without its weights."""

from pathlib import Path

__version__ = "0.1.0"

_checkout = Path(__file__).resolve().parents[1]
if (_checkout / "pyproject.toml").is_file() and (_checkout / "passes").is_dir():
    __path__.append(str(_checkout))  # source checkout: passes/ and hw_profiles/ sit beside this folder
