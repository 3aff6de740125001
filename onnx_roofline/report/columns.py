"""Which columns a table on the terminal has, in their order, and the narrowest console that shows each.

80 columns show what one asks first: which op, how long, what binds it, how much of the whole. A pipe has 100.
"""

from collections.abc import Sequence

from onnx_roofline.hardware import Device
from onnx_roofline.report.text_table import Column

# Narrowest that a name becomes before the last column goes instead.
NAME, OP = 24, 14
# What binds a kernel, by the colour that it has: bytes, arithmetic, or neither.
BOUND_STYLES = {
    **dict.fromkeys(("memory", "dram", "l2", "stream", "activate", "io"), "memory"),
    **dict.fromkeys(("compute", "matrix", "vector", "special"), "compute"),
    **dict.fromkeys(("launch", "latency", "overhead", "refresh"), "launch"),
}
DEVICE_STYLES = {"GPU": "GPU", "CPU": "GPU", "PIM": "PIM"}


def kernel_columns(devices: Sequence[Device]) -> tuple[Column, ...]:
    """Of kernels: `time`, `wasted` and `share` are of all of a row, the columns after them of one execution."""
    on_devices = [Column(f"on {device.slug}", f"on {device.slug}", 160) for device in devices]
    return (
        Column("op", "op", 0, is_left=True, gives=OP),
        Column("name", "name", 40, is_left=True, gives=NAME, keeps_end=True),
        Column("alike", "", 50),
        Column("time", "time", 0),
        Column("bound", "bound", 70, is_left=True, styles=BOUND_STYLES),
        Column("on", "on", 60, is_left=True, gives=4, styles=DEVICE_STYLES),
        Column("share", "share", 0),
        Column("wasted", "wasted", 90),
        Column("bar", "", 100, is_left=True),
        Column("each", "each", 110),
        Column("flops", "FLOPs", 115),
        Column("moved", "moved", 116),
        Column("intensity", "FLOP/B", 117),
        *on_devices,
        Column("macs", "MACs", 170),
        Column("fused", "fused", 180, is_left=True),
        Column("runs", "runs", 118),
        Column("parameters", "parameters", 200),
    )


# Of op types and modules: sums over all executions.
GROUP_COLUMNS = (
    Column("name", "", 0, is_left=True, gives=18),
    Column("ops", "ops", 60),
    Column("parameters", "parameters", 80),
    Column("flops", "FLOPs", 70),
    Column("time", "time", 0),
    Column("share", "share", 0),
    Column("naive", "naive", 100),
    Column("intensity", "FLOP/B", 110),
    Column("macs", "MACs", 120),
    Column("weights", "weights", 125),
)

# A row a model; their keys are the metrics of `check`.
MODEL_COLUMNS = (
    Column("model", "model", 0, is_left=True, gives=NAME, keeps_end=True),
    Column("ops", "ops", 70),
    Column("macs", "MACs", 80),
    Column("flops", "FLOPs", 0),
    Column("parameters", "parameters", 75),
    Column("moved_bytes", "moved", 90),
    Column("peak_activation_bytes", "activations", 100),
    Column("time_s.placement", "time", 0),
)

TOTAL_COLUMNS = (
    Column("name", "", 0, is_left=True),
    Column("value", "", 0),
    Column("note", "", 0, is_left=True, wraps=True),
)

PLACEMENT_COLUMNS = (
    Column("placement", "placement", 0, is_left=True),
    Column("time", "time", 0),
    Column("kernels", "kernels", 70),
    Column("transfers", "transfers", 60),
    Column("on the PIM", "on the PIM", 80),
    Column("energy", "energy", 80),
)
