"""Lets the tests of real models import their helpers and the laws of quantised graphs, whatever the import mode."""

import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent / "fusion")]
