"""Reads the `pim` part of a device profile."""

from collections.abc import Mapping

from onnx_roofline.base.yaml_nodes import Node
from onnx_roofline.hardware.figures import MICRO, NANO, Figures, scaled, text_of
from onnx_roofline.hardware.pim_model import (
    Alignment,
    DramTiming,
    OpSupport,
    PimModel,
    Place,
    Replicate,
    Resident,
    TileTiming,
)

_KEYS = (
    "ops",
    "reuse",
    "align",
    "dram",
    "efficiency",
    "mode_switch_us",
    "fence_ns",
    "replicate",
    "split_axes",
    "tile",
    "head_channels",
    "head_drain_rounds",
)
_ALIGN_KEYS = ("k", "n", "elements", "row_elements")
_DRAM_TIMES = (
    "t_ccd_ns",
    "t_rcd_ns",
    "t_rp_ns",
    "t_gwrite_ns",
    "t_readres_ns",
    "t_gwrite_column_ns",
    "refresh_interval_ns",
)
_DRAM_COUNTS = ("lane_elements", "parallel_rows", "banks_per_channel", "vectors_per_activation")
_DRAM_KEYS = (*_DRAM_TIMES, *_DRAM_COUNTS, "refresh_share")
_DRAM_REQUIRED = ("t_ccd_ns", "t_rcd_ns", "t_rp_ns", "lane_elements", "parallel_rows", "banks_per_channel")
_TILE_TIMES = ("stream_ns", "refill_ns", "open_ns", "turn_ns", "pass_ns")
_TILE_COUNTS = ("depth", "outputs_per_channel", "channels")
_TILE_KEYS = (*_TILE_TIMES, *_TILE_COUNTS, "refresh_share")
_TILE_REQUIRED = (*_TILE_COUNTS, "stream_ns", "refill_ns", "open_ns", "turn_ns")
_OP_LIMITS = ("group", "dilation", "max_batch")
_RESIDENTS: Mapping[str, Resident] = {"weight": "weight", "kv": "kv", "any": "any", "none": "none"}
_PLACES: Mapping[str, Place] = {"bank": "bank", "interface": "interface"}
_REPLICATES: Mapping[str, Replicate] = {"none": "none", "channels_and_rows": "channels_and_rows"}
_SPLIT_AXES = ("batch", "rows", "columns", "height", "heads")


def read_pim(node: Node | None, dtypes: tuple[str, ...], figures: Figures) -> PimModel | None:
    """The PIM model at a node; None when it is absent. Problems are reported at their nodes."""
    if node is None:
        return None
    entries = node.mapping(_KEYS)
    align = _align(entries.get("align"), figures)
    dram = _dram(entries.get("dram"), figures)
    tile = _tile(entries.get("tile"), figures)
    efficiencies = figures.numbers(entries.get("efficiency"), ("stream", "elementwise"))
    for timings in ("dram", "tile"):
        if timings in entries and "stream" in efficiencies:
            entries["efficiency"].report(
                f"found beside {timings}, whose times give the efficiency; keep one of the two"
            )
    if dram is not None and align.row_elements is None:
        entries["dram"].report("found no align.row_elements, which the row timings need; add it")
    if dram is not None and dram.parallel_rows % dram.banks_per_channel:
        entries["dram"].report("found parallel_rows that are no whole number of channels x banks_per_channel")
    replicate = entries.get("replicate")
    if replicate is not None:
        figures.fact(replicate, replicate.characters)
        if dram is None:
            replicate.report("found without dram, whose channels it is about; add the timings or leave it out")
    return PimModel(
        dtypes=dtypes,
        ops=_ops(entries.get("ops"), figures),
        reuse=figures.count(entries.get("reuse")) or 1,
        align=align,
        dram=dram,
        tile=tile,
        stream_efficiency=efficiencies.get("stream"),
        elementwise_efficiency=efficiencies.get("elementwise"),
        head_channels=figures.count(entries.get("head_channels")),
        head_drain_rounds=figures.number(entries.get("head_drain_rounds")) or 0.0,
        mode_switch_s=scaled(figures.number(entries.get("mode_switch_us")) or 0.0, MICRO),
        fence_s=scaled(figures.number(entries.get("fence_ns")) or 0.0, NANO),
        replicate=_REPLICATES.get(text_of(replicate, _REPLICATES) or "", "none"),
        split_axes=_axes(entries.get("split_axes"), figures),
    )


