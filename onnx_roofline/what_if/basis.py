"""What the figures of many runs of a model rest on, taken from one of them: what a report says above its tables."""

from collections import Counter
from collections.abc import Mapping

from msgspec import Struct

from onnx_roofline.ir.graph import Model, Notice
from onnx_roofline.ir.open_records import DataLength, DataLengths, OpenBodies, OpenBody
from onnx_roofline.ir.records import Executions, Status, Traffic, Work, op_status


class Basis(Struct, frozen=True):
    """How sure the ops of a model are, by `op_status`, and what is taken where no file and no user says it."""

    statuses: Mapping[Status, int]
    lengths: tuple[DataLength, ...] = ()
    open: tuple[OpenBody, ...] = ()
    notices: tuple[Notice, ...] = ()


def basis_of(model: Model) -> Basis:
    """The Basis of a model whose traffic is known."""
    works, traffics, executions = model.column(Work), model.column(Traffic), model.column(Executions)
    statuses = Counter(op_status(work, traffics[key], executions[key]) for key, work in works.items())
    return Basis(statuses, model.whole(DataLengths).found, model.whole(OpenBodies).found, model.warnings)
