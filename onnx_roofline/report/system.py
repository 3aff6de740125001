"""A system and its devices as records of the JSON, in base units."""

from collections.abc import Mapping

from onnx_roofline.hardware import Device, DramTiming, Fact, Figure, GpuModel, PimModel, System, TileTiming
from onnx_roofline.hardware.gpu_model import POOLED_BANDWIDTH_SHARES
from onnx_roofline.report import contract


def system_record(system: System) -> contract.System:
    """The system with the source of every figure; null where nothing is stated."""
    link, layout = system.link, system.layout
    return contract.System(
        slug=system.slug,
        name=system.name,
        devices={device.slug: device_record(device) for device in system.devices},
        gpu=system.gpu.slug,
        pim=None if system.pim is None else system.pim.slug,
        link=None
        if link is None
        else contract.Link(
            bandwidth_bytes_per_s=link.bandwidth_bytes_per_s,
            latency_s=link.latency_s,
            j_per_byte=link.j_per_byte,
            duplex=link.duplex,
            shared_memory=link.shared_memory,
            figures=_figures(link.figures),
        ),
        layout=None if layout is None else contract.Layout(layout.relayout_bytes_per_s, layout.constants),
        concurrency=system.concurrency,
        gpu_bandwidth_share=system.gpu_bandwidth_share,
        facts=_facts(system.facts),
        notes=dict(system.notes),
    )


def device_record(device: Device) -> contract.Device:
    """The device with the source of every figure; null where nothing is stated."""
    return contract.Device(
        slug=device.slug,
        name=device.name,
        kind=device.kind,
        peak_flops_per_s=dict(device.peaks_flops_per_s),
        bandwidth_bytes_per_s=contract.Bandwidth(device.external_bytes_per_s, device.internal_bytes_per_s),
        capacity_bytes=device.capacity_bytes,
        cache_bytes=device.cache_bytes,
        launch_s=device.launch_s,
        launches_s=dict(device.launches_s),
        energy=contract.Energy(
            dram_j_per_byte=device.dram_j_per_byte,
            cache_j_per_byte=device.cache_j_per_byte,
            j_per_mac=device.j_per_mac,
            idle_w=device.idle_w,
        ),
        efficiency=contract.Efficiency(device.compute_efficiency, device.memory_efficiency),
        pim=None if device.pim is None else _pim(device.pim),
        gpu=None if device.gpu is None else _gpu(device.gpu),
        ridge_flops_per_byte={dtype: device.ridge(dtype) for dtype in device.peaks_flops_per_s},
        figures=_figures(device.figures),
        facts=_facts(device.facts),
        notes=dict(device.notes),
    )


def _pim(model: PimModel) -> contract.Pim:
    ops, align = model.ops, model.align
    return contract.Pim(
        ops=None
        if ops is None
        else {
            op: contract.OpSupport(
                resident=support.resident,
                group=support.group,
                dilation=support.dilation,
                max_batch=support.max_batch,
                fused_only=support.fused_only,
                at=support.at,
            )
            for op, support in ops.items()
        },
        reuse=model.reuse,
        align=contract.Alignment(k=align.k, n=align.n, elements=align.elements, row_elements=align.row_elements),
        dram=None if model.dram is None else _dram(model.dram),
        stream_efficiency=model.stream_efficiency,
        tile=None if model.tile is None else _tile(model.tile),
        elementwise_efficiency=model.elementwise_efficiency,
        head_channels=model.head_channels,
        head_drain_rounds=model.head_drain_rounds,
        mode_switch_s=model.mode_switch_s,
        fence_s=model.fence_s,
        replicate=model.replicate,
        split_axes=model.split_axes,
    )


def _dram(dram: DramTiming) -> contract.DramTiming:
    return contract.DramTiming(
        t_ccd_s=dram.t_ccd_s,
        t_rcd_s=dram.t_rcd_s,
        t_rp_s=dram.t_rp_s,
        lane_elements=dram.lane_elements,
        parallel_rows=dram.parallel_rows,
        banks_per_channel=dram.banks_per_channel,
        refresh_share=dram.refresh_share,
        t_gwrite_s=dram.t_gwrite_s,
        t_readres_s=dram.t_readres_s,
        vectors_per_activation=dram.vectors_per_activation,
        t_gwrite_column_s=dram.t_gwrite_column_s,
        refresh_interval_s=dram.refresh_interval_s,
    )


def _tile(tile: TileTiming) -> contract.TileTiming:
    return contract.TileTiming(
        depth=tile.depth,
        outputs_per_channel=tile.outputs_per_channel,
        channels=tile.channels,
        stream_s=tile.stream_s,
        refill_s=tile.refill_s,
        open_s=tile.open_s,
        turn_s=tile.turn_s,
        pass_s=tile.pass_s,
        refresh_share=tile.refresh_share,
    )


def _gpu(model: GpuModel) -> contract.Gpu:
    attention = model.attention
    return contract.Gpu(
        sm_count=model.sm_count,
        matrix_flops_per_s=dict(model.matrix_flops_per_s),
        vector_flops_per_s=dict(model.vector_flops_per_s),
        special_ops_per_s=model.special_ops_per_s,
        l2_bytes_per_s=model.l2_bytes_per_s,
        dispatch_s=model.dispatch_s,
        sustained={math: model.sustained_share(math) for math in (*model.matrix_flops_per_s, "float32")},
        bandwidth_share={kind: model.bandwidth_share(kind) for kind in POOLED_BANDWIDTH_SHARES},
        attention=contract.AttentionShares(
            sustained=attention.sustained,
            bandwidth=attention.bandwidth,
            fixed_s=attention.fixed_s,
            block_s=attention.block_s,
            exposed_special=attention.exposed_special,
            packs_queries=attention.packs_queries,
        ),
        row_step_s=model.row_step_s,
    )


def _figures(figures: Mapping[str, Figure]) -> dict[str, contract.Figure]:
    return {path: contract.Figure(f.value, f.source, f.label) for path, f in figures.items()}


def _facts(facts: Mapping[str, Fact]) -> dict[str, contract.Fact]:
    return {path: contract.Fact(f.value, f.source, f.label) for path, f in facts.items()}
