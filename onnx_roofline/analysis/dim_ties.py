"""Dims that other dims fix: the operands of one op tie the lengths of masks, caches and totals together.

Shapes are inferred once with a different prime for every dim that is open. Each length in the graph then tells which
dims it is made of: with past = 173 and sequence = 67, a length of 240 is past + sequence. Where an op or a declared
output makes two lengths equal, one dim follows from the others: `total = past + sequence`.
"""

import time
from collections.abc import Collection, Iterable, Iterator, Mapping
from itertools import combinations, pairwise
from typing import TYPE_CHECKING

from msgspec import Struct, field
from msgspec.structs import replace

from onnx_roofline.base.errors import ShapeError, UsageError
from onnx_roofline.base.text import shown
from onnx_roofline.ir.graph import Dim, Model, Op, TensorType
from onnx_roofline.ir.output_dims import dims_of_outputs
from onnx_roofline.ir.pipeline import Pipeline
from onnx_roofline.ir.records import TypedOp
from onnx_roofline.load import TOTAL_REASON, ComputedDim, DimOptions, ParsedModel, bind
from onnx_roofline.ops.shape.ties import is_tying, ties_of
from onnx_roofline.ops.view import view_of

if TYPE_CHECKING:
    from onnx_roofline.passes.shape_inference import ShapeInference

# Seconds, dims and ops that may go into it; layers repeat, so that the first ones tell.
TIME_S, MOST_DIMS, MOST_OPS, ROUNDS = 1.0, 24, 1500, 12
# Classes of dims that ops tie to others of the same group.
_GROUPS = (frozenset({"batch", "unknown"}), frozenset({"sequence", "past", "unknown", "frames", "nodes", "edges"}))
_BROADCAST = frozenset(
    {"Add", "Sub", "Mul", "Div", "Pow", "Mod", "Min", "Max", "Where", "And", "Or", "Xor", "Equal", "Less", "Greater",
     "LessOrEqual", "GreaterOrEqual", "PRelu", "BitwiseAnd", "BitwiseOr"}
)  # fmt: skip


class Form(Struct, frozen=True):
    """A sum of dims, each so many times, and a constant."""

    terms: Mapping[str, int] = field(default_factory=dict)
    constant: int = 0

    def __sub__(self, other: "Form") -> "Form":
        """The difference, without dims that fall out."""
        names = dict.fromkeys((*self.terms, *other.terms))
        terms = {name: self.terms.get(name, 0) - other.terms.get(name, 0) for name in names}
        return Form({name: times for name, times in terms.items() if times}, self.constant - other.constant)

    def value(self, dims: Mapping[str, int]) -> int:
        """The sum for given dims."""
        return self.constant + sum(times * dims[name] for name, times in self.terms.items())


class Equation(Struct, frozen=True):
    """Two lengths that have to be equal; `length` may also be 1, unless it `is_strict`, or up to `room`.

    Ops demand it or the file says so, or the user `is_stated` to say that it is the number `wanted`.
    """

    length: int
    wanted: int
    where: str
    room: int = 0
    is_demanded: bool = True
    fixes_constants: bool = True
    is_strict: bool = False
    is_stated: bool = False


def solve_ties(parsed: ParsedModel, options: DimOptions, inference: "ShapeInference") -> dict[str, ComputedDim]:
    """Dims that nobody stated and others fix, by name.

    Raises UsageError where stated dims contradict each other; the message names them.
    """
    unranked = {
        one.name: options.input_shapes[one.name]
        for one in parsed.graph.inputs
        if one.symbols is None and one.name in options.input_shapes
    }
    plain = bind(parsed, DimOptions({}, unranked))
    kinds = {key: _kind_of(dim) for key, dim in plain.dims.items()}
    probed = {key: kind for key, kind in kinds.items() if any(kind in group for group in _GROUPS)}
    axes = _stated_axes(parsed, options)
    if not _is_worthwhile(parsed, probed) and not (axes and 0 < len(probed) <= MOST_DIMS):
        return {}
    solver = _Solver(parsed, options, unranked, kinds, probed, axes)
    # What is stated of lengths and trips holds for the stated dims, not for primes.
    quiet = replace(inference, trips={}, branches={}, lengths={})
    deadline = time.monotonic() + TIME_S
    for _ in range(ROUNDS):
        if not solver.step(quiet) or time.monotonic() > deadline:
            break
    return solver.solved


def _kind_of(dim: Dim) -> str:
    """The class of a dim: `sequence`; `computed` where its name is an expression of others."""
    if dim.reason == TOTAL_REASON:
        return "sequence"
    kind, _, why = dim.reason.partition(": ")
    # Only its place says that it is an image: it may as well be a mask or a cache.
    return "unknown" if kind in ("image", "channels") and why.startswith("axis ") else kind


