"""The caches of keys and values as the header of the report, and as JSON."""

from onnx_roofline.analysis.caches import CacheSummary, CacheUse
from onnx_roofline.base.quantities import format_si
from onnx_roofline.base.text import visible
from onnx_roofline.report import contract

# Caches that are copied, or may be some, that the line names, kernels of each, and characters of a name.
_SHOWN, _SHOWN_KERNELS, _WIDTH = 2, 2, 44


def caches_line(caches: CacheSummary) -> str:
    """What caches were found and what a run moves of them; what is copied whole, at what cost, and what may be one.

    Empty where there is nothing to say.
    """
    parts = []
    if caches.found:
        moved = f"{format_si(caches.read_bytes, 'B')} read and {format_si(caches.written_bytes, 'B')} written per run"
        stated = sum(one.is_stated for one in caches.found)
        parts.append(f"{len(caches.found):,} found{f' ({stated:,} stated)' if stated else ''}, {moved}")
    elif caches.suspects:
        parts.append("none found")
    copied = [one for one in caches.found if one.copied_bytes]
    if copied:
        more = f" and {len(copied) - _SHOWN:,} more" if len(copied) > _SHOWN else ""
        shown = ", ".join(map(_copied, copied[:_SHOWN])) + more
        parts.append(f"COPIED whole, {format_si(caches.copied_bytes, 'B')} of that: {shown}")
    for one in caches.suspects[:_SHOWN]:
        name, output = visible(one.name, _WIDTH), visible(one.output, _WIDTH)
        cost = format_si(one.copied_bytes, "B")
        parts.append(
            f"{name} may be one, COPIED whole to {output}, {cost}: --cache {name}={output} or --no-cache {name}"
        )
    if len(caches.suspects) > _SHOWN:
        parts.append(f"{len(caches.suspects) - _SHOWN:,} more may be")
    return f"caches: {' · '.join(parts)}" if parts else ""


def _copied(one: CacheUse) -> str:
    """`past_k by 1:Concat`: a cache and the kernels that copy it."""
    kernels = ", ".join(visible(key, _WIDTH) for key in one.copied_by[:_SHOWN_KERNELS])
    more = len(one.copied_by) - _SHOWN_KERNELS
    return f"{visible(one.name, _WIDTH)} by {kernels}" + (f" and {more:,} more" if more > 0 else "")


def caches_record(caches: CacheSummary) -> contract.Caches:
    """The member `caches` of the annotated graph."""
    return contract.Caches(
        read_bytes=caches.read_bytes,
        written_bytes=caches.written_bytes,
        copied_bytes=caches.copied_bytes,
        found=tuple(
            contract.Cache(
                name=one.name,
                origin="stated" if one.is_stated else "found",
                outputs=one.outputs,
                size_bytes=one.size_bytes,
                read_bytes=one.read_bytes,
                written_bytes=one.written_bytes,
                copied_bytes=one.copied_bytes,
                copied_by=one.copied_by,
            )
            for one in caches.found
        ),
        suspected=tuple(contract.SuspectedCache(one.name, one.output, one.copied_bytes) for one in caches.suspects),
    )
