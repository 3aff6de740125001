"""The modules of the score import each other by their bare names, as `make truth` runs them."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
