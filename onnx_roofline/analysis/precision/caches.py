"""Caches in 8 bits: what a model input holds and a model output leaves for the next run stays quantised between them.

Q ops stand before the rows that are added, a DQ op behind each tensor of the cache that anything else reads. One scale
a tensor, stored. Attention that appends to its cache and takes scales for it (onnxruntime's) reads it as it is.
"""

from msgspec import Struct

from onnx_roofline.analysis.precision.activations import beside, result_of
from onnx_roofline.analysis.precision.edit import ModelEdit
from onnx_roofline.analysis.precision.spec import FLOATS, Precision
from onnx_roofline.analysis.precision.uses import Uses
from onnx_roofline.fusion.quantized_tensors import Place
from onnx_roofline.ir.graph import Op
from onnx_roofline.ir.records import TypedOp
from onnx_roofline.memory.kv_caches import Caches
from onnx_roofline.ops.cost.lookup import traits_of


class Region(Struct):
    """The tensors between a cache's input and its output, and the ops that make one of another."""

    names: set[str]
    makers: list[str]
    inputs: set[str]


def find_regions(uses: Uses, caches: Caches) -> tuple[list[Region], list[tuple[str, str]]]:
    """A region for each model output that a cache becomes, and (output, reason) of those that can't be followed."""
    found: list[Region] = []
    refused: list[tuple[str, str]] = []
    for output in uses.model.graph.outputs:
        if not caches.holds("", output.name):
            continue
        region = Region({output.name}, [], set())
        reason = _follow(uses, caches, region, output.name)
        if reason:
            refused.append((output.name, reason))
        elif region.inputs:
            found.append(region)
    return found, refused


def _follow(uses: Uses, caches: Caches, region: Region, output: str) -> str:
    """Fill a region backwards from an output; why it can't be, or ""."""
    pending = [output]
    while pending:
        name = pending.pop()
        maker = uses.names.makers.get(("", name))
        if maker is None:
            if name in caches.inputs:
                region.inputs.add(name)
            continue
        row = uses.rows[maker]
        held = _held(caches, row, name)
        if not held:
            continue
        traits = traits_of(row.op)
        is_move = traits.quantized_form == "move" or traits.joins or traits.updates_at or traits.permutes
        if not (is_move or traits.cache_scales_at) or row.op.function is not None or row.bodies:
            return f"{maker} computes with it"
        if any(kind is not None and "float" in kind.dtype and kind.dtype not in FLOATS for kind in row.inputs):
            return f"{maker} has it in another type already"
        region.makers.append(maker)
        pending += [one for one in held if one not in region.names]
        region.names.update(held)
    return ""


def _held(caches: Caches, row: TypedOp, name: str) -> list[str]:
    """The inputs of an op that hold the cache which its result holds."""
    place = caches.place("", name)
    sources = caches.sources.get(place, frozenset((place,)))
    return [one for one in row.op.inputs if one and caches.holds("", one)
            and caches.sources.get(caches.place("", one), frozenset((caches.place("", one),))) & sources]  # fmt: skip


def quantize_caches(uses: Uses, edit: ModelEdit, regions: list[Region], precision: Precision) -> None:
    """Put the tensors of the regions into the wanted type, with Q and DQ ops at their borders."""
    graph = edit.of(uses.model.graph)
    names = set[str]().union(*(region.names for region in regions))
    inside = {maker for region in regions for maker in region.makers}
    scales: dict[frozenset[str], tuple[str, ...]] = {}
    owner = {name: frozenset(region.names) for region in regions for name in region.names}
    for region in regions:
        key = frozenset(region.names)
        # Attention takes a scale alone.
        by_ops = any(not traits_of(uses.rows[maker].op).cache_scales_at for maker in region.makers)
        scales[key] = beside(uses, edit, ("", min(region.inputs)), precision.cache, zero_point=by_ops)
    for name in sorted(names):
        graph.retyped[name] = precision.cache
    quantized: dict[tuple[str, frozenset[str]], str] = {}
    for maker in dict.fromkeys(maker for region in regions for maker in region.makers):
        row = uses.rows[maker]
        if traits_of(row.op).cache_scales_at:
            for past, at in zip(traits_of(row.op).cache_inputs, traits_of(row.op).cache_scales_at, strict=True):
                if past < len(row.op.inputs) and row.op.inputs[past] in names:
                    graph.read(row.op, at, scales[owner[row.op.inputs[past]]][0])
            continue
        around = owner[next(name for name in row.op.outputs if name in names)]
        for position, (name, kind) in enumerate(zip(row.op.inputs, row.inputs, strict=True)):
            if not name or name in names or kind is None or kind.dtype not in FLOATS:
                continue
            if (name, around) not in quantized:
                made = quantized[name, around] = edit.new_name(f"{name}_quantized")
                op = graph.new_op(
                    "QuantizeLinear", (name, *scales[around]), made, row.op.module, result_of(precision.cache)
                )
                _behind(uses, edit, name, op)
            graph.read(row.op, position, quantized[name, around])
    _restore(uses, edit, names, inside, {name: scales[key] for name, key in owner.items()})


def _restore(
    uses: Uses, edit: ModelEdit, names: set[str], inside: set[str], scales: dict[str, tuple[str, ...]]
) -> None:
    """A DQ op behind each tensor of a cache that ops outside the regions read."""
    graph = edit.of(uses.model.graph)
    for name in sorted(names):
        place: Place = ("", name)
        readers = [(key, at) for key, at in uses.reads.get(place, []) if key not in inside and not _asks(uses, key)]
        if not readers:
            continue
        restored = edit.new_name(f"{name}_dequantized")
        module = uses.rows[readers[0][0]].op.module
        op = graph.new_op("DequantizeLinear", (name, *scales[name]), restored, module, {})
        _behind(uses, edit, name, op)
        for key, position in readers:
            reader = uses.rows[key]
            edit.of(uses.names.graphs[reader.scope]).read(reader.op, position, restored)


def _asks(uses: Uses, key: str) -> bool:
    """Whether an op asks for a shape alone, which the quantised tensor has too."""
    return traits_of(uses.rows[key].op).asks_shape


def _behind(uses: Uses, edit: ModelEdit, name: str, op: Op) -> None:
    """Put an op behind the one that makes a tensor, or first where that is an input."""
    graph = edit.of(uses.model.graph)
    maker = uses.names.makers.get(("", name))
    if maker is None:
        graph.first.append(op)
    else:
        graph.behind.setdefault(uses.rows[maker].op.id, []).append(op)
