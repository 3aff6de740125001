"""Lets the tests of passes use the small models of the tests of MLIR."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "mlir"))
