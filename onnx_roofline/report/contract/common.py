"""What the records of the JSON documents share: their base, their units, and who wrote the document."""

from math import isfinite
from typing import Annotated, Literal

from msgspec import Meta, Struct

from onnx_roofline import __version__

SCHEMA_VERSION: Literal["2.0"] = "2.0"

# A number of things, or of bytes.
Count = Annotated[int, Meta(ge=0)]
Seconds = Annotated[float, Meta(ge=0)]
NotNegative = Annotated[float, Meta(ge=0)]
Share = Annotated[float, Meta(ge=0, le=1)]
# How often something runs: a whole number, or what is expected of branches with probabilities.
Runs = Count | Annotated[float, Meta(ge=0)]

# How sure a figure is, surest first.
Status = Literal["exact", "bounded", "heuristic", "unknown"]
# Where a trip count or the choice of a branch is from.
RunsOrigin = Literal["exact", "bound", "data", "assumed"]


class Record(Struct, frozen=True, forbid_unknown_fields=True):
    """A record of the documents: closed, and every field of it is described."""


class Measured(Record, frozen=True):
    """A record with floating-point figures. ValueError for NaN and infinities: JSON has neither, null is unknown."""

    def __post_init__(self) -> None:
        for name in self.__struct_fields__:
            value = getattr(self, name)
            if type(value) is float and not isfinite(value):
                raise ValueError(f"{type(self).__name__}.{name} is {value}")
            if type(value) is dict:
                for key, item in value.items():
                    if type(item) is float and not isfinite(item):
                        raise ValueError(f"{type(self).__name__}.{name} of {key!r} is {item}")


class Tool(Record, frozen=True):
    """What wrote the document."""

    name: Annotated[Literal["onnx-roofline"], Meta(description="its name")]
    version: Annotated[str, Meta(description="its version")]


TOOL = Tool("onnx-roofline", __version__)
