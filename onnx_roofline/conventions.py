"""A model's total as other counters would give it, with every difference to ours in a line of its own.

    total = count(analysis, "fvcore")
    sum(line.value for line in total.lines) == total.total
    sum(line.ours for line in total.lines + total.not_counted) == our operations, two for each MAC

The rules were read in the sources that `CONVENTIONS` names. A file says less than the program that wrote it: what a
counter sees of a program and not of its file is in the reason of the line, and in docs/conventions-of-others.md.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TYPE_CHECKING

from onnx_roofline.errors import NotModelledError, UsageError
from onnx_roofline.op_rules import OpView
from onnx_roofline.passes.op_count import view_of
from onnx_roofline.records import Counts, Executions, TypedOp, Work
from onnx_roofline.stored_operands import Operands, find_operands
from onnx_roofline.units import FLOPS_PER_MAC, product
from onnx_roofline.valid_taps import valid_macs

if TYPE_CHECKING:
    from onnx_roofline.analysis import Analysis
