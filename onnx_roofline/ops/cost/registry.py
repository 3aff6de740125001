"""The rule table: (domain, op, since_version) -> a rule, and what a rule sees and answers.

A rule is pure arithmetic on shapes, dtypes, attributes and small values. It never sees the graph or the hardware. It
asks its `OpView` for what it needs; where that is unknown the question raises NotModelledError and the op is `unknown`.
"""

import bisect
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from onnx_roofline.base.errors import NotModelledError
from onnx_roofline.base.units import COMPLEX_DTYPES, FLOAT_DTYPES, product
from onnx_roofline.ir.masking import Masking
from onnx_roofline.ir.records import Contraction, Counts, Status, Work
from onnx_roofline.ops.since_version import INTRODUCED
from onnx_roofline.ops.traits import NO_TRAITS, Traits
from onnx_roofline.ops.view import OpView

if TYPE_CHECKING:
    pass


RuleFunction = Callable[[OpView], Work]


class Rule(Struct, frozen=True):
    """A rule with what `onnx-roofline ops` prints of it."""

    domain: str
    op_type: str
    since: int
    formula: str
    source: str
    apply: RuleFunction
    traits: Traits = NO_TRAITS

    @property
    def name(self) -> str:
        """`ai.onnx.MatMul-13`."""
        return f"{self.domain or 'ai.onnx'}.{self.op_type}-{self.since}"


_TABLE: dict[tuple[str, str], list[Rule]] = {}


def rule(
    *op_types: str,
    domain: str = "",
    since: int = 0,
    formula: str = "",
    source: str = "",
    traits: Traits = NO_TRAITS,
) -> Callable[[RuleFunction], RuleFunction]:
    """Register a rule for one or more ops from opset version `since` on; 0 is the first version that has the op.

    `formula` and `source` default to the first line and the `Source:` line of the function's docstring. Arithmetic
    that fails on operands which contradict each other makes the op not modelled.
    Raises ValueError for a rule that is there already.
    """

    def register(function: RuleFunction) -> RuleFunction:
        text = " ".join((function.__doc__ or "").split())
        first = (function.__doc__ or "").strip().partition("\n")[0].strip()
        cited = source or text.partition("Source:")[2].partition(";")[0].strip(" .")
        guarded = _guarded(function)
        for op_type in op_types:
            version = since or INTRODUCED.get((domain, op_type), 1)
            rows = _TABLE.setdefault((domain, op_type), [])
            if any(row.since == version for row in rows):
                raise ValueError(f"a rule for {domain or 'ai.onnx'}.{op_type}-{version} exists already")
            default = f"{domain or 'ONNX'} {op_type}-{version}"
            bisect.insort(
                rows,
                Rule(domain, op_type, version, formula or first.rstrip("."), cited or default, guarded, traits),
                key=lambda row: row.since,
            )
        return function

    return register


def _guarded(function: RuleFunction) -> RuleFunction:
    """The rule, with NotModelledError for operands that are not what the op takes (too few dims, a kernel of -1)."""

    def apply(op: OpView) -> Work:
        try:
            answer = function(op)
        except (ArithmeticError, LookupError, ValueError, TypeError) as error:
            raise NotModelledError(f"the operands are not those of {op.op_type}: {error}") from error
        if answer.counts is not None and min(answer.counts.as_dict().values()) < 0:
            raise NotModelledError(f"the operands are not those of {op.op_type}: a count is negative")
        return answer

    return apply


def rules_of(domain: str, op_type: str) -> Sequence[Rule]:
    """The rules of an op that have been registered so far, the oldest first."""
    return _TABLE.get((domain, op_type), ())


def every_rule() -> tuple[Rule, ...]:
    """All rules that have been registered so far, sorted by domain, op and version."""
    return tuple(row for key in sorted(_TABLE) for row in _TABLE[key])


def view(
    *op_types: str, why: str, domain: str = "", since: int = 0, aliases: int | None = 0, traits: Traits = NO_TRAITS
) -> None:
    """Register ops that move and compute nothing, with the reason.

    `aliases` is the input whose bytes the result is; None where it is none's.
    """

    def apply(op: OpView) -> Work:
        return as_view(op, why, aliases)

    rule(*op_types, domain=domain, since=since, formula=f"nothing: {why}", traits=traits)(apply)


def as_view(op: OpView, why: str, aliases: int | None = 0) -> Work:
    """The answer for an op that, with these operands, moves and computes nothing; `aliases` as in `view`."""
    reads, writes = (0,) * len(op.inputs), (0,) * len(op.outputs)
    return Work(Counts(), reads, writes, moves_data=False, aliases=aliases, compute_dtype=_dtype_of(op), note=why)


