"""What each op does with quantised tensors once Q and DQ ops fold into the ops that need their results.

One walk forward finds what could stay quantised, and a worklist takes back what can't: an op is seen through only if
nobody needs its result in floating point. Both are linear in the graph. What counts is the traits of ops.

Ignores that pieces with different scales, joined along the axis that a product sums over, need a sum for each.
"""

from typing import Literal

from msgspec import Struct

from onnx_roofline.base.units import DTYPE_BITS
from onnx_roofline.fusion.quantized_tensors import PLAIN_FLOATS, Names, Place
from onnx_roofline.ir.records import TypedOp
from onnx_roofline.ops.cost.lookup import traits_of

# How far a backend folds Q and DQ ops: not at all; into the op beside them, transposes of stored weights aside; or
# through all that rearranges, selects and scales, into bodies, and into the scales of other DQ ops.
Reach = Literal["off", "beside", "through"]

# Widest element that counts as quantised data; biases are stored in int32.
_QUANTIZED_BITS = 16
_BIAS_BITS = 32
# Widest element that integer units multiply.
_MULTIPLIED_BITS = 8
# Ops behind a product that its kernel may work on before the result is quantised: a scale, a bias, a residual, a clip.
EPILOGUE_OPS = 6


class Part(Struct):
    """What one row does with quantised tensors: `takes` are those that it reads so, `makes` those that stay so.

    restores: a DQ op, which takes its scale alone. renames, moves, scales: seen through. multiplies: restores what it
    reads. computes: works between Q and DQ, all operands or none. picks: restores what it selects.
    """

    kind: Literal["restores", "renames", "moves", "scales", "multiplies", "computes", "picks", "nothing"]
    takes: dict[Place, None]
    makes: tuple[Place, ...] = ()
    requantizes: str = ""


class Source(Struct, frozen=True):
    """A tensor that is still quantised: its stored type, and what is known of it before it is followed to its end."""

    dtype: str
    is_stored: bool
    is_blocked: bool


def quantized_parts(
    names: Names, reach: Reach, weight_only: tuple[str, ...] | None, multiplied: frozenset[str] | None = None
) -> "QuantizedParts":
    """What each row does with quantised tensors.

    `weight_only` are the op types that restore single stored operands as they read them; None: all that multiply.
    `multiplied` are the types that some device has a unit for; None: all.
    """
    found = QuantizedParts(names, reach, weight_only, multiplied)
    found.find()
    return found


