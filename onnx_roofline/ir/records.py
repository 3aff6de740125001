"""The records that passes produce, one frozen class a column. Units are in the field names."""

from collections.abc import Mapping
from fractions import Fraction
from operator import add
from typing import TYPE_CHECKING, Literal

from msgspec import Struct
from msgspec.structs import asdict, astuple

from onnx_roofline.base.units import FLOPS_PER_MAC
from onnx_roofline.ir.graph import Op, TensorType
from onnx_roofline.ir.masking import Masking

if TYPE_CHECKING:
    from onnx_roofline.ir.graph import Array

# What an op is for. Only `compute` ops are counted and placed: `shape_only` ops work on rank-0 and rank-1 values that
# follow from shapes alone and live on the host; `constant` ops depend on nothing but stored values and run once.
OpRole = Literal["compute", "shape_only", "constant"]

# How sure a figure is, surest first.
Status = Literal["exact", "bounded", "heuristic", "unknown"]
STATUSES: tuple[Status, ...] = ("exact", "bounded", "heuristic", "unknown")

# Where a number of runs comes from: the file, the user, an upper bound of what data decide, a real run, or a guess.
Origin = Literal["exact", "bound", "data", "assumed"]


class Body(Struct, frozen=True):
    """A graph that an op runs: which one, in which scope, and how often per run of the op.

    `repeat` is the trip count of a Loop, the length of a Scan or sequence, 1 for a call; None where an If leaves the
    choice to the costs. `origin` is "exact", "bound" (a trip count or probability that the user gave), "data" (an upper
    bound of what values decide) or "assumed". `follows` says that it would be exact if lengths that data decide, or the
    trip counts of other loops, were: who states these states it.
    """

    attribute: str
    scope: str
    repeat: int | Fraction | None
    origin: Origin
    follows: bool = False

    @property
    def is_branch(self) -> bool:
        """Whether it is one of two bodies of which one runs, of the scope around them."""
        return self.attribute in ("then_branch", "else_branch")


class TypedOp(Struct, frozen=True, eq=False):
    """Column of the shape inference: an op in one scope with the types of its operands.

    A function body or loop body has one scope for each distinct signature, so rows are (scope, op); the row id is
    `scope + op.id`. `values` holds what is known of small inputs. An absent input has type None. `contradiction` says
    why nothing is known of an op whose operands can't be.

    Rows of one number in `alike` have the same op type, version, attributes, operand types, values and role, so that
    what follows from these alone is worked out once; -1 is a row of no class.
    """

    op: Op
    scope: str
    inputs: tuple[TensorType | None, ...]
    outputs: tuple[TensorType, ...]
    values: tuple["Array | None", ...]
    role: OpRole = "compute"
    bodies: tuple[Body, ...] = ()
    note: str = ""
    contradiction: str = ""
    alike: int = -1


class FileTypes(Struct, frozen=True, eq=False):
    """What the shape inference says of the whole model under an assumed width: its rows at the types of the file."""

    rows: Mapping[str, TypedOp]


class Folding(Struct, frozen=True, eq=False):
    """Column of the quantisation pass: how an op computes once the Q and DQ ops around it are folded into it.

    `compute_dtype` is the quantised element type it computes in ("": its own). `inputs` holds for each input what is
    read instead (the stored tensor, its scale, its zero point; with the first those of the result), or None where it is
    read as it is; `outputs` for each output the quantised type that is written, or None. `restored_by` are the rows
    that restore what it reads, `counted` those whose work is counted here: every Q and DQ op's is counted once.
    `folded_into` is set on a row that vanishes into another; `keeps_work` where that runs in another scope, so that the
    work stays. `moves_nothing`: the result is the quantised input again; `runs_once`: the op only rearranges stored
    values. `aliases` is the input whose bytes the result of such a row is. `note` says what a reader should know.
    """

    compute_dtype: str = ""
    inputs: tuple[tuple[TensorType, ...] | None, ...] = ()
    outputs: tuple[TensorType | None, ...] = ()
    restored_by: tuple[str, ...] = ()
    counted: tuple[str, ...] = ()
    folded_into: str = ""
    keeps_work: bool = False
    moves_nothing: bool = False
    runs_once: bool = False
    aliases: int = 0
    note: str = ""

    def written(self, types: tuple[TensorType, ...]) -> tuple[TensorType, ...]:
        """The types of an op's outputs as they are written."""
        return tuple(made or kind for made, kind in zip(self.outputs, types, strict=True)) if self.outputs else types


UNFOLDED = Folding()


