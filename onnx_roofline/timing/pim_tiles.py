"""Products by tiles: HBM-PIM, whose blocks hold 8 vector registers and share one command stream a channel.

```
t    = mode switch + passes x (pass + ceil(K / 128) x tile) / (1 - refresh)
tile = stream 64 columns + refill the vector registers + open two rows + turn from write to read
passes = batch x vectors x ceil(outputs / (64 x channels))      the vector is written again for every tile of outputs
```
Source: SAITPublic/PIMSimulator (ini file and command order); held against its runs in docs/time.md.
"""

from onnx_roofline.base.quantities import format_percent, format_si
from onnx_roofline.base.units import ceil_div
from onnx_roofline.hardware import Device, PimModel, TileTiming
from onnx_roofline.ir.kernel_work import KernelWork, Product
from onnx_roofline.timing.pim_parts import PimTime, counted, overhead_s, passes_line, write_in_s


def product_by_tiles(
    device: Device, pim: PimModel, tile: TileTiming, work: KernelWork, product: Product, compute_time_s: float
) -> PimTime:
    """A product of a resident operand that lies in tiles across all channels."""
    width = tile.outputs_per_channel * tile.channels
    passes = product.batch * ceil_div(product.vectors, pim.reuse) * ceil_div(product.outputs, width)
    tiles = passes * ceil_div(product.depth, tile.depth)
    stream_s = max(tiles * tile.stream_s, compute_time_s)
    activate_s = tiles * tile.open_s
    io_s = passes * tile.pass_s + tiles * (tile.refill_s + tile.turn_s) + write_in_s(device, work, product)
    useful = product.batch * product.outputs * product.depth * ceil_div(product.vectors, pim.reuse)
    whole_s = tile.stream_s + tile.open_s + tile.refill_s + tile.turn_s
    columns = format_percent(tile.stream_s / whole_s)
    return PimTime(
        stream_s=stream_s,
        activate_s=activate_s,
        io_s=io_s,
        refresh_s=(stream_s + activate_s + io_s) * (1 / (1 - tile.refresh_share) - 1),
        overhead_s=overhead_s(device, pim, tiles),
        padded_share=max(0.0, 1 - useful / (tiles * width * tile.depth)),
        explanation=(
            passes_line(product, product.batch * ceil_div(product.vectors, pim.reuse), pim),
            f"{counted(tiles, 'tile')} of {format_si(whole_s, 's')}, {columns} of it columns",
        ),
    )