class QuantizedParts:
    """The search, and what it finds: `parts` by row, the tensors that stay quantised (`sources`), and those that some
    op needs in floating point (`floats`). `unmultiplied` has the products whose type no device multiplies."""

    def __init__(
        self, names: Names, reach: Reach, weight_only: tuple[str, ...] | None, multiplied: frozenset[str] | None
    ) -> None:
        self.names, self.rows = names, names.rows
        self.through = reach == "through"
        self.weight_only, self.multiplied = weight_only, multiplied
        self.unmultiplied: dict[str, str] = {}
        self.parts: dict[str, Part] = {}
        self.sources: dict[Place, Source] = {}
        self.floats: set[Place] = set()
        self._pending: list[tuple[Literal["float", "drop"], Place]] = []

    def find(self) -> None:
        """Fill in what is found."""
        for key, row in self.rows.items():
            if row.role == "compute" and not (row.contradiction or row.bodies or row.op.function or row.op.bodies):
                part = self._part_of(key, row)
                if part is not None:
                    self.parts[key] = part
        self._take_back()

    # What a row could do, given what is quantised before it.

    def _part_of(self, key: str, row: TypedOp) -> Part | None:
        traits = traits_of(row.op)
        if traits.dequantizes:
            return self._restores(row)
        quantized = {
            position: place
            for position, place in self.names.inputs(row)
            if place in self.sources and (self.through or place[0] == row.scope)
        }
        if not quantized:
            return None
        if traits.quantizes:
            return Part("computes", {quantized[0]: None}) if 0 in quantized and self.through else None
        data = dict.fromkeys(place for place in quantized.values() if self._bits(place) <= _QUANTIZED_BITS)
        if traits.quantized_form in ("arithmetic", "move") and set(self.float_positions(row)) <= quantized.keys():
            after = self.requantization(row)
            renamed = traits.renames and not self._undoes(row, after)
            if after and len(data) == len(set(quantized.values())) and not renamed:
                return Part("computes", data, requantizes=after)
        if traits.quantized_form == "move" or traits.rescales:
            return self._chain(row, quantized)
        if traits.quantized_form in ("product", "operand"):
            limits = {position: _BIAS_BITS if position == traits.bias_at != 0 else _QUANTIZED_BITS
                      for position in quantized}  # fmt: skip
            taken = dict.fromkeys(place for at, place in quantized.items() if self._bits(place) <= limits[at])
            part = Part("multiplies", taken)
            return part if taken and self._may_multiply(key, part) else None
        return None

    def _restores(self, row: TypedOp) -> Part | None:
        data = row.inputs[0]
        if data is None or not data.is_known or row.outputs[0].dtype not in PLAIN_FLOATS:
            return None
        if DTYPE_BITS.get(data.dtype, 64) > _BIAS_BITS:
            return None
        places = dict(self.names.inputs(row))
        scale = row.inputs[1] if len(row.inputs) > 1 else None
        made = row.scope, row.op.outputs[0]
        is_stored = all(self._is_there(place) for place in places.values())
        is_blocked = scale is not None and scale.shape is not None and len(scale.shape) > 1
        self.sources[made] = Source(data.dtype, is_stored, is_blocked)
        nested = {places[1]: None} if self.through and places.get(1) in self.sources else {}
        return Part("restores", nested, (made,))

    def _is_there(self, place: Place) -> bool:
        source = self.sources.get(place)
        return source.is_stored if source is not None else self.names.is_stored(place)

    def _chain(self, row: TypedOp, quantized: dict[int, Place]) -> Part | None:
        """The row as one that is seen through, or None."""
        traits, op = traits_of(row.op), row.op
        if any(kind.dtype not in PLAIN_FLOATS for kind in row.outputs):
            return None
        places = dict(self.names.inputs(row))
        if traits.rescales:
            at = next((at for at in quantized if _is_scaled_at(row, at)), None)
            taken: tuple[Place, ...] = (
                () if at is None or list(places.values()).count(quantized[at]) > 1 else (quantized[at],)
            )
        elif traits.joins:
            taken = tuple(dict.fromkeys(places.values())) if places.keys() == quantized.keys() else ()
        else:
            taken = (quantized[0],) if 0 in quantized else ()
        sources = [self.sources[place] for place in taken]
        if not sources or len({one.dtype for one in sources}) > 1:
            return None
        if DTYPE_BITS[sources[0].dtype] > _QUANTIZED_BITS:
            return None
        is_stored = all(one.is_stored for one in sources) and all(
            self.names.is_stored(place) for place in places.values() if place not in taken
        )
        is_blocked = any(one.is_blocked for one in sources)
        if not self.through and not (traits.permutes and is_stored and not is_blocked):
            return None
        makes = tuple((row.scope, name) for name in op.outputs if name)
        self.sources.update((made, Source(sources[0].dtype, is_stored, is_blocked)) for made in makes)
        kind: Literal["renames", "moves", "scales"] = (
            "scales" if traits.rescales else "renames" if traits.renames else "moves"
        )
        return Part(kind, dict.fromkeys(taken), makes)

    def float_positions(self, row: TypedOp) -> list[int]:
        """Positions of the floating-point operands that count for whether an op computes on quantised tensors."""
        bias_at = traits_of(row.op).bias_at
        return [
            position
            for position, kind in enumerate(row.inputs)
            if kind is not None and kind.dtype in PLAIN_FLOATS and (position == 0 or position != bias_at)
        ]

    def _bits(self, place: Place) -> int:
        return DTYPE_BITS.get(self.sources[place].dtype, 64)

    def _may_multiply(self, key: str, part: Part) -> bool:
        """Whether the backend has a kernel for a product with these operands quantised."""
        row = self.rows[key]
        if self.weight_only is None or self.compute_dtype(row, part):
            return True
        weights = [self.sources[place] for place in part.takes if place in self.sources]
        return row.op.op_type in self.weight_only and all(one.is_stored for one in weights)

    def compute_dtype(self, row: TypedOp, part: Part) -> str:
        """The quantised type that a product multiplies in, "" where it restores its operands."""
        traits = traits_of(row.op)
        if traits.quantized_form not in ("product", "arithmetic", "move"):
            return ""
        places = [self.names.place(row.scope, row.op.inputs[at]) for at in self.float_positions(row)]
        if not places or not all(place in part.takes and place in self.sources for place in places):
            return ""
        if traits.quantized_form == "product" and not traits.float_result and not self._is_requantized(row):
            return ""
        dtypes = list(dict.fromkeys(self.sources[place].dtype for place in places))
        is_float = ["float" in dtype for dtype in dtypes]
        if any(is_float) and len(dtypes) > 1:
            return ""
        widest = max(dtypes, key=lambda dtype: DTYPE_BITS[dtype])
        if DTYPE_BITS[widest] > _MULTIPLIED_BITS:
            return ""
        dtype = widest if is_float[0] or DTYPE_BITS[widest] == _MULTIPLIED_BITS else "int8"
        if self.multiplied is not None and dtype not in self.multiplied:
            self.unmultiplied[f"{row.scope}{row.op.id}"] = dtype
            return ""
        return dtype

    def requantization(self, row: TypedOp) -> str:
        """The QuantizeLinear that alone reads the op's only result, or ""."""
        if len(row.op.outputs) != 1:
            return ""
        made = row.scope, row.op.outputs[0]
        after = self.names.readers.get(made, [])
        if made in self.names.kept or len(after) != 1:
            return ""
        reader = self.rows[after[0]]
        is_next = traits_of(reader.op).quantizes and reader.scope == row.scope
        return after[0] if is_next and reader.op.inputs[0] == row.op.outputs[0] else ""

    def _is_requantized(self, row: TypedOp) -> bool:
        """Whether a QuantizeLinear alone reads a product's result, or what its epilogue makes of it: a Relu, an Add.

        The epilogue works on the sums of the product, before they are quantised.
        """
        for _ in range(EPILOGUE_OPS):
            if self.requantization(row):
                return True
            made = row.scope, row.op.outputs[0]
            after = self.names.readers.get(made, [])
            if not self.through or len(row.op.outputs) != 1 or made in self.names.kept or len(after) != 1:
                return False
            reader = self.rows[after[0]]
            is_next = traits_of(reader.op).quantized_form == "arithmetic" and reader.scope == row.scope
            if not is_next or reader.outputs[0].shape != row.outputs[0].shape:
                return False
            row = reader
        return False

    def is_whole(self, row: TypedOp, part: Part) -> bool:
        """Whether all floating-point operands of a product are read quantised, so that a result may be too."""
        if traits_of(row.op).quantized_form != "product":
            return False
        places = [self.names.place(row.scope, row.op.inputs[at]) for at in self.float_positions(row)]
        return all(place in part.takes for place in places)

    def is_inverse(self, before: TypedOp, after: TypedOp) -> bool:
        """Whether a Q op makes again what a DQ op was given; of an axis with scales of its own nothing is known."""
        if not traits_of(before.op).dequantizes:
            return False
        scale = before.inputs[1] if len(before.inputs) > 1 else None
        return scale is not None and scale.elements == 1 and _parameters(before) == _parameters(after)

    def _undoes(self, row: TypedOp, after: str) -> bool:
        """Whether the QuantizeLinear behind a row makes again what the DQ op right before it was given."""
        before = self.names.makers.get(self.names.place(row.scope, row.op.inputs[0]))
        return bool(after) and before is not None and self.is_inverse(self.rows[before], self.rows[after])

    # What has to be taken back: a float tensor is needed, or a tensor is not quantised after all.

    def _take_back(self) -> None:
        for place in self.sources:
            makes = self.parts[self.names.makers[place]].makes
            is_read = any(self.names.readers.get(made) for made in makes)
            readers = self.names.readers.get(place, ())
            if not is_read or place in self.names.kept or not all(self._takes(key, place) for key in readers):
                self._pending.append(("float", place))
        while self._pending:
            what, place = self._pending.pop()
            if what == "float":
                self._need_float(place)
            else:
                self._drop(place)

    def _takes(self, key: str, place: Place) -> bool:
        part = self.parts.get(key)
        return part is not None and place in part.takes

    def _need_float(self, place: Place) -> None:
        if place in self.floats:
            return
        self.floats.add(place)
        maker = self.names.makers[place]
        part = self.parts[maker]
        if part.kind == "renames":
            self._pending.extend(("float", taken) for taken in part.takes)
        elif part.kind == "moves" and self.through and traits_of(self.rows[maker].op).selects:
            part.kind = "picks"
            self._pending.extend(("drop", made) for made in part.makes)
        elif part.kind in ("moves", "scales"):
            self._give_up(part)

    def _give_up(self, part: Part) -> None:
        """The row computes in floating point, as it stands in the file."""
        self._pending.extend(("drop", made) for made in part.makes)
        self._pending.extend(("float", taken) for taken in part.takes if taken in self.sources)
        part.kind = "nothing"
        part.takes = {}

    def _drop(self, place: Place) -> None:
        """A tensor is not quantised after all: its readers do without."""
        if self.sources.pop(place, None) is None:
            return
        for key in self.names.readers.get(place, ()):
            part = self.parts.get(key)
            if part is None or place not in part.takes:
                continue
            del part.takes[place]
            does_without = part.kind in ("multiplies", "restores")
            if not does_without or (part.kind == "multiplies" and part.takes and not self._may_multiply(key, part)):
                self._give_up(part)


def _is_scaled_at(row: TypedOp, position: int) -> bool:
    """Whether the operand there is all that the op scales: the others are lone numbers, or not read at all."""
    ours = row.inputs[position]
    if position not in traits_of(row.op).rescales or ours is None or ours.shape != row.outputs[0].shape:
        return False
    return all(kind.elements == 1 for at, kind in enumerate(row.inputs) if at != position and kind is not None)


def _parameters(row: TypedOp) -> tuple[object, ...]:
    """What says how a Q or DQ op scales."""
    quantized = row.inputs[0] if traits_of(row.op).dequantizes else row.outputs[0]
    return (*row.op.inputs[1:3], quantized.dtype if quantized is not None else "", row.scope)
