"""What a run reads and writes of its caches of keys and values, which of them it copies, and what may be one."""

from collections.abc import Iterable
from fractions import Fraction

from msgspec import Struct, field

from onnx_roofline.ir.graph import Model, TensorType, op_reads
from onnx_roofline.ir.records import Executions, Kernel, Traffic, TypedOp, Work
from onnx_roofline.memory.cache_links import Place
from onnx_roofline.memory.cache_search import has_cache_name, state_name
from onnx_roofline.memory.kv_caches import Caches


class CacheUse(Struct, frozen=True):
    """One cache in one run: an input, or what a loop carries, and the model outputs that it becomes.

    `size_bytes` is that of the input (None: unknown). `read_bytes` and `written_bytes` are of tensors with its rows;
    one with rows of several caches counts for each with an equal part. `copied_bytes` are the parts of both that move
    only since the kernels `copied_by` make a copy of what was there.
    """

    name: str
    is_stated: bool
    outputs: tuple[str, ...]
    size_bytes: int | None
    read_bytes: int
    written_bytes: int
    copied_bytes: int
    copied_by: tuple[str, ...]


class Suspect(Struct, frozen=True):
    """An input that is named like a cache, of which a run makes an output of its size: it may be one that is copied."""

    name: str
    output: str
    copied_bytes: int


class CacheSummary(Struct, frozen=True):
    """The caches of a model in one run, in the order of its inputs, their sums, and the inputs that may be some."""

    found: tuple[CacheUse, ...]
    suspects: tuple[Suspect, ...]
    read_bytes: int
    written_bytes: int
    copied_bytes: int


class _Sums(Struct):
    """What the ops so far read, write and copy of one cache."""

    read: Fraction = Fraction(0)
    written: Fraction = Fraction(0)
    copied: Fraction = Fraction(0)
    by: dict[str, None] = field(default_factory=dict)


def summarize_caches(model: Model) -> CacheSummary:
    """The CacheSummary of a model whose traffic is known."""
    caches = model.whole(Caches)
    proven = [("", one.name) for one in model.graph.inputs if one.name in caches.inputs]
    proven += sorted(caches.states)
    kinds = {("", one.name): one.type for one in model.graph.inputs}
    sums = _sums(model, caches, proven)
    outputs: dict[Place, list[str]] = {}
    for one in model.graph.outputs:
        for source in caches.sources.get(caches.place("", one.name), ()):
            outputs.setdefault(source, []).append(one.name)
    found = tuple(
        CacheUse(
            name=state_name(place),
            is_stated=not place[0] and place[1] in caches.options.stated,
            outputs=tuple(outputs.get(place, ())),
            size_bytes=kinds[place].bytes if place in kinds else None,
            read_bytes=round(sums[place].read),
            written_bytes=round(sums[place].written),
            copied_bytes=round(sums[place].copied),
            copied_by=tuple(sums[place].by),
        )
        for place in proven
    )
    return CacheSummary(
        found,
        tuple(_suspects(model, caches)),
        round(sum(one.read for one in sums.values())),
        round(sum(one.written for one in sums.values())),
        round(sum(one.copied for one in sums.values())),
    )


def _sums(model: Model, caches: Caches, proven: Iterable[Place]) -> dict[Place, _Sums]:
    """By cache what all executions read and write of it, and what of both is copies."""
    rows, traffics, works = model.column(TypedOp), model.column(Traffic), model.column(Work)
    executions, kernels = model.column(Executions), model.column(Kernel)
    found = {place: _Sums() for place in proven}
    # By kernel and cache: what is written beyond this run's rows, and read by ops that compute no product.
    copies: dict[tuple[str, Place], list[Fraction]] = {}
    for key, row in rows.items():
        count = executions[key].count
        if row.role != "compute" or row.bodies or not count:
            continue
        traffic = traffics[key]
        saved: dict[str, int] = {}
        for saving in traffic.savings:
            saved[saving.tensor] = saved.get(saving.tensor, 0) + saving.bytes
        kernel = kernels[key].id or key
        for names, sizes, is_written in (
            (row.op.inputs, traffic.read_bytes, False),
            (row.op.outputs, traffic.write_bytes, True),
        ):
            for name, size in zip(names, sizes, strict=True):
                place = caches.place(row.scope, name)
                moved = (size or 0) - saved.get(name, 0)
                if not name or moved <= 0 or place not in caches.sources:
                    continue
                share = Fraction(count) / len(caches.sources[place])
                for source in caches.sources[place]:
                    sums, copy = found[source], copies.setdefault((kernel, source), [Fraction(0), Fraction(0)])
                    if is_written:
                        sums.written += moved * share
                        copy[0] += max(0, moved - caches.grown[place]) * share
                    else:
                        sums.read += moved * share
                        copy[1] += 0 if works[key].contractions else moved * share
    for (kernel, source), (written, read) in copies.items():
        if written:
            found[source].copied += written + read
            found[source].by[kernel] = None
    return found


def _suspects(model: Model, caches: Caches) -> Iterable[Suspect]:
    """Inputs named like caches that none is found in, where an output of their shape is made without a product."""
    rows, works = model.column(TypedOp), model.column(Work)
    for one in model.graph.inputs:
        is_open = one.name not in caches.inputs and one.name not in caches.options.refused
        if one.name in model.graph.stored or not is_open or not has_cache_name(one.name):
            continue
        reached = {one.name}
        for key, row in rows.items():
            work = works[key]
            if not row.scope and not work.contractions and not work.row_elements and row.role == "compute":
                reached.update(row.op.outputs if not reached.isdisjoint(op_reads(row.op)) else ())
        for output in model.graph.outputs:
            maker = caches.uses.makers.get(caches.place("", output.name))
            if output.name not in reached or maker is None:
                continue
            made = rows[maker].outputs[rows[maker].op.outputs.index(caches.place("", output.name)[1])]
            if _is_grown(one.type, made):
                yield Suspect(one.name, output.name, (one.type.bytes or 0) + (made.bytes or 0))
                break


def _is_grown(past: TensorType, present: TensorType) -> bool:
    """Whether one could be a cache and the other what it becomes: three axes or more, and at most one that grew."""
    before, after = past.shape or (), present.shape or ()
    if past.dtype != present.dtype or len(before) < 3 or len(before) != len(after):
        return False
    pairs = list(zip(before, after, strict=True))
    grown = [pair for pair in pairs if pair[0] != pair[1]]
    return all(old is not None and new is not None and old <= new for old, new in pairs) and len(grown) <= 1