def _is_worthwhile(parsed: ParsedModel, probed: Mapping[str, str]) -> bool:
    if not probed or len(probed) > MOST_DIMS:
        return False
    if any(sum(kind in group for kind in probed.values()) > 1 for group in _GROUPS):
        return True
    return any(is_tying(op.domain, op.op_type) for op in parsed.graph.ops)


def probes_of(kinds: Mapping[str, str]) -> dict[str, int]:
    """A prime for each dim, such that no sums or differences of two are close to each other or to usual sizes.

    >>> probes_of({"batch": "batch", "sequence": "sequence", "past": "past"})
    {'batch': 23, 'sequence': 67, 'past': 173}
    """
    found: dict[str, int] = {}
    taken = {scale << shift for scale in (1, 3, 5) for shift in range(16)}
    for key, kind in kinds.items():
        value = 23 if kind == "batch" else 61
        while not _is_prime(value) or not _is_apart(value, found.values(), taken):
            value += 2
        taken.update(one + near for one in _lengths(value, found.values()) for near in range(-2, 3))
        found[key] = value
    return found


def _lengths(value: int, others: Iterable[int]) -> list[int]:
    """A dim, and its sums and differences with others."""
    return [value, *(length for other in others for length in (value + other, abs(value - other)))]


def _is_apart(value: int, others: Iterable[int], taken: Collection[int]) -> bool:
    """Whether the lengths that a dim adds are apart from those that are taken, and from each other."""
    lengths = sorted(_lengths(value, others))
    near = any(length + shift in taken for length in lengths for shift in (-2, 0, 2))
    return not near and all(second - first > 4 for first, second in pairwise(lengths))


def _is_prime(value: int) -> bool:
    return all(value % divisor for divisor in range(2, int(value**0.5) + 1))


def _forms(values: Mapping[str, int], near: int) -> dict[int, list[Form]]:
    """What a length may be made of: a dim, the sum or the difference of two, and a constant up to `near`."""
    found: dict[int, list[Form]] = {}
    for name, value in values.items():
        _add(found, value, Form({name: 1}), near)
    for (one, first), (other, second) in combinations(values.items(), 2):
        _add(found, first + second, Form({one: 1, other: 1}), near)
        larger, smaller = (one, other) if first > second else (other, one)
        _add(found, abs(first - second), Form({larger: 1, smaller: -1}), near)
    return found


def _add(found: dict[int, list[Form]], value: int, form: Form, near: int) -> None:
    for constant in range(-near, near + 1):
        found.setdefault(value + constant, []).append(Form(form.terms, constant))


