"""The rule table: (domain, op, since_version) -> a rule, and what a rule sees and answers.

A rule is pure arithmetic on shapes, dtypes, attributes and small values. It never sees the graph or the hardware. It
asks its `OpView` for what it needs; where that is unknown the question raises NotModelledError and the op is `unknown`.
"""

import bisect
import importlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from onnx_roofline.errors import NotModelledError
from onnx_roofline.graph import Op, StoredTensor, TensorType
from onnx_roofline.op_rules.introduced import INTRODUCED
from onnx_roofline.records import Contraction, Counts, TypedOp, Work
from onnx_roofline.units import COMPLEX_DTYPES, FLOAT_DTYPES, product

if TYPE_CHECKING:
    from onnx_roofline.graph import Array


@dataclass(frozen=True, slots=True)
class Operand:
    """One operand as a rule sees it; every property raises NotModelledError where its answer is unknown."""

    type: TensorType
    known_value: "Array | None"
    label: str

    @property
    def shape(self) -> tuple[int, ...]:
        """The dims."""
        if not self.type.is_known:
            raise NotModelledError(f"the shape of {self.label} is unknown")
        return self.type.dims

    @property
    def rank(self) -> int:
        """Number of dims."""
        return len(self.shape)

    @property
    def elements(self) -> int:
        """Number of elements."""
        elements = self.type.elements
        if elements is None:
            raise NotModelledError(f"the size of {self.label} is unknown")
        return elements

    @property
    def dtype(self) -> str:
        """Element type name, as in units.DTYPE_BITS."""
        if not self.type.dtype:
            raise NotModelledError(f"the element type of {self.label} is unknown")
        return self.type.dtype

    @property
    def value(self) -> "Array":
        """The values, of a small tensor whose values are known."""
        if self.known_value is None:
            raise NotModelledError(f"the values of {self.label} are not known before the model runs")
        return self.known_value

    @property
    def is_known(self) -> bool:
        """Whether the values are known."""
        return self.known_value is not None


@dataclass(frozen=True, slots=True)
class OpView:
    """What a rule sees of an op. `inputs` and `outputs` hold None for an absent optional operand."""

    op_type: str
    domain: str
    version: int
    inputs: tuple[Operand | None, ...]
    outputs: tuple[Operand | None, ...]
    attributes: Mapping[str, object]

    def has(self, position: int) -> bool:
        """Whether the optional input at `position` is given."""
        return position < len(self.inputs) and self.inputs[position] is not None

    def has_output(self, position: int) -> bool:
        """Whether the optional output at `position` is asked for."""
        return position < len(self.outputs) and self.outputs[position] is not None

    def input(self, position: int) -> Operand:
        """The input at `position`, which the op needs."""
        operand = self.inputs[position] if position < len(self.inputs) else None
        if operand is None:
            raise NotModelledError(f"input {position} is absent")
        return operand

    def output(self, position: int) -> Operand:
        """The output at `position`, which the op makes."""
        operand = self.outputs[position] if position < len(self.outputs) else None
        if operand is None:
            raise NotModelledError(f"output {position} is absent")
        return operand

    @property
    def x(self) -> Operand:
        """The first input."""
        return self.input(0)

    @property
    def out(self) -> Operand:
        """The first output that is asked for."""
        for operand in self.outputs:
            if operand is not None:
                return operand
        raise NotModelledError("the op has no output")

    def int_attr(self, name: str, default: int) -> int:
        """An integer attribute."""
        value = self.attributes.get(name, default)
        if not isinstance(value, int):
            raise NotModelledError(f"attribute {name} is {value!r}, wanted an integer")
        return value

    def float_attr(self, name: str, default: float) -> float:
        """A floating-point attribute."""
        value = self.attributes.get(name, default)
        if not isinstance(value, int | float):
            raise NotModelledError(f"attribute {name} is {value!r}, wanted a number")
        return float(value)

    def str_attr(self, name: str, default: str) -> str:
        """A string attribute."""
        value = self.attributes.get(name, default)
        if not isinstance(value, str):
            raise NotModelledError(f"attribute {name} is {value!r}, wanted a string")
        return value

    def ints_attr(self, name: str, default: tuple[int, ...] = ()) -> tuple[int, ...]:
        """A list of integers."""
        value = self.attributes.get(name, default)
        if not isinstance(value, tuple) or not all(isinstance(item, int) for item in value):
            raise NotModelledError(f"attribute {name} is {value!r}, wanted integers")
        return tuple(int(item) for item in value)

    def list_attr(self, name: str) -> tuple[object, ...]:
        """A list attribute of any kind; empty where it is absent."""
        value = self.attributes.get(name, ())
        if not isinstance(value, tuple):
            raise NotModelledError(f"attribute {name} is {value!r}, wanted a list")
        return value

    def tensor_attr(self, name: str) -> StoredTensor:
        """A tensor attribute, which the op needs."""
        value = self.attributes.get(name)
        if not isinstance(value, StoredTensor):
            raise NotModelledError(f"attribute {name} is absent")
        return value