class Counts(Struct, frozen=True):
    """Operations by class. A multiply-accumulate is one `macs`; comparisons include max, min and clamps."""

    macs: int = 0
    adds: int = 0
    muls: int = 0
    divs: int = 0
    compares: int = 0
    transcendentals: int = 0
    int_ops: int = 0
    bit_ops: int = 0

    @property
    def flops(self) -> int:
        """Floating-point operations: two for a MAC, one for every other float operation.

        >>> Counts(macs=10, adds=3, int_ops=7).flops
        23
        """
        return FLOPS_PER_MAC * self.macs + self.adds + self.muls + self.divs + self.compares + self.transcendentals

    @property
    def operations(self) -> int:
        """Everything an execution unit does, integer and bit operations included; the roofline's numerator."""
        return self.flops + self.int_ops + self.bit_ops

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(*map(add, astuple(self), astuple(other)))

    def scaled(self, factor: int) -> "Counts":
        """These counts `factor` times.

        >>> Counts(macs=2, adds=1).scaled(3)
        Counts(macs=6, adds=3, muls=0, divs=0, compares=0, transcendentals=0, int_ops=0, bit_ops=0)
        """
        return Counts(*(count * factor for count in astuple(self)))

    def as_dict(self) -> dict[str, int]:
        """Class name to count, every class present."""
        return asdict(self)


COUNT_CLASSES = Counts.__struct_fields__


class Contraction(Struct, frozen=True):
    """A contraction in its canonical form: `batch` independent products of [M, K] and [K, N].

    A convolution is an implicit GEMM with M = output channels of a group, N = batch x output positions,
    K = input channels of a group x taps, `batch` = groups; `kernel`, `strides`, `dilations` and the spatial sizes keep
    what im2col would hide. `lhs` and `rhs` are the positions of its operands among the op's inputs (None: an
    intermediate inside the op).
    """

    batch: int
    m: int
    n: int
    k: int
    kernel: tuple[int, ...] = ()
    strides: tuple[int, ...] = ()
    dilations: tuple[int, ...] = ()
    input_spatial: tuple[int, ...] = ()
    output_spatial: tuple[int, ...] = ()
    images: int = 1
    lhs: int | None = 0
    rhs: int | None = 1

    @property
    def macs(self) -> int:
        """Multiply-accumulates of the whole contraction."""
        return self.batch * self.m * self.n * self.k


class Work(Struct, frozen=True):
    """What an op does and touches: the answer of its rule.

    `reads` and `writes` are elements touched per input and output operand, each once however often the algorithm
    comes back to it; None is unknown. `moves_data` is False for a view, with the reason in `note`.
    `compute_dtype` selects the peak. `sequential_steps` is the length of the longest chain of dependent steps inside
    the op (the time loop of an LSTM). `aliases` is the input whose bytes the results of a view are. `row_elements` are
    normalised together: all of them are needed before the first result, so that a row that doesn't fit on chip is read
    twice; 0 for an op that normalises nothing. `row_sums` are the sums over a row that a normalisation needs one after
    the other (mean and variance 2, mean of squares 1). `masking` is what attention may leave out. `rule` names the
    rule, as in `ai.onnx.MatMul-13`. `parameters` are the logical elements per input operand of what is a parameter if
    the file stores it, whatever its type and rank: weights packed into bytes, scales, zero points, biases in int32.
    None leaves it to the operand's own type.
    """

    counts: Counts | None
    reads: tuple[int | None, ...]
    writes: tuple[int | None, ...]
    status: Status = "exact"
    rule: str = ""
    contractions: tuple[Contraction, ...] = ()
    compute_dtype: str = ""
    sequential_steps: int = 1
    moves_data: bool = True
    note: str = ""
    aliases: int | None = None
    row_elements: int = 0
    parameters: tuple[int | None, ...] = ()
    row_sums: int = 2
    masking: Masking | None = None


class ConstantWork(Struct, frozen=True):
    """What the op count says of the ops that depend on stored values alone, which run once and are in no total.

    `counts` are of all of them together, each once; `largest` is the row id of the one with most operations, "" without
    any; `uncounted` is how many have no counts.
    """

    counts: Counts
    largest: str = ""
    uncounted: int = 0


# What a kernel is as a whole to a device that has one op for it, and to the tiling of its products.
KernelRole = Literal["none", "attention"]
# Why fusion keeps bytes from moving: made and read inside the kernel, fetched once for all its members, or rows of a
# cache that stay where they are since past and present share a buffer.
SavingKind = Literal["inside", "once", "in_place"]


class Kernel(Struct, frozen=True, eq=False):
    """Column of the fusion pass: the ops that one device kernel executes; all its members hold the same record.

    `id` is the row id of its root (the contraction or reduction where it has one, else the last member); "" for a row
    that no kernel executes: a view, a shape-only or constant op, or a call of a body. `members` are row ids in graph
    order, `pattern` names the rule that made it ("alone" for a single op), for people; `role` is what it is.
    `refused` says for each fusion at its border that was looked at and not done why not.
    """

    id: str
    members: tuple[str, ...] = ()
    pattern: str = ""
    refused: tuple[str, ...] = ()
    role: KernelRole = "none"