def _ops(node: Node | None, figures: Figures) -> dict[str, OpSupport] | None:
    if node is None:
        return None
    supports = {}
    for op_type, entry in node.mapping().items():
        limits = entry.mapping((*_OP_LIMITS, "resident", "fused_only", "at"))
        numbers = {key: limits[key].integer(minimum=1) for key in _OP_LIMITS if key in limits}
        fused = limits["fused_only"].boolean() if "fused_only" in limits else False
        supports[op_type] = OpSupport(
            resident=_RESIDENTS.get(text_of(limits.get("resident"), _RESIDENTS) or "", "none"),
            group=numbers.get("group"),
            dilation=numbers.get("dilation"),
            max_batch=numbers.get("max_batch"),
            fused_only=bool(fused),
            at=_PLACES.get(text_of(limits.get("at"), _PLACES) or "", "bank"),
        )
        said = ", ".join(f"{key}: {limit.characters}" for key, limit in limits.items())
        figures.fact(entry, said or "supported")
    if not supports and node.kind == "mapping":
        node.report("found no op, wanted at least one; leave ops out where every op is supported")
    return supports


def _align(node: Node | None, figures: Figures) -> Alignment:
    entries = {} if node is None else node.mapping(_ALIGN_KEYS)
    counts = {key: figures.count(entry) for key, entry in entries.items()}
    return Alignment(
        k=counts.get("k") or 1,
        n=counts.get("n") or 1,
        elements=counts.get("elements") or 1,
        row_elements=counts.get("row_elements"),
    )


def _dram(node: Node | None, figures: Figures) -> DramTiming | None:
    if node is None:
        return None
    entries = node.mapping(_DRAM_KEYS, _DRAM_REQUIRED)
    times = {key: figures.number(entries.get(key)) for key in _DRAM_TIMES}
    counts = {key: figures.count(entries.get(key)) for key in _DRAM_COUNTS}
    refresh = _refresh(entries, figures)
    return DramTiming(
        t_ccd_s=scaled(times["t_ccd_ns"] or 0.0, NANO),
        t_rcd_s=scaled(times["t_rcd_ns"] or 0.0, NANO),
        t_rp_s=scaled(times["t_rp_ns"] or 0.0, NANO),
        lane_elements=counts["lane_elements"] or 1,
        parallel_rows=counts["parallel_rows"] or 1,
        banks_per_channel=counts["banks_per_channel"] or 1,
        refresh_share=refresh,
        t_gwrite_s=scaled(times["t_gwrite_ns"] or 0.0, NANO),
        t_readres_s=scaled(times["t_readres_ns"] or 0.0, NANO),
        vectors_per_activation=counts["vectors_per_activation"] or 1,
        t_gwrite_column_s=scaled(times["t_gwrite_column_ns"] or 0.0, NANO),
        refresh_interval_s=scaled(times["refresh_interval_ns"] or 0.0, NANO),
    )


def _tile(node: Node | None, figures: Figures) -> TileTiming | None:
    if node is None:
        return None
    entries = node.mapping(_TILE_KEYS, _TILE_REQUIRED)
    times = {key: scaled(figures.number(entries.get(key)) or 0.0, NANO) for key in _TILE_TIMES}
    counts = {key: figures.count(entries.get(key)) or 1 for key in _TILE_COUNTS}
    return TileTiming(
        depth=counts["depth"],
        outputs_per_channel=counts["outputs_per_channel"],
        channels=counts["channels"],
        stream_s=times["stream_ns"],
        refill_s=times["refill_ns"],
        open_s=times["open_ns"],
        turn_s=times["turn_ns"],
        pass_s=times["pass_ns"],
        refresh_share=_refresh(entries, figures),
    )


def _refresh(entries: Mapping[str, Node], figures: Figures) -> float:
    """The share of the time that refresh takes, which leaves some."""
    share = figures.number(entries.get("refresh_share")) or 0.0
    if share >= 1:
        entries["refresh_share"].report("found a memory that only refreshes, wanted a share below 1")
    return share


def _axes(node: Node | None, figures: Figures) -> tuple[str, ...]:
    if node is None:
        return ()
    found = tuple(axis for item in node.sequence() if (axis := item.text(_SPLIT_AXES)) is not None)
    figures.fact(node, ", ".join(found))
    return found
