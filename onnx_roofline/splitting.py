"""Splitting one kernel's outputs over both devices at once, where a system lets them work together."""

from dataclasses import replace

from onnx_roofline.analysis import Analysis
from onnx_roofline.caches import Caches
from onnx_roofline.hardware import Device
from onnx_roofline.kernel_facts import facts_of
from onnx_roofline.partition import Split, best_split
from onnx_roofline.pim_time import KernelFacts, PimTimeModel, device_time
from onnx_roofline.records import Kernel
from onnx_roofline.tensor_uses import TensorUses


def split_of(analysis: Analysis, kernel_id: str) -> tuple[Split | None, str]:
    """(the best split of a kernel's outputs, "") or (None, why there is none).

    The resident operand is divided by outputs (rows of a weight), each device reads all of the other operand, and the
    results are joined over the link. Weights lie on both sides only in their own part, so nothing is stored twice.
    """
    system = analysis.system
    if system.concurrency == "exclusive":
        return None, "the devices exclude each other"
    caches = Caches(TensorUses(analysis.model))
    kernel = analysis.model.column(Kernel)[kernel_id]
    facts = {device.slug: facts_of(analysis.model, kernel, device.slug, caches) for device in system.devices}
    gpu, pim = facts[system.gpu.slug], facts[system.pim.slug]
    if gpu is None or pim is None or gpu.product is None or gpu.product.outputs < 2:
        return None, "it is no product with outputs to divide"
    model = analysis.settings.pim_model
    for device, entry in ((system.gpu, gpu), (system.pim, pim)):
        found = device_time(device, entry, model)
        if not found.supported:
            return None, found.reason
    extent = gpu.product.outputs
    share = system.gpu_bandwidth_share if system.concurrency == "partitioned" else 1.0
    alignment = system.pim.pim.align.n if system.pim.pim is not None else 1
    return best_split(
        lambda part: _time_s(system.gpu, gpu, part, model, share),
        lambda part: _time_s(system.pim, pim, part, model, 1.0),
        merge_s=system.link.transfer_s(gpu.out_bytes / 2),
        extent=extent,
        alignment=min(alignment, extent),
    ), ""


def _time_s(device: Device, facts: KernelFacts, share: float, model: PimTimeModel, bandwidth_share: float) -> float:
    """Seconds of a share of the outputs; nothing for none. The operand that is not divided is read whole."""
    if not share or facts.product is None:
        return 0.0
    other = facts.activation_in_bytes
    (product, large_bytes), *others = (
        (replace(product, outputs=max(1, round(product.outputs * share))), round(size * share))
        for product, size in facts.products
    )
    part = replace(
        facts,
        operations=tuple((dtype, round(count * share)) for dtype, count in facts.operations),
        moved_bytes=round(max(0, facts.moved_bytes - other) * share) + min(other, facts.moved_bytes),
        product=product,
        weight_bytes=large_bytes,
        others=tuple(others),
        out_bytes=round(facts.out_bytes * share),
    )
    found = device_time(device, part, model, bandwidth_share=bandwidth_share)
    assert found.total_s is not None
    return found.total_s