class _Solver:
    """The dims that are solved so far, and what lengths mean while shapes are inferred with primes."""

    def __init__(
        self,
        parsed: ParsedModel,
        options: DimOptions,
        unranked: Mapping[str, tuple[int, ...]],
        all_kinds: Mapping[str, str],
        kinds: Mapping[str, str],
        axes: Mapping[tuple[str, int], "_StatedAxis"],
    ) -> None:
        self.axes = axes
        self.parsed, self.unranked, self.kinds, self.probes = parsed, unranked, kinds, probes_of(kinds)
        now = bind(parsed, options)
        self.stated = {key: dim.value for key, dim in now.dims.items() if dim.origin == "bound" and not dim.is_computed}
        # the primes fix what an expression of dims is, whether it is stated or not
        self.assumed = {
            key: dim.value for key, dim in now.dims.items() if "computed" not in (_kind_of(dim), all_kinds.get(key))
        }
        # sizes of dims that are assumed and not probed: a length that is one of them tells nothing
        self.guesses = {size for key, size in self.assumed.items() if key not in self.stated and key not in kinds}
        self.order = {key: place for place, key in enumerate(now.dims)}
        # what is solved while shapes are inferred with primes, and what that means for dims that nobody stated
        self.eliminated: dict[str, ComputedDim] = {}
        # sums that are 0 although no primes can make them so: `past + sequence - 10`
        self.out_of_reach: list[Form] = []
        self.solved: dict[str, ComputedDim] = {}

    def step(self, inference: "ShapeInference") -> bool:
        """Infers shapes with primes; whether that solved one more dim."""
        free = {key: value for key, value in self.probes.items() if key not in self.eliminated}
        dims = {key: value for key, value in self.assumed.items() if key not in self.eliminated} | free
        try:
            model = _shortened(bind(self.parsed, DimOptions(dims, self.unranked), computed=self.eliminated))
        except UsageError:
            # An expression that has no size for the primes, such as 2**n.
            return False
        try:
            found = Pipeline((inference,)).run(model)
        except ShapeError as error:
            equations = list(_of_conflict(error))
        else:
            equations = [*_of_ties(found), *_of_outputs(found, self.axes)]
        other = set(dims.values()) - set(free.values())
        forms = {v: each[0] for v, each in _forms(free, near=2).items() if len(each) == 1 and v not in other}
        return sum(self._solve(equation, forms) for equation in equations) > 0

    def _solve(self, equation: Equation, forms: Mapping[int, Form]) -> bool:
        length = forms.get(equation.length, Form(constant=equation.length))
        wanted = Form(constant=equation.wanted)
        wanted = wanted if equation.is_stated else forms.get(equation.wanted, wanted)
        rest = length - wanted
        if not rest.terms or rest in self.out_of_reach or any(name in self.eliminated for name in rest.terms):
            return False
        if not equation.fixes_constants and not (length.terms and wanted.terms):
            return False
        sides = (length,) if equation.is_stated else (length, wanted)
        if any(not side.terms and side.constant in self.guesses for side in sides):
            return False
        if equation.is_demanded and all(name in self.stated for name in rest.terms):
            self._refuse_contradiction(equation, length, wanted, forms)
        candidates = [name for name, times in rest.terms.items() if abs(times) == 1]
        if not candidates:
            return False
        alone = {name for side in (length, wanted) if len(side.terms) == 1 and not side.constant for name in side.terms}

        def preference(name: str) -> tuple[bool, bool, bool, int]:
            is_new = self.kinds[name] == "sequence" and "total" not in name.lower()
            return "total" in name.lower(), name in alone, not is_new, self.order.get(name, 0)

        # While shapes are inferred the longest one is the sum of the others, whoever states what.
        longest = max(candidates, key=lambda name: (name in alone, preference(name)))
        eliminated = _without(rest, longest, equation.where)
        if Form(eliminated.terms, eliminated.constant).value(self.probes) > 0:
            self.eliminated[longest] = eliminated
        else:
            self.out_of_reach.append(rest)
        unstated = [name for name in candidates if name not in self.stated and name not in self.solved]
        if unstated:
            chosen = max(unstated, key=preference)
            solved = _without(rest, chosen, equation.where)
            self.solved[chosen] = replace(solved, is_stated=equation.is_stated and not solved.terms)
            if equation.is_demanded and len(unstated) == 1:
                self._refuse_negative(equation, chosen, (length, wanted))
        return True

    def _refuse_negative(self, equation: Equation, name: str, sides: tuple[Form, Form]) -> None:
        """Raises UsageError where stated dims leave less than nothing for the one that they fix."""
        solved = self.solved[name]
        if any(other not in self.stated for other in solved.terms) or (equation.room and not equation.is_strict):
            return
        value = Form(solved.terms, solved.constant).value(self.stated)
        fixed = [side.value(self.stated) for side in sides if all(other in self.stated for other in side.terms)]
        if value >= 0 or (1 in fixed and not equation.is_strict):
            return
        stated = ", ".join(f"{other!r}={self.stated[other]}" for other in solved.terms)
        raise UsageError(
            f"{self.parsed.info.path}: found {stated}, which leave {value} for {name!r} = {solved} by "
            f"{equation.where}; correct one of them"
        )

    def _refuse_contradiction(self, equation: Equation, length: Form, wanted: Form, forms: Mapping[int, Form]) -> None:
        found, other = length.value(self.stated), wanted.value(self.stated)
        if found == other or (1 in (found, other) and not equation.is_strict):
            return
        room = forms.get(equation.room, Form(constant=equation.room))
        if all(name in self.stated for name in room.terms) and found <= room.value(self.stated):
            return
        sides = [
            ", ".join(f"{name!r}={self.stated[name]}" for name in side.terms) or str(side.constant)
            for side in (length, wanted)
        ]
        raise UsageError(
            f"{self.parsed.info.path}: found {sides[0]} and {sides[1]}, which {equation.where} ties together: "
            f"{found} is not {other}; drop or correct one of them"
        )


def _without(zero: Form, name: str, where: str) -> ComputedDim:
    """The dim from the others, where their sum is 0."""
    sign = -zero.terms[name]
    terms = {other: sign * times for other, times in zero.terms.items() if other != name}
    return ComputedDim(terms, sign * zero.constant, where)


def _shortened(model: Model) -> Model:
    """The first ops of the model, and the outputs that they make."""
    graph = model.graph
    if len(graph.ops) <= MOST_OPS:
        return model
    ops = graph.ops[:MOST_OPS]
    made = {name for op in ops for name in op.outputs}
    return replace(
        model, graph=replace(graph, ops=ops, outputs=tuple(one for one in graph.outputs if one.name in made))
    )


