"""What no file says and no rule knows: how often bodies run, and lengths that data decide."""

from typing import Literal

from msgspec import Struct

from onnx_roofline.ir.graph import Dim, Model
from onnx_roofline.ir.records import Origin


class OpenBody(Struct, frozen=True):
    """An op of which nobody says how often its bodies run, and what is `taken`: a number of runs, "then" or "else".

    `key` is its row id, `kind` "branch" where one of its bodies runs, "trips" where one runs often. `origin` is "data"
    where that is an upper bound, "assumed" where it is a guess.
    """

    key: str
    kind: Literal["branch", "trips"]
    taken: str
    origin: Origin

    @property
    def option(self) -> str:
        """The option that states it: `--trip 1:Loop=N`, `--branch 0:If.then=P`."""
        return f"--branch {self.key}.then=P" if self.kind == "branch" else f"--trip {self.key}=N"

    @property
    def example(self) -> str:
        """The option with what is taken: `--trip 1:Loop=1`, `--branch 0:If.then=1`."""
        value = str(int(self.taken == "then")) if self.kind == "branch" else self.taken
        return self.option[:-1] + value


class OpenBodies(Struct, frozen=True):
    """Every op that may run of which nobody says how often its bodies run, the outer before the inner."""

    found: tuple[OpenBody, ...]


class DataLength(Struct, frozen=True):
    """A length that data decide: its `name` is TENSOR.AXIS of the row `key` where it arises, and `ops` hang on it.

    `value` is what is taken for it, `origin` why: "bound" (the user states it), "data" (an upper bound), "assumed".
    """

    name: str
    key: str
    op_type: str
    value: int
    origin: Origin
    ops: int

    @property
    def reason(self) -> str:
        """What the dim is, as the reports say it."""
        hang = "" if self.origin == "bound" else f"; {self.ops:,} op{'s hang' if self.ops != 1 else ' hangs'} on it"
        how = {"assumed": "assumed", "data": "its upper bound is taken"}.get(self.origin, "stated")
        return f"data decide it at {self.key}{hang}; {how}"

    @property
    def option(self) -> str:
        """The option that states it: `--dim frames.0=N`."""
        return f"--dim {self.name}=N"


class DataLengths(Struct, frozen=True):
    """Every length that data decide, those on which most ops hang first."""

    found: tuple[DataLength, ...]


def dims_of(model: Model) -> dict[str, Dim]:
    """The dims of a model: those of its inputs, then the lengths that data decide, once shapes are known."""
    lengths = model.wholes.get(DataLengths)
    found = lengths.found if isinstance(lengths, DataLengths) else ()
    return {**model.dims, **{one.name: Dim(one.value, one.origin, one.reason) for one in found}}
