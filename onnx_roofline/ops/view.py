"""What a rule sees of an op: its operands' types and small values, and its attributes."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from msgspec import Struct

from onnx_roofline.base.errors import NotModelledError
from onnx_roofline.ir.graph import LongList, Op, StoredTensor, TensorType
from onnx_roofline.ir.records import TypedOp

if TYPE_CHECKING:
    import numpy as np

    from onnx_roofline.ir.graph import Array

    Ints = np.ndarray[tuple[int, ...], np.dtype[np.integer]]


class Operand(Struct, frozen=True):
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


class OpView(Struct, frozen=True):
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
        if isinstance(value, LongList) and value.numbers is not None and not value.texts:
            return tuple(value.numbers.tolist())
        if not isinstance(value, tuple) or not all(isinstance(item, int) for item in value):
            raise NotModelledError(f"attribute {name} is {value!r}, wanted integers")
        return tuple(int(item) for item in value)

    def array_attr(self, name: str) -> "Ints":
        """A list of integers as an array, which a long one is kept as; empty where it is absent."""
        import numpy as np

        value = self.attributes.get(name)
        if isinstance(value, LongList) and value.numbers is not None and not value.texts:
            return value.numbers
        return np.array(self.ints_attr(name), np.int64)

    def list_attr(self, name: str) -> tuple[object, ...] | LongList:
        """A list attribute of any kind, of which a long one has a length; empty where it is absent."""
        value = self.attributes.get(name, ())
        if not isinstance(value, tuple | LongList):
            raise NotModelledError(f"attribute {name} is {value!r}, wanted a list")
        return value

    def tensor_attr(self, name: str) -> StoredTensor:
        """A tensor attribute, which the op needs."""
        value = self.attributes.get(name)
        if not isinstance(value, StoredTensor):
            raise NotModelledError(f"attribute {name} is absent")
        return value


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
