"""The command `fit`."""

import argparse

from onnx_roofline.base.errors import UsageError
from onnx_roofline.cli.exit_codes import BROKEN, DONE
from onnx_roofline.cli.model_runs import warned
from onnx_roofline.cli.printing import print_first_line, print_table


def run_fit(options: argparse.Namespace) -> int:
    """Whether a model fits the memory of each device, and up to which batch and length."""
    from onnx_roofline.load import parse
    from onnx_roofline.report.footprint import largest_rows, memory_rows
    from onnx_roofline.what_if.largest import largest_fits, open_dims

    analysis = warned(options)
    own = {name: dim for name, dim in analysis.model.dims.items() if not dim.is_computed}
    dims = open_dims(own, tuple(options.largest))
    devices = [device for device in analysis.system.devices if device.capacity_bytes is not None]
    if options.largest and not devices:
        raise UsageError(f"{analysis.system.slug}: no device states a capacity_gb; name another with --system")
    parsed = parse(options.model, analysis.settings.limits) if dims and devices else None
    found = [
        one
        for name in dims
        if parsed is not None
        for one in largest_fits(parsed, analysis.settings, analysis.system, name, devices, own[name].value)
    ]
    print_first_line(analysis)
    header = ("device", "weights", "caches", "activations", "in all", "of", "fits")
    print_table(header, memory_rows(analysis))
    if found:
        print_table(("dim", "device", "largest", "takes", "one more"), largest_rows(found))
    fits = [analysis.footprint.fits(device) for device in devices]
    return BROKEN if fits and not any(fits) else DONE