class Saving(Struct, frozen=True):
    """Bytes of one operand that fusion keeps from moving, why, and the rule that says so in words."""

    tensor: str
    bytes: int
    rule: str
    kind: SavingKind


class Traffic(Struct, frozen=True):
    """Bytes between memory and an op in one execution; None is unknown.

    `read_bytes` and `write_bytes` are those of the op alone, each operand once; `naive_bytes` is their sum.
    `compulsory_bytes` is the op's part of what its kernel can't avoid: naive = compulsory + the savings.
    """

    read_bytes: tuple[int | None, ...]
    write_bytes: tuple[int | None, ...]
    naive_bytes: int | None
    compulsory_bytes: int | None
    savings: tuple[Saving, ...] = ()

    @property
    def fused_away_bytes(self) -> int:
        """Bytes that fusion saves."""
        return sum(saving.bytes for saving in self.savings)


class Moved(Struct, frozen=True):
    """What a device's on-chip memory makes of a kernel's compulsory bytes: moved = compulsory + refetched - resident.

    `refetched_bytes` are fetched again because tiles don't fit, `resident_bytes` are still on chip from an earlier
    kernel under least-recently-used replacement, `resident_at_best_bytes` under the best replacement there is.
    `reasons` say where each part comes from.
    """

    compulsory_bytes: int
    refetched_bytes: int
    resident_bytes: int
    resident_at_best_bytes: int
    reasons: tuple[str, ...] = ()

    @property
    def moved_bytes(self) -> int:
        """Bytes that cross between memory and chip."""
        return self.compulsory_bytes + self.refetched_bytes - self.resident_bytes


class Reuse(Struct, frozen=True, eq=False):
    """Column of the reuse pass: by device slug, what moves; only the root of a kernel has entries."""

    devices: Mapping[str, Moved]


class Executions(Struct, frozen=True):
    """How often a row runs in one run of the model, over all loops, branches and calls that lead to it.

    An integer but for expected counts of branches with probabilities, which are fractions. `origin` is that of the
    least sure step on the way, as in Body.
    """

    count: int | Fraction
    origin: Origin = "exact"

    @property
    def status(self) -> Status:
        """How sure figures are that the count multiplies: "exact", "bounded" or "heuristic"."""
        return "bounded" if self.origin == "data" else "heuristic" if self.origin == "assumed" else "exact"


def op_status(work: Work, traffic: Traffic, executions: Executions) -> Status:
    """How sure the figures of an op are: the least sure of its counts, its bytes and how often it runs.

    The counts' status is that of the shapes as well, from which the bytes follow; bytes that nobody knows leave an op
    without a roofline, however exact its counts are, unless it never runs.

    >>> work, known, unknown = Work(Counts(adds=4), (4,), (4,)), (16, 16), (None, 16)
    >>> [op_status(work, Traffic(sizes, (), total(sizes), total(sizes)), Executions(1)) for sizes in (known, unknown)]
    ['exact', 'unknown']
    """
    if traffic.naive_bytes is None and executions.count:
        return "unknown"
    return max(work.status, executions.status, key=STATUSES.index)


class Live(Struct, frozen=True):
    """Bytes of activations that are alive while the op's kernel runs, what it reads and writes included.

    None is unknown; of an op that no kernel executes nothing is said either.
    """

    bytes: int | None


class PeakActivations(Struct, frozen=True):
    """The most bytes of activations that are alive at once in a run: model inputs and outputs and what kernels leave
    for each other, without weights and caches; None is unknown.
    """

    bytes: int | None


# Binary digits after the point of a fraction that is kept; the smallest float has 1,074. Probabilities multiply along
# a chain of branches, and each factor adds its digits.
FRACTION_BITS = 2048


def whole(value: int | Fraction) -> int | Fraction:
    """A fraction that is a whole number as an integer, and one of many digits rounded up; both keep arithmetic fast.

    >>> whole(Fraction(6, 2)), whole(Fraction(1, 2)), whole(Fraction(1, 3**2000)) == Fraction(1, 2**2048)
    (3, Fraction(1, 2), True)
    """
    if value.denominator == 1:
        return value.numerator
    if value.denominator.bit_length() <= FRACTION_BITS:
        return value
    return Fraction(-(-(value.numerator << FRACTION_BITS) // value.denominator), 1 << FRACTION_BITS)


def total(values: "tuple[int | None, ...] | list[int | None]") -> int | None:
    """Sum, or None if any part is unknown: unknown is a value, never 0.

    >>> total((1, 2)), total((1, None))
    (3, None)
    """
    result = 0
    for value in values:
        if value is None:
            return None
        result += value
    return result
