"""Lengths that data decide: their names, what is stated or taken for them, and what hangs on them.

A length arises at the op whose output has an axis that nothing in its operands fixes. Its name is TENSOR.AXIS. One that
has an upper bound is taken to be as long as that; any other is assumed, and the walk goes on as if it were so.
"""

from collections.abc import Iterable, Mapping, Sequence
from math import gcd

from msgspec import Struct
from msgspec.structs import replace

from onnx_roofline.base.errors import UsageError
from onnx_roofline.base.text import shown
from onnx_roofline.base.units import ceil_div
from onnx_roofline.inference.open_axes import (
    alike,
    data_decide,
    in_order,
    is_huge,
    is_opaque,
    refuse_no_multiple,
    refuse_other_elements,
    refuse_unlike,
    room,
    rows_of_reshape,
    stated_beside,
    symbol_of,
    usual,
    whole,
)
from onnx_roofline.inference.partial_values import Unsure, as_elements, elements_of, settled
from onnx_roofline.inference.scope import Known, Scope
from onnx_roofline.ir.graph import Model, Notice, Op, TensorType
from onnx_roofline.ir.open_records import DataLength, DataLengths
from onnx_roofline.ir.records import Origin
from onnx_roofline.ops.shape.targets import position_of_target, states_sizes

# The size of a length that nothing bounds: the usual sequence in published BERT figures, and one to halve often.
ASSUMED_LENGTH = 128
# What one iteration of a loop adds, such as the frames of one phoneme: the trip count makes it long.
ASSUMED_IN_LOOP = 1
# Sizes that are proposed for one length where the assumed one contradicts other operands, and the lengths on which one
# tensor hangs that they are proposed for.
_PROPOSED, _HANGING = 8, 4


class _Length(Struct):
    key: str
    op_type: str
    value: int
    origin: Origin


class Unsolved(Struct, frozen=True):
    """An axis that is stated, of the op `key`, and what it is without: `found` follows from the lengths `behind` it."""

    key: str
    stated: int
    found: int | None
    behind: frozenset[str]