def _dtype_of(op: OpView) -> str:
    """Element type that the op computes in: its first floating operand's, else its first operand's."""
    types = [operand.type.dtype for operand in (*op.inputs, *op.outputs) if operand is not None]
    return next((dtype for dtype in types if dtype in FLOAT_DTYPES), next(iter(types), ""))


def work(
    op: OpView,
    counts: Counts | None = None,
    *,
    reads: Mapping[int, int | None] | None = None,
    writes: Mapping[int, int | None] | None = None,
    contractions: Sequence[Contraction] = (),
    dtype: str = "",
    status: Status = "exact",
    sequential_steps: int = 1,
    row_elements: int = 0,
    row_sums: int = 2,
    masking: Masking | None = None,
    note: str = "",
    parameters: Mapping[int, int] | None = None,
) -> Work:
    """The answer of a rule: every present operand is touched once and whole, except where `reads` and `writes` differ.

    `reads` and `writes` give the elements touched by operand position, `parameters` the logical elements of those that
    are parameters whatever their type; the operands of contractions are so without being listed. `counts` are
    floating-point counts; for an integer or boolean `dtype` (default: that of the operands) they become integer or bit
    operations, MACs excepted, and a complex one costs its real operations.
    """
    dtype = dtype or _dtype_of(op)
    touched_in = [0 if operand is None else operand.type.elements for operand in op.inputs]
    touched_out = [0 if operand is None else operand.type.elements for operand in op.outputs]
    for position, elements in (reads or {}).items():
        if op.has(position):
            touched_in[position] = elements
    for position, elements in (writes or {}).items():
        if op.has_output(position):
            touched_out[position] = elements
    return Work(
        counts=_for_dtype(counts or Counts(), dtype),
        reads=tuple(touched_in),
        writes=tuple(touched_out),
        status=status,
        contractions=tuple(contractions),
        compute_dtype=dtype,
        sequential_steps=sequential_steps,
        row_elements=row_elements,
        row_sums=row_sums,
        masking=masking,
        note=note,
        parameters=_parameters(op, contractions, parameters or {}),
    )


def _parameters(op: OpView, contractions: Sequence[Contraction], given: Mapping[int, int]) -> tuple[int | None, ...]:
    """Logical elements by input position: what the rule gives, and of a contraction's operands their own."""
    multiplied = {position for part in contractions for position in (part.lhs, part.rhs) if position is not None}
    found = [
        operand.type.elements if position in multiplied and operand is not None else None
        for position, operand in enumerate(op.inputs)
    ]
    for position, elements in given.items():
        if op.has(position):
            found[position] = elements
    return tuple(found)


def own_elements(op: OpView, *positions: int) -> dict[int, int]:
    """Those of the input positions that are given, with the elements of their operands."""
    return {position: op.input(position).elements for position in positions if op.has(position)}


def _for_dtype(counts: Counts, dtype: str) -> Counts:
    """Counts of float arithmetic as what they are on integers, booleans and complex numbers."""
    if dtype in FLOAT_DTYPES or not dtype or dtype == "string":
        return counts
    if dtype in COMPLEX_DTYPES:
        # Complex: add = 2 adds; mul = 4 muls + 2 adds; div = 6 muls + 3 adds + 2 divs; MAC = 4 real MACs.
        return replace(
            counts,
            macs=4 * counts.macs,
            adds=2 * counts.adds + 2 * counts.muls + 3 * counts.divs,
            muls=4 * counts.muls + 6 * counts.divs,
            divs=2 * counts.divs,
        )
    operations = counts.adds + counts.muls + counts.divs + counts.compares + counts.transcendentals
    return Counts(
        macs=counts.macs,
        int_ops=counts.int_ops + (0 if dtype == "bool" else operations),
        bit_ops=counts.bit_ops + (operations if dtype == "bool" else 0),
    )


def elementwise(**per_output: int) -> RuleFunction:
    """A rule that counts each class so often per output element, whatever is broadcast.

    The op's element type is that of its inputs (a comparison of floats is a float operation).
    """
    classes = Counts(**per_output)

    def apply(op: OpView) -> Work:
        return work(op, classes.scaled(op.out.elements))

    apply.__doc__ = " + ".join(f"{name}: {n if n > 1 else ''}n" for name, n in per_output.items() if n) or "nothing"
    return apply


def rows_and_columns(shape: Sequence[int], axis: int) -> tuple[int, int]:
    """(rows, columns) of a tensor reduced or normalised over the axes from `axis` on.

    >>> rows_and_columns((2, 3, 4, 5), 2), rows_and_columns((2, 3, 4), -1)
    ((6, 20), (6, 4))
    """
    axis %= max(1, len(shape))
    return product(shape[:axis]), product(shape[axis:])
