"""Exit codes: 0 done and within every limit, 1 a limit is broken, 2 wrong input, 70 internal error, 130 interrupted.

Where several apply the greatest stands: a report with a broken limit of one model and a refusal of another ends with 2.
"""

from typing import Final

DONE: Final = 0
BROKEN: Final = 1
BAD_INPUT: Final = 2
INTERNAL: Final = 70
INTERRUPTED: Final = 130