class Lengths:
    """The lengths of one walk. `stated` are sizes by name that the user gives, `proposed` sizes that other ops want,
    `watched` axes whose sizes are kept.
    """

    def __init__(
        self, model: Model, stated: Mapping[str, int], proposed: Mapping[str, int], watched: Iterable[str] = ()
    ) -> None:
        self._path, self._stated, self._proposed = model.info.path, stated, proposed
        self._bound_dims = model.dims
        self._found: dict[str, _Length] = {}
        self._hanging: dict[str, set[str]] = {}
        # Elements of values that follow from a length: element -> (number, lengths).
        self._resolved: dict[str, tuple[int, frozenset[str]]] = {}
        # The length that a symbol of the declarations has stood for, so that two of one symbol are one.
        self._by_symbol: dict[str, tuple[int, frozenset[str]]] = {}
        self._settled: set[str] = set()
        # How many ops contradict what is assumed, and the sizes with which they would not.
        self.conflicts = 0
        self.proposals: dict[str, dict[int, None]] = {}
        # Sizes of axes that the user states, where what they follow from makes another: with the lengths behind it.
        self.unsolved: dict[str, Unsolved] = {}
        # (size, whether it is sure) of axes that are watched.
        self.seen: dict[str, tuple[int | None, bool]] = {}
        self._watched = watched

    def settle(self, known: Known | None) -> Known | None:
        """What is known of an operand, with the elements that lengths have fixed since."""
        if known is None or not self._resolved or known.value is not None:
            return known
        partial = elements_of(known)
        if partial is None:
            return known
        hangs = set(known.hangs)
        before = partial.reshape(-1).tolist()
        parts = list(before)
        for index, part in enumerate(parts):
            if isinstance(part, Unsure) and part.number is None and part.source in self._resolved:
                number, names = self._resolved[part.source]
                # What follows from a stated length is sure.
                parts[index] = Unsure(number, part.source) if names else number
                hangs |= names
        if parts == before:
            return known
        value, left = settled(as_elements(parts, partial.shape), known.type.dtype)
        return replace(known, value=value, partial=left, hangs=frozenset(hangs))

    def name_those_of(
        self, op: Op, key: str, scope: Scope, inputs: tuple[Known | None, ...], outputs: tuple[Known, ...],
        behind: frozenset[str],
    ) -> tuple[Known, ...]:  # fmt: skip
        """The outputs with every length that arises here named and sized, and with what each of them hangs on.

        `behind` are the lengths that the operands hang on.
        """
        named = []
        for name, known in zip(op.outputs, outputs, strict=True):
            is_plain = known.is_sure and known.type.is_known and not self._stated
            hangs = known.hangs if known.is_sure else known.hangs | behind
            own: frozenset[str] = frozenset()
            if name and not is_plain and known.type.container == "tensor" and known.type.shape is not None:
                kind, own = self._sized(op, key, name, scope, inputs, known, hangs)
                known = replace(known, type=kind)
            hangs = own if known.is_sure else hangs | own
            token = scope.prefix + name
            named.append(
                Known(known.type, known.value, known.origin, known.bound, known.partial, hangs, token, known.runs)
            )
        for length in behind.union(*(known.hangs for known in named)):
            self._hanging.setdefault(length, set()).add(key)
        return tuple(named)

    def _sized(
        self, op: Op, key: str, name: str, scope: Scope, inputs: tuple[Known | None, ...], known: Known,
        hangs: frozenset[str],
    ) -> tuple[TensorType, frozenset[str]]:  # fmt: skip
        """The type with a size for each axis, and the lengths that arise here."""
        kind, sure = known.type, set(known.type.known_axes())
        assert kind.shape is not None
        shape, own = list(kind.shape), set[str]()
        is_bound_here = (
            not kind.exact
            and not kind.assumed
            and kind.is_known
            and not op.bodies
            and (op.function is None and all(map(_is_unbounded, inputs)))
        )
        # What a loop makes of a shape that it changes in ways that can't be followed is no length of the data's.
        is_open_here = None in shape and not op.bodies and op.function is None and not any(map(is_opaque, inputs))
        # Nor is what stored values decide, where they are not read.
        is_open_here = is_open_here and not any(map(is_huge, inputs)) and data_decide(op, inputs)
        assumed = kind.assumed
        for axis in in_order(op, inputs, len(shape)):
            size, label = kind.shape[axis], f"{name}.{axis}"
            if label in self._watched:
                self.seen[label] = size, axis in kind.known_axes()
            place = op.outputs.index(name)
            beside = stated_beside(op, inputs, place, axis, self._stated) if self._stated else None
            first = next((one for one in alike(op, place, axis) if one != label and one in self._found), None)
            if label not in self._stated and beside is not None and axis not in sure:
                shape[axis] = self._as_beside(beside, size, label, key, op, kind)
                sure.add(axis)
                own.add(label)
            elif label in self._stated:
                refuse_unlike(self._path, label, key, op, place, axis, self._stated)
                refuse_no_multiple(self._path, label, self._stated[label], key, op, inputs, axis)
                shape[axis] = self._as_stated(label, key, op, kind, axis, hangs)
                sure.add(axis)
                own.add(label)
                self._resolve(op, inputs, axis, tuple(shape), frozenset())
            elif first is not None and axis not in sure and (is_open_here or is_bound_here):
                shape[axis] = self._found[first].value
                assumed = assumed or self._found[first].origin == "assumed"
                own.add(first)
            elif size is None and is_open_here:
                shape[axis], origin, names = self._size_of(
                    label, name, axis, scope, own, room(op, inputs, shape), usual(op, inputs, axis, len(shape))
                )
                if names:
                    # What is left beside stated sizes is as sure as they are.
                    sure |= {axis} if names <= self._stated.keys() else set()
                    own |= names
                else:
                    self._found.setdefault(label, _Length(key, op.op_type, shape[axis] or 0, origin))
                    own.add(label)
                assumed = True
                self._resolve(op, inputs, axis, tuple(shape), frozenset({label} | names))
            elif is_bound_here and axis not in sure:
                size = shape[axis] = min(size or 0, self._proposed.get(label, size or 0))
                self._found.setdefault(label, _Length(key, op.op_type, size or 0, "data"))
                own.add(label)
        if shape == list(kind.shape) and not own:
            return kind, frozenset()
        if not own.isdisjoint(self._stated):
            refuse_other_elements(self._path, sorted(own & self._stated.keys())[0], key, op, inputs, shape)
        is_exact = kind.exact or all(axis in sure for axis in range(len(shape)))
        sized = replace(kind, shape=tuple(shape)).resting(exact=is_exact, assumed=assumed, sure_axes=sure)
        self._tie(name, scope, kind, sized, frozenset(own))
        return sized, frozenset(own)

    def _as_beside(self, stated: int, bound: int | None, label: str, key: str, op: Op, kind: TensorType) -> int:
        """The size of an axis that another output of the op has, which the user states."""
        if bound is not None and not kind.assumed and stated > bound:
            raise UsageError(
                f"{self._path}: --dim {shown(label)}: found {stated} stated of another output of node {key}, which "
                f"makes it at most {bound}; correct it"
            )
        self._found[label] = _Length(key, op.op_type, stated, "bound")
        return stated

    def _as_stated(self, label: str, key: str, op: Op, kind: TensorType, axis: int, hangs: frozenset[str]) -> int:
        """The size that the user states of an axis. Raises UsageError where the file fixes another one, or a bound."""
        stated = self._stated[label]
        assert kind.shape is not None
        bound = kind.shape[axis]
        # Where not even the rank is sure, a size of one branch bounds no other.
        is_bound = not (kind.exact or kind.assumed) and kind.sure_axes is not None
        if is_bound and axis not in kind.known_axes() and bound is not None and stated > bound:
            raise UsageError(
                f"{self._path}: --dim {shown(label)}: found {stated}, but node {key} makes it at most {bound}; "
                "correct it"
            )
        if axis in kind.known_axes():
            if kind.shape[axis] != stated:
                raise UsageError(
                    f"{self._path}: --dim {shown(label)}: found {stated}, but node {key} makes it {kind.shape[axis]}; "
                    "drop it"
                )
            self._settled.add(label)
            return stated
        if kind.shape[axis] is not None and hangs - {label}:
            self.unsolved[label] = Unsolved(key, stated, kind.shape[axis], hangs - {label})
        self._settled.add(label)
        self._found[label] = _Length(key, op.op_type, stated, "bound")
        return stated

    def _size_of(
        self, label: str, name: str, axis: int, scope: Scope, own: set[str], room: tuple[int, int] | None,
        usual: int | None,
    ) -> tuple[int, Origin, frozenset[str]]:  # fmt: skip
        """(size, origin, lengths that it is tied to) of an axis without a bound.

        `own` are the lengths of the axes before it, `room` the elements that are left for how many open axes, `usual`
        what it is if the op changes nothing.
        """
        symbol = symbol_of(scope, name, axis)
        tied = self._by_symbol.get(symbol) if symbol else None
        if tied is not None:
            return tied[0], "assumed", tied[1]
        usual = usual or (ASSUMED_IN_LOOP if scope.loops else ASSUMED_LENGTH)
        size = self._proposed.get(label, usual)
        if room is not None and room[1] == 1 and own:
            return room[0], "assumed", frozenset(own)
        if room is not None:
            size = next(part for part in range(min(size, room[0]), 0, -1) if room[0] % part == 0)
        return size, "assumed", frozenset()

    def _tie(self, name: str, scope: Scope, before: TensorType, after: TensorType, own: frozenset[str]) -> None:
        for axis, (old, new) in enumerate(zip(before.shape or (), after.shape or (), strict=True)):
            symbol = symbol_of(scope, name, axis)
            if old is None and new is not None and symbol and symbol not in self._bound_dims:
                self._by_symbol.setdefault(symbol, (new, own))

    def _resolve(
        self, op: Op, inputs: tuple[Known | None, ...], axis: int, shape: tuple[int | None, ...], names: frozenset[str]
    ) -> None:
        """What the size of an axis says of the value that decided it."""
        size = shape[axis]
        if size is None:
            return
        position = position_of_target(op.op_type, op.domain)
        if op.op_type == "Range" and not op.domain and len(inputs) == 3:
            start, delta = whole(inputs[0]), whole(inputs[2])
            limit = elements_of(inputs[1])
            if start is not None and delta is not None and limit is not None:
                self._fix(limit.reshape(-1).tolist()[0], start + size * delta, names)
        elif position is not None and position < len(inputs) and states_sizes(op.op_type, op.domain):
            target = elements_of(inputs[position])
            element = -1 if target is None else axis - (len(shape) - target.size)
            if target is None or element < 0:
                return
            self._fix(target.reshape(-1).tolist()[element], size, names)

    def _fix(self, part: object, number: int, names: frozenset[str]) -> None:
        if isinstance(part, Unsure) and part.number is None:
            self._resolved.setdefault(part.source, (number, names))

    def note_misfit(self, op: Op, inputs: Sequence[Known | None]) -> None:
        """Operands that contradict each other because of an assumed size: the sizes with which they would not."""
        self.conflicts += 1
        rows = rows_of_reshape(op, inputs)
        elements, each = rows or (0, 1)
        for name in sorted(inputs[0].hangs) if elements and inputs[0] is not None else ():
            length = self._found.get(name)
            if length is not None and length.origin == "assumed" and length.value and not elements % length.value:
                # So long that the elements divide.
                step = each // gcd(each, elements // length.value)
                self.proposals.setdefault(name, {})[ceil_div(length.value, step) * step] = None
        known = [item for item in inputs if item is not None]
        wanted = {dim for item in known for axis, dim in enumerate(item.type.shape or ())
                  if axis in item.type.known_axes() and dim is not None and dim > 1}  # fmt: skip
        for item in known:
            for axis, dim in enumerate(item.type.shape or ()):
                if item.type.assumed and axis not in item.type.known_axes():
                    for size in sorted(wanted):
                        self._propose(item.hangs, dim, size)

    def _propose(self, hangs: frozenset[str], found: int | None, wanted: int) -> None:
        """Other sizes for the assumed lengths that a dim hangs on: in proportion, or inversely so."""
        if not found or len(hangs) > _HANGING:
            return
        for name in sorted(hangs):
            length = self._found.get(name)
            if length is None or length.origin != "assumed":
                continue
            sizes = self.proposals.setdefault(name, {})
            for times, parts in ((wanted, found), (found, wanted)):
                size, left = divmod(length.value * times, parts)
                if not left and size != length.value and len(sizes) < _PROPOSED:
                    sizes[size] = None

    def size_of(self, name: str) -> int | None:
        """What a length is stated, bounded or assumed to be."""
        length = self._found.get(name)
        return None if length is None else length.value

    def stated_of(self, op: Op) -> dict[tuple[int, int], int]:
        """Sizes that the user states of axes of an op's outputs: (output, axis) -> size."""
        found: dict[tuple[int, int], int] = {}
        for label, size in self._stated.items():
            tensor, _, axis = label.rpartition(".")
            if tensor in op.outputs:
                found[op.outputs.index(tensor), int(axis)] = size
        return found

    def forget_those_in(self, scope: str) -> None:
        """Forgets the lengths that arose in a scope before it is inferred again, with more that is known."""
        for name in [name for name, length in self._found.items() if length.key.startswith(scope)]:
            if self._found[name].origin != "bound":
                del self._found[name]
                self._hanging.pop(name, None)

    def arising_in(self, scope: str) -> frozenset[str]:
        """The names of lengths that arise in a scope or deeper."""
        return frozenset(name for name, length in self._found.items() if length.key.startswith(scope))

    def report(self) -> DataLengths:
        """Every length with how many ops hang on it, those with most first."""
        found = [
            DataLength(name, one.key, one.op_type, one.value, one.origin, len(self._hanging.get(name, ())))
            for name, one in self._found.items()
        ]
        return DataLengths(tuple(sorted(found, key=lambda one: -one.ops)))

    def notices_of_unused(self, names: Iterable[str]) -> tuple[Notice, ...]:
        """What was stated of lengths that the file fixes or that do not arise."""
        text = "changes nothing: no length of that name depends on data"
        return tuple(
            Notice("unused-option", name, f"--dim {shown(name)} {text}") for name in names if name not in self._settled
        )


def _is_unbounded(known: Known | None) -> bool:
    """Whether an operand is as large as it is whatever the data are, and no length decides its values."""
    return known is None or known.is_sure or (known.type.is_sure and not known.hangs)
