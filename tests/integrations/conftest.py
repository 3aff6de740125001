"""Lets the tests of the integrations import their helpers and those of the gate, whatever the import mode."""

import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1] / "ci")]