RuleFunction = Callable[[OpView], Work]


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule with what `onnx-roofline ops` prints of it."""

    domain: str
    op_type: str
    since: int
    formula: str
    source: str
    apply: RuleFunction

    @property
    def name(self) -> str:
        """`ai.onnx.MatMul-13`."""
        return f"{self.domain or 'ai.onnx'}.{self.op_type}-{self.since}"


_TABLE: dict[tuple[str, str], list[Rule]] = {}


def rule(
    *op_types: str, domain: str = "", since: int = 0, formula: str = "", source: str = ""
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
                Rule(domain, op_type, version, formula or first.rstrip("."), cited or default, guarded),
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


def view(*op_types: str, why: str, domain: str = "", since: int = 0) -> None:
    """Register ops that move and compute nothing, with the reason."""
    rule(*op_types, domain=domain, since=since, formula=f"nothing: {why}")(lambda op: as_view(op, why))


def as_view(op: OpView, why: str) -> Work:
    """The answer for an op that, with these operands, moves and computes nothing."""
    reads, writes = (0,) * len(op.inputs), (0,) * len(op.outputs)
    return Work(Counts(), reads, writes, moves_data=False, compute_dtype=_dtype_of(op), note=why)


def find_rule(domain: str, op_type: str, version: int) -> Rule | None:
    """The newest rule not newer than `version`; the oldest rule where all are newer."""
    rows = _TABLE.get((domain, op_type))
    if not rows:
        _load_rare()
        rows = _TABLE.get((domain, op_type))
    if not rows:
        return None
    position = bisect.bisect_right(rows, version, key=lambda row: row.since)
    return rows[max(0, position - 1)]


def _load_rare() -> None:
    """Register the families that most models don't use; a second call costs a dictionary look-up."""
    importlib.import_module("onnx_roofline.op_rules.rare")


def all_rules() -> tuple[Rule, ...]:
    """Every rule, sorted by domain, op and version."""
    _load_rare()
    return tuple(row for key in sorted(_TABLE) for row in _TABLE[key])


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
    status: str = "exact",
    sequential_steps: int = 1,
    note: str = "",
) -> Work:
    """The answer of a rule: every present operand is touched once and whole, except where `reads` and `writes` differ.

    `reads` and `writes` give the elements touched by operand position. `counts` are floating-point counts; for an
    integer or boolean `dtype` (default: that of the operands) they become integer or bit operations, MACs excepted,
    and a complex one costs its real operations.
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
        note=note,
    )


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


def view_of(row: TypedOp) -> OpView:
    """What a rule sees of a row."""
    return view_of_op(row.op, row.inputs, row.values, row.outputs)


def view_of_op(
    op: Op,
    inputs: Sequence[TensorType | None],
    values: "Sequence[Array | None]",
    outputs: Sequence[TensorType],
) -> OpView:
    """What a rule sees of an op with operands of these types; an absent one has an empty name or no type."""
    return OpView(
        op_type=op.op_type,
        domain=op.domain,
        version=op.version,
        inputs=tuple(
            None if kind is None else Operand(kind, value, f"input {position} ({name!r})")
            for position, (name, kind, value) in enumerate(zip(op.inputs, inputs, values, strict=True))
        ),
        outputs=tuple(
            Operand(kind, None, f"output {position} ({name!r})") if name else None
            for position, (name, kind) in enumerate(zip(op.outputs, outputs, strict=True))
        ),
        attributes=op.attributes,
    )
