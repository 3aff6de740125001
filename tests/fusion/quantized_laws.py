"""Two laws of quantised graphs: work is conserved however Q and DQ ops fold; a tensor is read as it was written.

The second is checked from the graph alone: what a row writes, or what the rows before it wrote where it writes nothing.
"""

from fractions import Fraction
from pathlib import Path

from msgspec.structs import fields
from onnx_roofline.passes.executions import CountExecutions
from onnx_roofline.passes.fusion import FusionPass
from onnx_roofline.passes.kv_caches import KvCaches
from onnx_roofline.passes.memory_traffic import MemoryTraffic
from onnx_roofline.passes.op_count import OpCount
from onnx_roofline.passes.quantization import QuantizationFolding
from onnx_roofline.passes.shape_inference import ShapeInference

from onnx_roofline.base.units import FLOPS_PER_MAC
from onnx_roofline.fusion.backends import load_backend
from onnx_roofline.fusion.quantized import Reach
from onnx_roofline.fusion.quantized_tensors import Names, Place
from onnx_roofline.ir.graph import Model
from onnx_roofline.ir.pipeline import Pipeline
from onnx_roofline.ir.records import Counts, Executions, Folding, Traffic, TypedOp, Work
from onnx_roofline.load import load
from onnx_roofline.ops.cost.lookup import traits_of

REACHES: tuple[Reach, ...] = ("off", "beside", "through")


def folded(source: Path | Model, reach: Reach, weight_only: tuple[str, ...] | None = None) -> Model:
    """A file, or a model whose shapes are known, up to its traffic."""
    backend = load_backend("compiler")
    passes = (
        QuantizationFolding(reach, weight_only), OpCount(), KvCaches(), FusionPass(backend),
        MemoryTraffic(backend.appends_in_place), CountExecutions(),
    )  # fmt: skip
    model = shaped(source) if isinstance(source, Path) else source
    for one in passes:
        result = one.run(model)
        model = model.with_column(one.produces, result.rows, result.notices, result.wholes)
    return model


def shaped(path: Path) -> Model:
    """A file as far as its shapes."""
    return Pipeline((ShapeInference(),)).run(load(path))


def assert_quantized_laws(model: Model) -> None:
    """Both laws, for every reach, of a model whose shapes are known."""
    plain = folded(model, "off")
    assert_read_as_written(plain)
    if not any(traits_of(row.op).dequantizes for row in model.column(TypedOp).values()):
        return
    for reach in REACHES[1:]:
        for weight_only in (None, ("MatMul",)):
            found = folded(model, reach, weight_only)
            assert_same_work(plain, found)
            assert_read_as_written(found)


def assert_same_work(plain: Model, found: Model) -> None:
    """By class: the sum over all rows, each op's own arithmetic as integer operations where it multiplies integers."""
    runs = found.column(Executions)
    wanted: dict[str, Fraction] = {}
    for key, work in plain.column(Work).items():
        counts = work.counts or Counts()
        if "int" in found.column(Folding)[key].compute_dtype:
            counts = Counts(macs=counts.macs, int_ops=counts.operations - FLOPS_PER_MAC * counts.macs)
        _add(wanted, counts, Fraction(runs[key].count))
    given: dict[str, Fraction] = {}
    for key, work in found.column(Work).items():
        _add(given, work.counts or Counts(), Fraction(runs[key].count))
    assert given == wanted


def _add(sums: dict[str, Fraction], counts: Counts, times: Fraction) -> None:
    for field in fields(Counts):
        sums[field.name] = sums.get(field.name, Fraction(0)) + times * getattr(counts, field.name)


def assert_read_as_written(model: Model) -> None:
    """No row reads more bytes of an operand than were written of it, its scales and zero points included.

    With the first operand come the scale and the zero point that quantise the result.
    """
    written = _Written(model)
    names, foldings = written.names, model.column(Folding)
    for key, traffic in model.column(Traffic).items():
        row = names.rows[key]
        quantizers = [names.rows[one] for one in foldings[key].counted if traits_of(names.rows[one].op).quantizes]
        result = sum(kind.bytes or 0 for one in quantizers for kind in one.inputs[1:] if kind is not None)
        for position, place in names.inputs(row):
            size, there = traffic.read_bytes[position], written.of(place)
            if size and there is not None:
                there += result
                assert size <= there, f"{key} reads {size} B of {place}, {there} B were written"
    for output in model.graph.outputs:
        there, kind = written.data(("", output.name)), written.types.get(("", output.name))
        # The shape of a view may be a bound, and its bytes those of what it views all the same.
        if (
            there is not None
            and kind is not None
            and kind.bytes is not None
            and kind.is_sure
            and kind.container == "tensor"
        ):
            assert there >= kind.bytes, f"{there} B were written of the output {output.name}, wanted {kind.bytes} B"


class _Written:
    """Bytes that are in memory of a tensor, and of what restores it."""

    def __init__(self, model: Model) -> None:
        self.names = Names.of(model)
        self.traffics = model.column(Traffic)
        self.types = {place: row.outputs[row.op.outputs.index(place[1])]
                      for place, key in self.names.makers.items() for row in (self.names.rows[key],)}  # fmt: skip
        self.read = {place: kind for row in self.names.rows.values() for at, place in self.names.inputs(row)
                     if (kind := row.inputs[at]) is not None}  # fmt: skip
        self.known: dict[Place, tuple[int, int] | None] = {}

    def of(self, place: Place) -> int | None:
        data = self._data_and_scales(place)
        return None if data is None else sum(data)

    def data(self, place: Place) -> int | None:
        """Bytes of the tensor without what restores it."""
        data = self._data_and_scales(place)
        return None if data is None else data[0]

    def _data_and_scales(self, place: Place) -> tuple[int, int] | None:
        if place not in self.known:
            self.known[place] = self._found(place)
        return self.known[place]

    def _found(self, place: Place) -> tuple[int, int] | None:
        maker = self.names.makers.get(place)
        if maker is None or self.names.rows[maker].role != "compute" or self.names.rows[maker].bodies:
            # What is stored or comes in, what is made once of it, and what bodies hand out.
            kind = self.types.get(place) or self.read.get(place)
            return None if kind is None or kind.bytes is None else (kind.bytes, 0)
        row = self.names.rows[maker]
        made = self.traffics[maker].write_bytes[row.op.outputs.index(place[1])]
        inputs = [self._data_and_scales(source) for _, source in self.names.inputs(row)]
        traits = traits_of(row.op)
        if traits.dequantizes:
            sides = [None if one is None else sum(one) for one in inputs[1:]]
        elif traits.quantized_form == "move" or traits.rescales or traits.quantizes:
            sides = [None if one is None else one[1] for one in inputs]
            if traits.rescales:
                sides += [None if one is None else sum(one) for one in inputs]
        else:
            sides = []
        if made is None or None in sides:
            return None
        kind = self.types[place]
        if kind.container != "tensor":
            # The tensors inside come from many ops.
            return None
        if made and traits.updates_at:
            # Rows that are written into a buffer which is there already.
            return kind.bytes or made, 0
        if made or kind.elements == 0:
            return made, sum(side or 0 for side in sides)
        # It writes nothing: what it stands for is what was there before.
        data = [None if one is None else one[0] for one in inputs]
        held = data if traits.joins else data[:1] if not traits.rescales else data
        if None in held or not held:
            return None
        return sum(size or 0 for size in held), sum(side or 0 for side in sides)
