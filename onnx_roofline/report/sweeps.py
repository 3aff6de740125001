"""A sweep over one dim as table rows and as JSON."""

from onnx_roofline.base.quantities import format_si
from onnx_roofline.report import contract
from onnx_roofline.report.encoding import encode_indented
from onnx_roofline.what_if.sweep import Sweep


def point_rows(sweep: Sweep) -> tuple[list[str], list[list[str]]]:
    """(headers, rows): seconds of every alternative at every value, and what they leave out where they do."""
    names = list(sweep.points[0].seconds)
    is_partial = any(point.untimed for point in sweep.points)
    headers = [sweep.dim, *names, "kernels on the PIM", *(["kernels without a time"] if is_partial else [])]
    rows = []
    for point in sweep.points:
        missing = " + ?" if point.untimed else ""
        row = [f"{point.value:,}", *(format_si(point.seconds[name], "s") + missing for name in names)]
        rows.append([*row, f"{point.on_pim:,}", *([f"{point.untimed:,}"] if is_partial else [])])
    return headers, rows


def flip_rows(sweep: Sweep) -> list[list[str]]:
    """Kernels that flip together: how many, what they are, and where they run from which value on."""
    return [
        [f"{len(ids):,}", label, ids[0], ", ".join(f"{device or 'nowhere'} from {value:,}" for value, device in steps)]
        for label, ids, steps in sweep.changes()
    ]


def sweep_document(sweep: Sweep) -> str:
    """The sweep as JSON text: seconds and device of every kernel at every value, and the flips."""
    points = tuple(
        contract.SweepPoint(
            value=point.value,
            time_s=point.seconds,
            kernels_on_pim=point.on_pim,
            kernels_without_time=point.untimed,
            devices=point.devices,
        )
        for point in sweep.points
    )
    flips = tuple(
        contract.SweepFlip(
            kernels=tuple(ids), label=label, steps=tuple(contract.SweepStep(value, device) for value, device in steps)
        )
        for label, ids, steps in sweep.changes()
    )
    whole = contract.Sweep(dim=sweep.dim, points=points, flips=flips)
    return encode_indented(contract.SweepDocument(contract.SCHEMA_VERSION, contract.TOOL, whole))
