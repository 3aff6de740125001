"""The lines above a report: what the figures rest on, and what the model is."""

from collections.abc import Iterable, Mapping, Sequence

from onnx_roofline import plugin
from onnx_roofline.analysis.analyze import Analysis
from onnx_roofline.analysis.settings import Settings
from onnx_roofline.analysis.summary import Summary
from onnx_roofline.base.quantities import format_share, format_si
from onnx_roofline.base.text import plural, visible
from onnx_roofline.ir.graph import Dim
from onnx_roofline.ir.kernel_work import KernelWork
from onnx_roofline.ir.open_records import DataLength, DataLengths, OpenBodies, OpenBody
from onnx_roofline.ir.records import STATUSES, TypedOp
from onnx_roofline.what_if.basis import Basis

# Loops and branches, and lengths that data decide, that the first line names.
SHOWN_BODIES = 4
SHOWN_LENGTHS = 2
# Types of ops that are not covered.
SHOWN_TYPES = 4
# Rules, passes and outputs of one plugin that the first line names.
SHOWN_BROUGHT = 4
# Characters of a name in a row or a line.
NAME_WIDTH = 44


def first_line(analysis: Analysis, named: str = "", variants: int = 1, beside: Sequence[Analysis] = ()) -> str:
    """Coverage, assumed dims and system: what the figures below rest on. `named` stands for the one system.

    Of several `variants` of precision the analysis is the first, and the line says of none what it is. Analyses
    `beside` it are of other systems.
    """
    summary = analysis.summary
    known = summary.ops - summary.unknown_ops
    share = f"{100 * known / summary.ops:.4g} %" if summary.ops else "no ops"
    parts = [f"coverage: {share} of {plural(summary.ops, 'op')} ({_statuses(summary)})"]
    if summary.unknown_ops:
        weight = summary.unknown_bytes_share
        shown = "an unknown share" if weight is None else format_share(weight)
        types = ", ".join(unknown_types(summary)[:SHOWN_TYPES])
        more = " ..." if len(summary.unknown_op_types) > SHOWN_TYPES else ""
        parts.append(f"unknown: {types}{more}, {shown} of the bytes")
    assumed = {name: dim for name, dim in analysis.model.dims.items() if dim.origin == "assumed"}
    if assumed:
        parts.append(f"ASSUMED dims: {_dims(assumed)}")
    overridden = {name: dim for name, dim in analysis.model.dims.items() if dim.is_overridden}
    if overridden:
        fixed = ", ".join(dict.fromkeys(dim.reason.rpartition(" ")[2] for dim in overridden.values()))
        parts.append(f"OVERRIDDEN dims: {_dims(overridden)} (the file fixes {fixed})")
    parts += open_lengths(analysis.model.whole(DataLengths).found)
    parts += open_bodies(analysis.model.whole(OpenBodies).found)
    if analysis.settings.observe:
        parts.append("shapes OBSERVED in one run")
    if analysis.settings.assume_dtype:
        parts.append(f"floating tensors ASSUMED {analysis.settings.assume_dtype}")
    if variants > 1:
        parts.append(f"{variants} precisions")
    elif analysis.settings.quantize:
        count = sum(row.op.is_inserted for row in analysis.model.column(TypedOp).values())
        inserted = f" ({plural(count, 'op')} inserted)" if count else ""
        parts.append(f"QUANTIZED as {analysis.settings.quantize}{inserted}")
    if analysis.settings.figures:
        parts.append("SET " + ", ".join(f"{path}={value:g}" for path, value in analysis.settings.figures.items()))
    if not named:
        parts += misfits(analysis)
    parts.append(named or f"system: {analysis.system.slug}")
    maths: dict[str, list[str]] = {}
    for one in (analysis, *beside):
        maths.setdefault(_float32_math(one), []).append(one.system.slug)
    for math, slugs in maths.items():
        if math:
            on = f" on {', '.join(slugs)}" if len(maths) > 1 else ""
            parts.append(f"float32 products as {math}{on} (--math)")
    parts += [f"plugin {visible(name, 40)}: {_brought(what)}" for name, what in plugin.brought().items()]
    return " · ".join(parts)


def unknown_types(summary: Summary) -> list[str]:
    """Types of the ops that are not covered, `Relu (bytes)` where only the bytes are unknown."""
    return [
        visible(name, 40) + ("" if name in summary.uncounted_op_types else " (bytes)")
        for name in sorted(summary.unknown_op_types, key=lambda name: name not in summary.uncounted_op_types)
    ]


def misfits(analysis: Analysis) -> list[str]:
    """`DOES NOT FIT a100-sxm-80gb: 161.2 GB of 80 GB`, where the GPU can't hold the whole model; a PIM needs not."""
    found, gpu = analysis.footprint, analysis.system.gpu
    return [f"DOES NOT FIT {gpu.slug}: {found.of_capacity(gpu)}"] if found.fits(gpu) is False else []


def _brought(what: Sequence[str]) -> str:
    """What a plugin has brought: `rule acme.Swish, output names`."""
    shown = ", ".join(visible(one, 40) for one in what[:SHOWN_BROUGHT])
    return (shown or "nothing") + (f" and {len(what) - SHOWN_BROUGHT} more" if len(what) > SHOWN_BROUGHT else "")


