"""The foldings of a model: what each op reads and writes in place of float tensors, and whose work it counts."""

from msgspec import Struct
from msgspec.structs import replace

from onnx_roofline.fusion.quantized import Part, QuantizedParts, quantized_parts
from onnx_roofline.fusion.quantized_scales import Scale, behind, scale_of
from onnx_roofline.fusion.quantized_tensors import Place
from onnx_roofline.ir.graph import Notice, TensorType
from onnx_roofline.ir.records import Folding, TypedOp


class _Lazy(Struct, frozen=True):
    """A tensor that is still quantised: what is read of it, and the rows that restore it, whose work is to be done."""

    kind: TensorType
    scales: dict[Place, Scale]
    restored_by: tuple[str, ...]

    @property
    def types(self) -> tuple[TensorType, ...]:
        """The data, then what restores it."""
        return (self.kind, *(scale.kind for scale in self.scales.values()))


def foldings_of(found: QuantizedParts) -> dict[str, Folding]:
    """A folding for each row that does not compute as it stands in the file."""
    return _Build(found).run()


class _Build:
    def __init__(self, found: QuantizedParts) -> None:
        self.found, self.names, self.rows = found, found.names, found.rows
        self.lazy: dict[Place, _Lazy] = {}
        self.foldings: dict[str, Folding] = {}

    def run(self) -> dict[str, Folding]:
        for key, part in self.found.parts.items():
            self._follow(key, part)
        takers = self._takers()
        for key, part in self.found.parts.items():
            if part.kind in ("restores", "scales") and not self.found.floats.intersection(part.makes):
                self._vanish(key, part, takers.get(key, []))
        return self.foldings

    def _follow(self, key: str, part: Part) -> None:
        """Hand on what is still quantised, and note what the row reads of it."""
        row = self.rows[key]
        if part.kind == "restores":
            self.lazy[part.makes[0]] = self._restored(key, row, part)
            if part.takes and self.found.floats.intersection(part.makes):
                self.foldings[key] = self._reading(row, part, "reads a quantised scale")
            return
        taken = [self.lazy[place] for place in part.takes]
        if part.kind == "multiplies" and taken:
            self._product(key, row, part)
        elif part.kind == "computes":
            self._between(key, row, part)
        elif part.kind == "picks":
            self.foldings[key] = self._picking(row, part)
        elif part.kind in ("renames", "moves", "scales"):
            self._pass_on(key, row, part, taken)

    def _restored(self, key: str, row: TypedOp, part: Part) -> _Lazy:
        data = row.inputs[0]
        assert data is not None, "a DQ op without data is no part"
        scales: dict[Place, Scale] = {}
        restored_by: tuple[str, ...] = (key,)
        given = row.op.attributes.get("axis", 1)
        axis = given if isinstance(given, int) else 1
        for position, place in self.names.inputs(row):
            kind = row.inputs[position]
            if position and place in part.takes:
                inner = self.lazy[place]
                scales |= {place: scale_of(inner.kind, data, axis)}
                scales |= {one: scale_of(scale.kind, data, axis) for one, scale in inner.scales.items()}
                restored_by = (*inner.restored_by, key)
            elif position and kind is not None:
                scales[place] = scale_of(kind, data, axis)
        return _Lazy(data, scales, restored_by)

    def _pass_on(self, key: str, row: TypedOp, part: Part, taken: list[_Lazy]) -> None:
        scales = {place: scale for one in taken for place, scale in one.scales.items()}
        restored_by = dict.fromkeys(restorer for one in taken for restorer in one.restored_by)
        source = taken[0].kind
        if part.kind == "scales":
            places = dict(self.names.inputs(row))
            at = next(at for at, place in places.items() if place in part.takes)
            scales |= {place: scale_of(kind, source, 0) for other, place in places.items()
                       if other != at and (kind := row.inputs[other]) is not None}  # fmt: skip
            restored_by[key] = None
        dtype = source.dtype
        for name, kind in zip(row.op.outputs, row.outputs, strict=True):
            if name and (row.scope, name) in self.found.sources:
                here = {place: behind(scale, row, source, kind) for place, scale in scales.items()}
                self.lazy[row.scope, name] = _Lazy(replace(kind, dtype=dtype), here, tuple(restored_by))
        if part.kind == "moves":
            is_stored = all(self.found.sources[made].is_stored for made in part.makes)
            self.foldings[key] = Folding(
                inputs=self._inputs(row, part, scales_too=False),
                outputs=tuple(replace(kind, dtype=dtype) for kind in row.outputs),
                runs_once=is_stored,
                note="rearranges stored values, runs once" if is_stored else f"moves {dtype}",
            )

    def _inputs(
        self, row: TypedOp, part: Part, *, scales_too: bool = True
    ) -> tuple[tuple[TensorType, ...] | None, ...]:
        """By input what is read of it."""
        lazy = {position: self.lazy[place] for position, place in self.names.inputs(row) if place in part.takes}
        return tuple(
            None if one is None else one.types if scales_too else (one.kind,)
            for one in map(lazy.get, range(len(row.op.inputs)))
        )

    def _reading(self, row: TypedOp, part: Part, note: str) -> Folding:
        restored_by = dict.fromkeys(key for place in part.takes for key in self.lazy[place].restored_by)
        return Folding(inputs=self._inputs(row, part), restored_by=tuple(restored_by), note=note)

    def _picking(self, row: TypedOp, part: Part) -> Folding:
        """The folding of a row that selects and restores: of the scales it reads those of what it selects."""
        folding = self._reading(row, part, "dequantises what it picks")
        if len(row.outputs) > 1:
            return folding
        (place,) = part.takes
        lazy = self.lazy[place]
        picked = (lazy.kind, *(behind(scale, row, lazy.kind, row.outputs[0]).kind for scale in lazy.scales.values()))
        return replace(folding, inputs=tuple(None if types is None else picked for types in folding.inputs))

    def _product(self, key: str, row: TypedOp, part: Part) -> None:
        dtype = self.found.compute_dtype(row, part)
        note = f"computes on {dtype}" if dtype else "dequantises its operands as it reads them"
        folding = replace(self._reading(row, part, note), compute_dtype=dtype)
        self._with_result(key, folding, part, self.found.requantization(row) if self.found.is_whole(row, part) else "")

    def _between(self, key: str, row: TypedOp, part: Part) -> None:
        """Arithmetic or a move between Q and DQ ops; or a Q op right behind them."""
        dtype = self.found.compute_dtype(row, part)
        if part.requantizes:
            note = f"computes on {dtype}" if dtype else "dequantises its operands and quantises its result"
            self._with_result(key, replace(self._reading(row, part, note), compute_dtype=dtype), part, part.requantizes)
            return
        folding = self._reading(row, part, "requantises")
        if all(self.found.is_inverse(self.rows[restorer], row) for restorer in folding.restored_by):
            folding = replace(folding, moves_nothing=True, note="the quantised tensor again")
        self.foldings[key] = folding

    def _with_result(self, key: str, folding: Folding, part: Part, after: str) -> None:
        """Note a folding with the QuantizeLinear that alone reads the result, if there is one."""
        if after:
            made = self.rows[after]
            folding = replace(folding, inputs=self._with_parameters(folding, part, made), outputs=made.outputs[:1],
                              counted=(after,))  # fmt: skip
            self.foldings[after] = Folding(folded_into=key, note=f"folded into {key}")
        self.foldings[key] = folding

    def _with_parameters(
        self, folding: Folding, part: Part, after: TypedOp
    ) -> tuple[tuple[TensorType, ...] | None, ...]:
        """What is read, and with the first quantised operand the scale and zero point of the result, once each."""
        known = {place for taken in part.takes for place in self.lazy[taken].scales}
        more = tuple(
            kind
            for position, place in self.names.inputs(after)
            if position and place not in known and (kind := after.inputs[position]) is not None
        )
        first = next((at for at, types in enumerate(folding.inputs) if types is not None), None)
        return tuple(
            types if types is None or at != first else (*types, *more) for at, types in enumerate(folding.inputs)
        )

    def _takers(self) -> dict[str, list[str]]:
        """By row that restores a tensor those that read it quantised."""
        found: dict[str, list[str]] = {}
        for key, folding in self.foldings.items():
            for restorer in folding.restored_by:
                found.setdefault(restorer, []).append(key)
        return found

    def _vanish(self, key: str, part: Part, takers: list[str]) -> None:
        """Fold a row that nobody needs in floating point into the first row that restores for itself.

        Where that runs in another scope, perhaps many times, the work is still that of one run of this row.
        """
        row = self.rows[key]
        beside = [taker for taker in takers if self.rows[taker].scope == row.scope]
        if not takers:
            return
        taker = (beside or takers)[0]
        if beside:
            self.foldings[taker] = replace(self.foldings[taker], counted=(*self.foldings[taker].counted, key))
        at = (
            next((at for at, place in self.names.inputs(row) if place in part.takes), 0) if part.kind == "scales" else 0
        )
        self.foldings[key] = Folding(folded_into=taker, keeps_work=not beside, aliases=at, note=f"folded into {taker}")


def hidden_operands(
    found: QuantizedParts, foldings: dict[str, Folding]
) -> tuple[dict[str, Folding], tuple[Notice, ...]]:
    """The foldings with a note at each product that reads a float tensor since the backend folds no further, and one
    notice for all of them.
    """
    result = dict(foldings)
    reasons: dict[str, str] = {}
    further = quantized_parts(found.names, "through", None).parts
    for key, part in further.items():
        mine = found.parts.get(key)
        hidden = [place for place in part.takes if mine is None or place not in mine.takes]
        if part.kind != "multiplies" or not hidden:
            continue
        maker = found.names.makers[hidden[0]]
        op = found.rows[maker].op
        between = "" if further[maker].kind == "restores" else f" behind {op.qualified_type} {maker}"
        reasons[key] = f"reads {hidden[0][1]!r} in floating point{between}: the backend folds no DequantizeLinear there"
        result[key] = replace(foldings.get(key, Folding()), note=reasons[key])
    if not reasons:
        return result, ()
    first, reason = next(iter(reasons.items()))
    more = f", and {len(reasons) - 1:,} more ops do so" if len(reasons) > 1 else ""
    return result, (Notice("dequantized-operand", first, f"{reason}{more}; the float tensor is written and read"),)
