"""Ops that are alike: what a walk has found for one op of a class holds for all of it.

Two ops are alike if type, version, attributes and the presence of outputs are the same, and if of each operand the
same is known: its type, its value and what the value depends on. An op belongs to a class only if nothing else can
matter: no body, no call, no bound, no guess, nothing that hangs on data, nothing observed or stated.
"""

from msgspec import Struct
from msgspec.structs import replace

from onnx_roofline.inference.onnx_library import known_attributes
from onnx_roofline.inference.partial_values import elements_of
from onnx_roofline.inference.scope import Known, Scope
from onnx_roofline.ir.graph import AttributeReference, Op
from onnx_roofline.ir.records import TypedOp

# What is known of a tensor of which something else matters too; of an absent operand.
_OPEN, _ABSENT = -1, -2
Signature = tuple[object, ...]


class Alike(Struct, frozen=True):
    """A class of ops: the row of one of them, and what is known of its outputs, with the number of that."""

    row: TypedOp
    outputs: tuple[tuple[Known, int], ...]


class Classes:
    """The classes of one walk."""

    def __init__(self) -> None:
        self._classes: dict[Signature, Alike] = {}
        self._numbers: dict[tuple[object, ...], int] = {}

    def signature(self, op: Op, scope: Scope) -> Signature | None:
        """What tells the class of an op; None where it has none."""
        if op.bodies or op.function is not None:
            return None
        attributes: tuple[tuple[str, object], ...] = ()
        if op.attributes:
            if any(isinstance(value, AttributeReference) for value in op.attributes.values()):
                return None
            attributes = known_attributes(op.attributes)
        numbers = scope.numbers
        operands = []
        for name in op.inputs:
            number = numbers.get(name)
            if number is None:
                number = numbers[name] = self._number(scope.find(name)) if name else _ABSENT
            if number == _OPEN:
                return None
            operands.append(number)
        present = "" not in op.outputs or tuple(map(bool, op.outputs))
        return op.op_type, op.domain, op.version, attributes, tuple(operands), len(op.outputs), present

    def find(self, signature: Signature) -> Alike | None:
        """The class, where an op of it was learnt."""
        return self._classes.get(signature)

    def learn(self, signature: Signature, row: TypedOp, scope: Scope) -> TypedOp:
        """The row with the number of its class, if what was found for it holds for every op of its signature."""
        outputs = []
        for name, kind in zip(row.op.outputs, row.outputs, strict=True):
            known = scope.tensors[name] if name else Known(kind)
            number = self._number(known)
            is_tensor = kind.container == "tensor" and kind.is_known and kind.dtype
            if number == _OPEN or not is_tensor:
                return row
            outputs.append((known, number))
        row = replace(row, alike=len(self._classes))
        self._classes[signature] = Alike(row, tuple(outputs))
        return row

    def _number(self, known: Known) -> int:
        """A number for what is known of a tensor, the same for tensors of which the same is known."""
        is_plain = known.is_sure and known.runs is None and not known.hangs
        if not is_plain or (known.value is None and elements_of(known) is not None):
            return _OPEN
        value = None if known.value is None else known.value.tobytes()
        return self._numbers.setdefault((known.type, value, known.origin), len(self._numbers))
