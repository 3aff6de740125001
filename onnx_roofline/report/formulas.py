"""Formulas as lines for people and as JSON."""

from collections.abc import Iterator, Sequence

from onnx_roofline.report import contract
from onnx_roofline.report.encoding import encode_indented
from onnx_roofline.report.fold import fold_names, folded, numberless
from onnx_roofline.report.header import basis_parts, open_bodies
from onnx_roofline.what_if.formula.fit import named
from onnx_roofline.what_if.formula.pieces import Fit, Formula, Piece
from onnx_roofline.what_if.formula.ridge import RidgeFlip
from onnx_roofline.what_if.formula.sampling import METRICS, Key, Metric


def formula_lines(fit: Fit, by: Metric) -> Iterator[str]:
    """The figures of the model, then one figure by module and by class of kernels; equal neighbours in one line."""
    others = f"; with {', '.join(f'{name}={size:,}' for name, size in fit.sizes.items())}" if fit.sizes else ""
    yield f"over {named(fit.ranges)}{others}: exact at each of {fit.points:,} analysed points"
    if rests := rests_on(fit):
        yield f"rests on: {' · '.join(rests)}"
    found = {formula.key: formula for formula in fit.formulas}
    sections: list[tuple[str, list[tuple[str, Formula]]]] = [
        ("model", [(metric, found[Key("model", "", metric)]) for metric in METRICS])
    ]
    for kind, title in (("module", "modules"), ("kernel", "kernels")):
        parts = [one for key, one in found.items() if key.kind == kind and key.metric == by]
        shown = [one for one in parts if one.reason or any(piece.formula.terms for piece in one.pieces)]
        more = f"; {len(parts) - len(shown)} more have none" if len(parts) > len(shown) else ""
        if shown:
            sections.append((f"{title}, {by}{more}", list(_merged(shown))))
    width = max(len(name) for _, rows in sections for name, _ in rows)
    for title, rows in sections:
        yield from ("", title)
        for name, one in rows:
            yield from _lines(f"  {name:<{width}}  ", one, fit)


def rests_on(fit: Fit) -> list[str]:
    """What the figures rest on that nobody states, or that is no exact count."""
    return [*basis_parts(fit.basis, fit.settings), *open_bodies(fit.basis.open)]


def _lines(head: str, formula: Formula, fit: Fit) -> Iterator[str]:
    for piece in formula.pieces:
        where = _where(piece, fit) if len(formula.pieces) > 1 or max(piece.step) > 1 or formula.reason else ""
        yield f"{head}{piece.formula}" + (f"   where {where}" if where else "")
        head = " " * len(head)
    if formula.reason:
        yield f"{head}no formula: {formula.reason}"


def _where(piece: Piece, fit: Fit) -> str:
    """The sizes for which a piece holds, but for what holds over the whole range."""
    parts = []
    for one, low, high, step, rest in zip(fit.ranges, piece.low, piece.high, piece.step, piece.remainder, strict=True):
        if low == high:
            parts.append(f"{one.dim} = {low:,}")
        elif (low, high) != (one.low, one.high):
            parts.append(f"{one.dim} >= {low:,}" if high == one.high else f"{one.dim} {low:,}..{high:,}")
        if step > 1:
            parts.append(f"{one.dim} = {step} n" + (f" + {rest}" if rest else ""))
    return ", ".join(parts)


def _merged(formulas: Sequence[Formula]) -> Iterator[tuple[str, Formula]]:
    """Formulas that are the same, of parts whose names differ in numbers alone: `layers.0..7 x8`."""
    for members in folded(formulas, lambda one: (numberless(one.key.name), one.pieces, one.reason)):
        name = fold_names([one.key.name for one in members])
        name = name or ("(no module)" if members[0].key.kind == "module" else "")
        yield name + (f" x{len(members)}" if len(members) > 1 else ""), members[0]


def flip_lines(flips: Sequence[RidgeFlip]) -> Iterator[str]:
    """Where classes of kernels change their bound, by device."""
    for device, ridge in dict.fromkeys((one.device, one.ridge) for one in flips):
        yield from ("", f"flips on {device}, by compulsory bytes; r = {ridge:.6g} operations a byte")
        rows = [one for one in flips if (one.device, one.ridge) == (device, ridge)]
        width = max(len(one.name) for one in rows)
        for one in rows:
            at = ", ".join(f"{name}={size:,}" for name, size in one.others.items())
            where = f"{one.dim} {one.first:,}" + (f" at {at}" if at else "")
            beyond = "" if one.is_checked else ", beyond the range"
            yield f"  {one.name:<{width}}  {one.below} -> {one.above} from {where}{beyond}: {one.formula}"
    if not flips:
        yield from ("", "no class of kernels changes its bound over these dims")


def formula_document(fit: Fit, flips: Sequence[RidgeFlip] = ()) -> str:
    """Every formula as JSON text."""
    whole = contract.Formulas(
        dims=tuple(contract.FormulaDim(one.dim, one.low, one.high) for one in fit.ranges),
        sizes=dict(fit.sizes),
        points=fit.points,
        formulas=tuple(map(_record, fit.formulas)),
        flips=tuple(
            contract.FormulaFlip(
                one.name,
                one.device,
                one.dim,
                one.formula,
                one.ridge,
                one.first,
                one.below,
                one.above,
                dict(one.others),
                one.is_checked,
            )
            for one in flips
        ),
        rests_on=tuple(rests_on(fit)),
    )
    return encode_indented(contract.FormulaDocument(contract.SCHEMA_VERSION, contract.TOOL, whole))


def _record(formula: Formula) -> contract.Formula:
    pieces = tuple(
        contract.FormulaPiece(
            text=str(piece.formula),
            terms=tuple(
                contract.FormulaTerm(exponents, value.numerator, value.denominator)
                for exponents, value in piece.formula.terms
            ),
            low=piece.low,
            high=piece.high,
            step=piece.step,
            remainder=piece.remainder,
        )
        for piece in formula.pieces
    )
    key = formula.key
    return contract.Formula(kind=key.kind, name=key.name, figure=key.metric, pieces=pieces, reason=formula.reason)
