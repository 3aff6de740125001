"""The plugin of another company: a rule, a shape rule, a pass, a PIM time model and an output, ten lines each."""

from collections.abc import Iterator
from typing import Any, ClassVar

from msgspec import Struct

from onnx_roofline import plugin


@plugin.rule("Mystery", domain="acme")
def mystery(op: plugin.OpView) -> plugin.Work:
    """An addition and two multiplications an element. Source: the manual of acme."""
    return plugin.work(op, plugin.Counts(adds=op.out.elements, muls=2 * op.out.elements))


@plugin.shape_rule("Mystery", domain="acme")
def mystery_shape(op: plugin.OpView) -> list[plugin.TensorType]:
    """The shape of its input."""
    return [op.input(0).type]


class Rank(Struct, frozen=True):
    """Dims of the first result of an op."""

    dims: int | None


@plugin.analysis_pass
class RankPass(Struct, frozen=True):
    """How many dims each result has."""

    name: ClassVar[str] = "rank"
    requires: ClassVar[tuple[type, ...]] = (plugin.TypedOp,)
    produces: ClassVar[type] = Rank

    def run(self, model: plugin.Model) -> plugin.PassResult:
        """A Rank for every row."""
        rows = model.column(plugin.TypedOp)
        shapes = {key: row.outputs[0].shape for key, row in rows.items()}
        return plugin.PassResult({key: Rank(None if shape is None else len(shape)) for key, shape in shapes.items()})


@plugin.pim_time("half-bandwidth")
def half_bandwidth(device: plugin.Device, work: plugin.KernelWork) -> float:
    """Bytes over half the bandwidth."""
    return 2 * (work.moved_bytes(device.slug) or 0) / device.bandwidth_bytes_per_s


@plugin.output("ranks")
def ranks(analysis: Any) -> Iterator[str]:
    """One line an op."""
    for key, row in analysis.model.column(Rank).items():
        yield f"{key} {row.dims}\n"