def _float32_math(analysis: Analysis) -> str:
    """In what a GPU runs float32 products, where it has a choice and the model has some; else ""."""
    gpu = analysis.system.gpu.gpu
    if gpu is None or "tf32" not in gpu.matrix_flops_per_s or analysis.settings.pim_model != "full":
        return ""
    works = (work for work in analysis.model.column(KernelWork).values() if work.products and work.dtype == "float32")
    return next((work.math or "fp32" for work in works), "")


def _statuses(summary: Summary) -> str:
    return ", ".join(f"{count:,} {status}" for status, count in summary.status_counts.items() if count) or "none"


def _dims(dims: Mapping[str, Dim]) -> str:
    own = {name: dim for name, dim in dims.items() if not dim.is_computed}
    shown = [f"{visible(name, 40)}={dim.value}" for name, dim in list(own.items())[:6]]
    return ", ".join(shown) + (f" and {len(own) - 6} more" if len(own) > 6 else "")


def open_lengths(found: Iterable[DataLength]) -> list[str]:
    """Lengths that data decide and nobody stated: how many ops hang on each, and the option that states it."""
    opened = [one for one in found if one.origin != "bound"]
    parts = []
    for one in opened[:SHOWN_LENGTHS]:
        hang = f"{plural(one.ops, 'op')} hang{'s' if one.ops == 1 else ''} on {visible(one.key, NAME_WIDTH)}"
        taken = f"length unknown, ASSUMED {one.value:,}" if one.origin == "assumed" else f"length AT MOST {one.value:,}"
        parts.append(f"{hang}, {taken}: {visible(one.option, 2 * NAME_WIDTH)}, or --observe")
    if len(opened) > SHOWN_LENGTHS:
        parts.append(f"{len(opened) - SHOWN_LENGTHS} more lengths that data decide")
    return parts


def basis_parts(basis: Basis, settings: Settings) -> list[str]:
    """What the figures of many runs rest on beside dims and systems: the precision, and what nobody states or knows.

    Of a length that data decide each size may have another bound, so that none is named.
    """
    parts = []
    if settings.assume_dtype:
        parts.append(f"floating tensors ASSUMED {settings.assume_dtype}")
    if settings.quantize:
        parts.append(f"QUANTIZED as {settings.quantize}")
    unsure = [f"{basis.statuses[one]:,} {one}" for one in STATUSES if one != "exact" and basis.statuses.get(one)]
    if unsure:
        parts.append(f"of {plural(sum(basis.statuses.values()), 'op')} {', '.join(unsure)}")
    opened = [one for one in basis.lengths if one.origin != "bound"]
    for one in opened[:SHOWN_LENGTHS]:
        hang = f"{plural(one.ops, 'op')} hang{'s' if one.ops == 1 else ''} on {visible(one.key, NAME_WIDTH)}"
        taken = "length unknown, ASSUMED" if one.origin == "assumed" else "length AT MOST"
        parts.append(f"{hang}, {taken}: {visible(one.option, 2 * NAME_WIDTH)}")
    if len(opened) > SHOWN_LENGTHS:
        parts.append(f"{len(opened) - SHOWN_LENGTHS} more lengths that data decide")
    return parts


def open_bodies(found: Iterable[OpenBody]) -> list[str]:
    """What is taken for loops and branches of which nobody says how often they run, and the option that says it."""
    titles = {
        ("trips", "assumed"): "ASSUMED trips",
        ("trips", "data"): "trips AT MOST",
        ("branch", "assumed"): "ASSUMED branches",
        ("branch", "data"): "COSTLIER branches",
    }
    groups: dict[str, list[OpenBody]] = {title: [] for title in titles.values()}
    for one in found:
        groups[titles[one.kind, one.origin]].append(one)
    parts = []
    for title, group in groups.items():
        if group:
            shown = ", ".join(f"{visible(one.key, NAME_WIDTH)}={one.taken}" for one in group[:SHOWN_BODIES])
            more = f" and {len(group) - SHOWN_BODIES} more" if len(group) > SHOWN_BODIES else ""
            parts.append(f"{title}: {shown}{more} ({visible(group[0].option, 2 * NAME_WIDTH)})")
    return parts


def model_line(analysis: Analysis) -> str:
    """The file, its opsets, size and producer, and how it was analysed."""
    info, summary = analysis.model.info, analysis.summary
    opsets = ", ".join(f"{visible(domain, 40)} {version}" for domain, version in list(info.opsets.items())[:5])
    parts = [
        f"model: {visible(info.path.rpartition('/')[2])}",
        f"opset {opsets}",
        f"{summary.parameters:,} parameters ({format_si(summary.weight_bytes, 'B')})",
    ]
    bound = {name: dim for name, dim in analysis.model.dims.items() if dim.origin == "bound"}
    if bound:
        parts.append(f"dims: {_dims(bound)}")
    if analysis.settings.values:
        stated = (
            f"{visible(name, NAME_WIDTH)}={','.join(map(str, numbers[:SHOWN_BODIES]))}"
            + ("..." if len(numbers) > SHOWN_BODIES else "")
            for name, numbers in analysis.settings.values.items()
        )
        parts.append(f"values: {', '.join(stated)}")
    if info.producer:
        parts.append(visible(info.producer, 60))
    return " · ".join(parts)


def without_time(kernels: int) -> str:
    """`103 kernels without a time`: what a sum of times leaves out."""
    return f"{plural(kernels, 'kernel')} without a time"
