"""What the file declares and what one run showed of tensors, held against what is inferred."""

from collections.abc import Mapping

from msgspec.structs import replace

from onnx_roofline.inference.scope import Known, Scope
from onnx_roofline.ir.graph import GraphInput, Model, Notice, TensorType

# Notices about declarations that contradict the inference; more than this are only counted.
SHOWN_CONTRADICTIONS = 20


class Evidence:
    """Declarations and observations of one model, with the notices about those that contradict the inference.

    `observed` holds the true types that one real run showed, scope -> tensor -> type.
    """

    def __init__(self, model: Model, observed: Mapping[str, Mapping[str, TensorType]]) -> None:
        self._model, self._observed_types = model, observed
        self._notices: list[Notice] = []
        self._refuted: set[tuple[str, str]] = set()
        self.contradictions = 0

    def notices(self) -> list[Notice]:
        """One for each of the first contradictions, and how many more there are."""
        notices = list(self._notices)
        if self.contradictions > SHOWN_CONTRADICTIONS:
            more = self.contradictions - SHOWN_CONTRADICTIONS
            notices.append(Notice("declared-shape", "", f"{more} more declarations contradict the inference"))
        return notices

    def observed(self, name: str, inferred: Known, scope: Scope) -> Known:
        """What one real run showed of a tensor in place of what is inferred; a contradiction is noted."""
        seen = self._observed_types.get(scope.prefix, {}).get(name)
        if seen is None:
            return inferred
        seen = replace(seen, dtype=seen.dtype or inferred.type.dtype)
        if seen.exact and _contradicts(inferred.type, seen) and (scope.prefix, name) not in self._refuted:
            self._refuted.add((scope.prefix, name))
            text = f"inference gives {inferred.type}, one run of the model gives {seen}; the run holds"
            self._notices.append(Notice("observed-shape", scope.prefix + name, text))
        value = inferred.value
        return replace(inferred, type=seen, value=value if value is not None and value.shape == seen.shape else None)

    def reconciled(self, name: str, inferred: TensorType, scope: Scope) -> TensorType:
        """The inferred type; where it says nothing, what the file declares; a contradiction is noted."""
        declared = scope.graph.declared.get(name)
        if declared is None or inferred.container != "tensor":
            return inferred
        if inferred.is_known and inferred.dtype:
            self._note_contradiction(name, inferred, declared)
            return inferred
        stated = declared.type
        if declared.symbols is not None:
            shape = tuple(self._bound(symbol) for symbol in declared.symbols)
            stated = replace(stated, shape=shape)
        # A declaration is a guess, and no bound: the file may be wrong.
        if inferred.shape is None:
            return replace(stated, dtype=inferred.dtype or stated.dtype, exact=False, assumed=True)
        if stated.shape is None or len(stated.shape) != len(inferred.shape):
            return inferred
        shape = tuple(b if a is None else a for a, b in zip(inferred.shape, stated.shape, strict=True))
        if shape == inferred.shape:
            return replace(inferred, dtype=inferred.dtype or stated.dtype)
        declared_type = replace(inferred, dtype=inferred.dtype or stated.dtype, shape=shape)
        return declared_type.resting(exact=False, assumed=True, sure_axes=inferred.known_axes())

    def _bound(self, symbol: int | str | None) -> int | None:
        if isinstance(symbol, str):
            dim = self._model.dims.get(symbol)
            return None if dim is None else dim.value
        return symbol

    def _note_contradiction(self, name: str, inferred: TensorType, declared: GraphInput) -> None:
        stated = declared.type
        if stated.shape is None or not inferred.exact:
            return
        same_rank = len(stated.shape) == len(inferred.dims)
        if same_rank and all(s is None or s == i for s, i in zip(stated.shape, inferred.dims, strict=True)):
            return
        self.contradictions += 1
        if self.contradictions <= SHOWN_CONTRADICTIONS:
            text = f"the file declares {stated}, inference gives {inferred}; inference holds"
            self._notices.append(Notice("declared-shape", name, text))


def _contradicts(inferred: TensorType, seen: TensorType) -> bool:
    """Whether a type that was seen is not among those that the inference allows."""
    if inferred.container != "tensor" or seen.container != "tensor":
        return False
    if inferred.dtype and inferred.dtype != seen.dtype:
        return True
    if inferred.shape is None or seen.shape is None:
        return False
    if len(inferred.shape) != len(seen.shape):
        return inferred.exact
    pairs = [(a, b) for a, b in zip(inferred.shape, seen.shape, strict=True) if a is not None and b is not None]
    return any(a != b if inferred.exact else a < b for a, b in pairs)
