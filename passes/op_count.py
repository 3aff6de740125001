"""Op count: what every op does and touches, by the rule of its (domain, op, version)."""

from collections.abc import Iterable, Mapping
from typing import ClassVar

from msgspec import Struct
from msgspec.structs import replace

from onnx_roofline.base.errors import NotModelledError
from onnx_roofline.base.quantities import format_si
from onnx_roofline.base.units import FLOPS_PER_MAC
from onnx_roofline.inference.onnx_library import known_attributes
from onnx_roofline.ir.graph import Model, Notice
from onnx_roofline.ir.pipeline import PassResult
from onnx_roofline.ir.records import STATUSES, UNFOLDED, ConstantWork, Counts, Folding, TypedOp, Work
from onnx_roofline.ir.tensor_index import TensorIndex
from onnx_roofline.ops.cost.lookup import find_rule
from onnx_roofline.ops.cost.registry import Rule
from onnx_roofline.ops.view import view_of

# Work on stored values above this share of the model's operations is a warning; below it no total would look different
# if it were counted.
CONSTANT_SHARE = 0.01


class OpCount(Struct, frozen=True):
    """An op without a rule, or with operands that its rule can't use, is `unknown`; the analysis goes on."""

    name: ClassVar[str] = "op-count"
    requires: ClassVar[tuple[type, ...]] = (TypedOp, Folding)
    produces: ClassVar[type] = Work

    def run(self, model: Model) -> PassResult:
        """A Work for every row and the TensorIndex; ops that are not `compute` count nothing and touch nothing."""
        memo: dict[object, Work] = {}
        foldings = model.column(Folding)
        rows = model.column(TypedOp)
        alone: dict[str, Work] = {}
        of_class: dict[int, Work] = {}
        for key, row in rows.items():
            work = of_class.get(row.alike)
            if work is None:
                work = _work_of(row, memo)
                # The reason why an op is unknown names its own operands.
                if row.alike >= 0 and work.counts is not None:
                    of_class[row.alike] = work
            alone[key] = work
        works = {key: _folded(work, foldings[key], alone) for key, work in alone.items()}
        constant = _constant_work(rows, memo)
        wholes = (TensorIndex.of(model, works), constant)
        return PassResult(works, _notices(constant, works.values()), wholes)


def _constant_work(rows: Mapping[str, TypedOp], memo: dict[object, Work]) -> ConstantWork:
    """What the ops on stored values would count, each of them once."""
    total, largest, most, uncounted = Counts(), "", 0, 0
    for key, row in rows.items():
        if row.role != "constant" or row.bodies:
            continue
        counts = _ruled(row, memo).counts
        if counts is None:
            uncounted += 1
        elif counts.operations:
            total += counts
            if counts.operations > most:
                largest, most = key, counts.operations
    return ConstantWork(total, largest, uncounted)


def _notices(constant: ConstantWork, works: Iterable[Work]) -> tuple[Notice, ...]:
    """One notice where the work on stored values is a good part of what one execution of every op counts."""
    found = constant.counts.operations
    counted = sum(work.counts.operations for work in works if work.counts is not None)
    if found <= CONSTANT_SHARE * counted:
        return ()
    text = (
        f"{format_si(found)} operations are on stored values alone and in no total, {format_si(counted)} are in the "
        "totals: a runtime does them once, when it loads the model; fold them in the file, or limit constant_macs"
    )
    return (Notice("constant-work", constant.largest, text),)


def _folded(work: Work, folding: Folding, alone: Mapping[str, Work]) -> Work:
    """The work of an op with the Q and DQ ops that fold into it; their counts move with them."""
    if work.counts is None or folding is UNFOLDED:
        return work
    counts, status = work.counts, work.status
    if "int" in folding.compute_dtype:
        counts = Counts(macs=counts.macs, int_ops=counts.operations - FLOPS_PER_MAC * counts.macs)
    for key in folding.counted:
        counts += alone[key].counts or Counts()
        status = max(status, alone[key].status, key=STATUSES.index)
    work = replace(work, counts=counts, status=status, compute_dtype=folding.compute_dtype or work.compute_dtype,
                   note=folding.note or work.note)  # fmt: skip
    if not (folding.folded_into or folding.moves_nothing or folding.runs_once):
        return work
    moves_work = folding.folded_into and not folding.keeps_work and alone[folding.folded_into].counts is not None
    return replace(work, counts=Counts() if moves_work else counts,
                   reads=(0,) * len(work.reads), writes=(0,) * len(work.writes), moves_data=False,
                   aliases=None if folding.runs_once else folding.aliases)  # fmt: skip


def _work_of(row: TypedOp, memo: dict[object, Work]) -> Work:
    op = row.op
    if row.contradiction:
        return _unknown(row, row.contradiction)
    if row.role != "compute":
        note = "follows from shapes alone" if row.role == "shape_only" else "depends on stored values alone, runs once"
        return Work(Counts(), (0,) * len(op.inputs), (0,) * len(op.outputs), moves_data=False, note=note)
    if op.function is not None:
        return Work(Counts(), (0,) * len(op.inputs), (0,) * len(op.outputs), rule=f"function {op.function}",
                    moves_data=False, note="the cost is that of the function's body")  # fmt: skip
    return _ruled(row, memo)


def _ruled(row: TypedOp, memo: dict[object, Work]) -> Work:
    """The answer of the op's rule, whatever the op's role."""
    op = row.op
    rule = find_rule(op.domain, op.op_type, op.version)
    if rule is None:
        return _unknown(row, f"no rule for {op.qualified_type}")
    # Rows of repeated layers share their signature; only small values and plain attributes are part of it.
    signature = (
        rule.name, op.version, row.inputs, row.outputs, known_attributes(op.attributes),
        tuple(None if value is None else value.tobytes() for value in row.values),
        tuple(map(bool, op.outputs)),
    )  # fmt: skip
    found = memo.get(signature)
    if found is None:
        found = _apply(rule, row)
        # The reason why an op is unknown names its own operands.
        if found.counts is not None:
            memo[signature] = found
    return found


def _apply(rule: Rule, row: TypedOp) -> Work:
    try:
        work = rule.apply(view_of(row))
    except NotModelledError as error:
        return replace(_unknown(row, str(error)), rule=rule.name)
    status = work.status
    kinds = [kind for kind in (*row.inputs, *row.outputs) if kind is not None]
    if any(kind.assumed for kind in kinds):
        status = max(status, "heuristic", key=STATUSES.index)
    elif not all(kind.exact for kind in kinds):
        status = max(status, "bounded", key=STATUSES.index)
    return replace(work, rule=rule.name, status=status)


def _unknown(row: TypedOp, reason: str) -> Work:
    """Unknown counts; the bytes are still those of the tensors."""
    kinds = (*(kind for kind in row.inputs if kind is not None), *row.outputs)
    return Work(
        counts=None,
        reads=tuple(0 if kind is None else kind.elements for kind in row.inputs),
        writes=tuple(kind.elements if name else 0 for name, kind in zip(row.op.outputs, row.outputs, strict=True)),
        status="unknown",
        compute_dtype=next((kind.dtype for kind in kinds if kind.dtype), ""),
        note=reason,
    )
