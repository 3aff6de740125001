"""The rows of the standard's rules, family by family."""

from rule_table import Row
from table_contraction import ROWS as CONTRACTION
from table_elementwise import ROWS as ELEMENTWISE
from table_models import ROWS as MODELS
from table_movement import ROWS as MOVEMENT

ROWS: tuple[Row, ...] = (*ELEMENTWISE, *CONTRACTION, *MOVEMENT, *MODELS)
