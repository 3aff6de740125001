"""Records of what a model occupies in the memory of its devices."""

from typing import Annotated

from msgspec import Meta

from onnx_roofline.report.contract.common import Count, Measured, NotNegative, Record


class DeviceMemory(Measured, frozen=True):
    """The memory of a device that holds all of the model."""

    capacity_bytes: Annotated[Count | None, Meta(description="what the device has; null where its profile says none")]
    share: Annotated[NotNegative | None, Meta(description="of it, what the model takes; above 1 it does not fit")]
    fits: Annotated[bool | None, Meta(description="whether it holds the model; null where a size is unknown")]


class Memory(Record, frozen=True):
    """Bytes that a run holds at its width; null where a tensor has no size."""

    weight_bytes: Annotated[Count | None, Meta(description="tensors of the file, each once")]
    cache_bytes: Annotated[
        Count | None, Meta(description="caches of keys and values, past and present once where they share a buffer")
    ]
    activation_bytes: Annotated[
        Count | None, Meta(description="the most of all other tensors that is alive at once, after fusion")
    ]
    total_bytes: Annotated[Count | None, Meta(description="all of it")]
    devices: Annotated[dict[str, DeviceMemory], Meta(description="by device, all of the model there")]
