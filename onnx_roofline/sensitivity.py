"""What the assumed figures of a system do to a placement: each halved and doubled, the rest as it is."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from onnx_roofline.analysis import Analysis
from onnx_roofline.hardware import Device, PimModel, System
from onnx_roofline.passes.placement import PlacementPass
from onnx_roofline.records import Placement, PlacementSummary


@dataclass(frozen=True, slots=True)
class Sensitivity:
    """One assumed figure: the optimum's seconds with half and with twice of it, and how many kernels change place."""

    path: str
    half_s: float
    twice_s: float
    moved_at_half: int
    moved_at_twice: int


def sensitivities(analysis: Analysis) -> list[Sensitivity]:
    """A row for every assumed figure that a placement depends on; figures of other kinds are left out."""
    before = {key: row.device for key, row in analysis.model.column(Placement).items()}
    found = []
    for path in analysis.system.assumed:
        change = _change_of(analysis.system, path)
        if change is None:
            continue
        half, twice = (_placed(analysis, change(factor), before) for factor in (0.5, 2.0))
        found.append(Sensitivity(path, half[0], twice[0], half[1], twice[1]))
    return found


def _placed(analysis: Analysis, system: System, before: dict[str, str | None]) -> tuple[float, int]:
    settings = analysis.settings
    columns = {record: rows for record, rows in analysis.model.columns.items() if record is not Placement}
    model = replace(analysis.model, columns=columns)
    result = PlacementPass(system, settings.pim_model, settings.objective).run(model)
    summary = result.whole
    assert isinstance(summary, PlacementSummary)
    moved = sum(isinstance(row, Placement) and row.device != before[key] for key, row in result.rows.items())
    return summary.objective, moved


def _change_of(system: System, path: str) -> Callable[[float], System] | None:
    """The system with the figure at a path scaled; None for a figure that no time depends on."""
    link = system.link
    if path == "link.gb_per_s":
        return lambda f: replace(system, link=replace(link, bandwidth_bytes_per_s=link.bandwidth_bytes_per_s * f))
    if path == "link.latency_us":
        return lambda f: replace(system, link=replace(link, latency_s=link.latency_s * f))
    for side in ("gpu", "pim"):
        device: Device = getattr(system, side)
        if path.startswith(device.slug + "."):
            scaled = _device_change(device, path.removeprefix(device.slug + "."))
            if scaled is not None:
                return _on_side(system, side, scaled)
    return None


def _on_side(system: System, side: str, scaled: Callable[[float], Device]) -> Callable[[float], System]:
    if side == "gpu":
        return lambda f: replace(system, gpu=scaled(f))
    return lambda f: replace(system, pim=scaled(f))


def _device_change(device: Device, path: str) -> Callable[[float], Device] | None:
    pim: PimModel | None = device.pim
    if path == "launch_us":
        return lambda f: replace(device, launch_s=device.launch_s * f)
    if path == "efficiency.compute":
        return lambda f: replace(device, compute_efficiency=min(1.0, device.compute_efficiency * f))
    if path == "efficiency.memory":
        return lambda f: replace(device, memory_efficiency=min(1.0, device.memory_efficiency * f))
    if path == "bandwidth_gb_per_s.internal" and device.internal_bytes_per_s is not None:
        internal = device.internal_bytes_per_s
        return lambda f: replace(device, internal_bytes_per_s=internal * f)
    if pim is None:
        return None
    if path == "pim.reuse":
        return lambda f: replace(device, pim=replace(pim, reuse=max(1, round(pim.reuse * f))))
    if path == "pim.mode_switch_us":
        return lambda f: replace(device, pim=replace(pim, mode_switch_s=pim.mode_switch_s * f))
    if path == "pim.efficiency.stream" and pim.stream_efficiency is not None:
        share = pim.stream_efficiency
        return lambda f: replace(device, pim=replace(pim, stream_efficiency=min(1.0, share * f)))
    return None