def _of_ties(model: Model) -> Iterator[Equation]:
    """What ops with operands that belong together demand."""
    for row in model.column(TypedOp).values():
        if is_tying(row.op.domain, row.op.op_type):
            for tie in ties_of(view_of(row)):
                if tie.length != tie.wanted:
                    where = f"{row.scope}{row.op.id} ({tie.what})"
                    yield Equation(tie.length, tie.wanted, where, tie.room, is_strict=tie.is_strict)


class _StatedAxis(Struct, frozen=True):
    """A size that the user states of an axis of an output, by the name of its dim or as TENSOR.AXIS."""

    name: str
    size: int


def _stated_axes(parsed: ParsedModel, options: DimOptions) -> dict[tuple[str, int], _StatedAxis]:
    """What is stated of axes of the model's outputs, by (output, axis)."""
    named = dims_of_outputs(parsed.graph)
    inputs = {one.name for one in parsed.graph.inputs}
    found: dict[tuple[str, int], _StatedAxis] = {}
    for output in parsed.graph.outputs:
        for axis, symbol in enumerate(output.symbols or ()):
            label = f"{output.name}.{axis}"
            names = (label, symbol) if isinstance(symbol, str) and symbol in named else (label,)
            for name in names if output.name not in inputs else ():
                if name in options.dims:
                    found[output.name, axis] = _StatedAxis(name, options.dims[name])
    return found


def _of_outputs(model: Model, axes: Mapping[tuple[str, int], _StatedAxis]) -> Iterator[Equation]:
    """Declared dims of the model's outputs that have the name of an input's dim and another size, and sizes that the
    user states of the outputs.
    """
    made: dict[str, TensorType] = {}
    for row in model.column(TypedOp).values():
        if not row.scope:
            made.update((name, kind) for name, kind in zip(row.op.outputs, row.outputs, strict=True) if name)
    for output in model.graph.outputs:
        kind = made.get(output.name)
        if kind is None or not kind.is_known or not kind.exact or len(kind.dims) != len(output.symbols or ()):
            continue
        for axis, (symbol, size) in enumerate(zip(output.symbols or (), kind.dims, strict=True)):
            where = f"the declared output {output.name}.{axis}"
            dim = model.dims.get(symbol) if isinstance(symbol, str) else None
            if dim is not None and dim.value != size:
                yield Equation(dim.value, size, where, is_demanded=False, fixes_constants=False)
            stated = axes.get((output.name, axis))
            if stated is not None:
                where = f"--dim {shown(stated.name)}={stated.size} of {output.name}.{axis}"
                yield Equation(size, stated.size, where, is_strict=True, is_stated=True)


def _of_conflict(error: ShapeError) -> Iterator[Equation]:
    """Dims that have to be equal where operands contradict each other."""
    op = error.op
    if not isinstance(op, Op) or op.domain:
        return
    # The boxes of a RoiAlign have nothing to do with the number of images.
    operands = error.shapes[1:] if op.op_type == "RoiAlign" else error.shapes
    shapes = [shape for shape in operands if shape is not None]
    if op.op_type == "Gemm":
        pairs = list(_paired_in_gemm(op, shapes))
    else:
        pairs = [pair for both in combinations(shapes, 2) for pair in _paired(op, *both)]
    for one, other in pairs:
        if one is not None and other is not None and one != other and 1 not in (one, other):
            yield Equation(one, other, op.id, fixes_constants=False)


def _paired_in_gemm(op: Op, shapes: list[tuple[int | None, ...]]) -> Iterable[tuple[int | None, int | None]]:
    """[M, K] x [K, N] + what broadcasts to [M, N], either matrix transposed. Source: ONNX Gemm-13."""
    if len(shapes) < 2 or any(len(shape) != 2 for shape in shapes[:2]):
        return ()
    left = shapes[0][::-1] if op.attributes.get("transA") else shapes[0]
    right = shapes[1][::-1] if op.attributes.get("transB") else shapes[1]
    bias = shapes[2] if len(shapes) > 2 else ()
    return [(left[1], right[0]), *zip(reversed(bias), (right[1], left[0]), strict=False)]


def _paired(
    op: Op, first: tuple[int | None, ...], second: tuple[int | None, ...]
) -> Iterable[tuple[int | None, int | None]]:
    if op.op_type in _BROADCAST:
        return zip(reversed(first), reversed(second), strict=False)
    if op.op_type == "MatMul" and len(first) > 1 and len(second) > 1:
        return [(first[-1], second[-2]), *zip(reversed(first[:-2]), reversed(second[:-2]), strict=False)]
    if op.op_type in ("GridSample", "RoiAlign"):
        return [(first[0], second[0])] if first and second else ()
    axis = op.attributes.get("axis")
    if op.op_type == "Concat" and len(first) == len(second) and isinstance(axis, int):
        return [pair for place, pair in enumerate(zip(first, second, strict=True)) if place != axis % len(first)]
    return ()
