"""One row of a rule table and the one function that checks it.

A row is an op with typed operands and the figures that its specification gives, as literal arithmetic. Operands are
`(dtype, shape)`, `(dtype, shape, value)`, a `TensorType` (sequences, maps, unknown sizes) or None where absent.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from onnx_roofline.ir.graph import StoredTensor, TensorType
from onnx_roofline.ir.records import Counts, Work
from onnx_roofline.ops.cost.lookup import find_rule
from onnx_roofline.ops.cost.registry import Rule
from onnx_roofline.ops.view import Operand, OpView

NOTHING = Counts()

OperandSpec = tuple[str, tuple[int, ...]] | tuple[str, tuple[int, ...], object] | TensorType | None


@dataclass(frozen=True)
class Row:
    """`reads` and `writes` are elements touched; None stands for every present operand once and whole.

    `parameters` are the logical elements that the rule gives for some of its input positions.
    """

    op: str
    version: int
    inputs: tuple[OperandSpec, ...]
    outputs: tuple[OperandSpec, ...]
    counts: Counts = NOTHING
    attributes: Mapping[str, object] = field(default_factory=dict)
    reads: tuple[int | None, ...] | None = None
    writes: tuple[int | None, ...] | None = None
    status: str = "exact"
    domain: str = ""
    dtype: str = ""
    is_view: bool = False
    steps: int = 1
    parameters: Mapping[int, int] = field(default_factory=dict)

    @property
    def label(self) -> str:
        """`ai.onnx.MatMul-13`, with the version of the row."""
        return f"{self.domain or 'ai.onnx'}.{self.op}-{self.version}"


def operand(spec: OperandSpec, label: str) -> Operand | None:
    """The operand that a row describes."""
    if spec is None:
        return None
    if isinstance(spec, TensorType):
        return Operand(spec, None, label)
    dtype, shape, *value = spec
    known = np.asarray(value[0]).reshape(shape) if value else None
    return Operand(TensorType(dtype, shape), known, label)


def tensor(dtype: str, value: object) -> StoredTensor:
    """A tensor attribute with its value."""
    array = np.asarray(value)
    return StoredTensor(TensorType(dtype, array.shape), array)


def view_of(row: Row) -> OpView:
    """What a rule sees of a row."""
    return OpView(
        op_type=row.op,
        domain=row.domain,
        version=row.version,
        inputs=tuple(operand(spec, f"input {position}") for position, spec in enumerate(row.inputs)),
        outputs=tuple(operand(spec, f"output {position}") for position, spec in enumerate(row.outputs)),
        attributes=row.attributes,
    )


def rule_of(row: Row) -> Rule:
    """The rule that answers a row."""
    rule = find_rule(row.domain, row.op, row.version)
    assert rule is not None, f"no rule for {row.label}"
    assert rule.since <= row.version, f"the oldest rule, {rule.name}, is newer than {row.label}"
    return rule


def work_of(row: Row) -> Work:
    """The answer of the rule."""
    return rule_of(row).apply(view_of(row))


def has_sane_figures(work: Work, view: OpView) -> bool:
    """Whether there are counts, none of them negative, and one figure for each operand, 0 for an absent one."""
    counts = () if work.counts is None else work.counts.as_dict().values()
    operands = (*zip(work.reads, view.inputs, strict=True), *zip(work.writes, view.outputs, strict=True))
    return (
        work.counts is not None
        and all(type(count) is int and count >= 0 for count in counts)
        and all(type(touched) in (int, type(None)) and (touched or 0) >= 0 for touched, _ in operands)
        and all(touched == 0 for touched, operand_ in operands if operand_ is None)
    )


def check_row(row: Row) -> None:
    """Fails unless the rule's answer is the row's, to the last element."""
    work, view = work_of(row), view_of(row)
    assert work.counts is not None, work.note
    assert work.counts == row.counts, (row.label, work.counts, row.counts)
    assert has_sane_figures(work, view), row.label
    assert (work.status, work.moves_data, work.sequential_steps) == (row.status, not row.is_view, row.steps), row.label
    assert work.reads == _expected(row.reads, view.inputs, row.is_view), (row.label, work.reads)
    assert work.writes == _expected(row.writes, view.outputs, row.is_view), (row.label, work.writes)
    for position, elements in row.parameters.items():
        assert work.parameters[position] == elements, (row.label, position, work.parameters)
    if row.dtype:
        assert work.compute_dtype == row.dtype, (row.label, work.compute_dtype)
    if work.contractions and "complex" not in work.compute_dtype:
        assert sum(part.macs for part in work.contractions) == work.counts.macs, (row.label, work.contractions)
    for part in work.contractions:
        for position in (part.lhs, part.rhs):
            assert position is None or view.has(position), (row.label, part)


def _expected(
    given: tuple[int | None, ...] | None, operands: tuple[Operand | None, ...], is_view: bool
) -> tuple[int | None, ...]:
    if given is not None:
        return given
    return tuple(0 if item is None or is_view else item.type.elements for item in operands)
