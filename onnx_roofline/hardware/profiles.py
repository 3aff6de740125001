"""Reads and validates profiles: YAML in datasheet units with a source for every figure."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec.structs import replace

from onnx_roofline.base.errors import ProfileError
from onnx_roofline.base.strict_yaml import parse, read
from onnx_roofline.base.terms import KERNEL_CLASSES
from onnx_roofline.base.text import did_you_mean, shown
from onnx_roofline.base.units import DTYPE_BITS
from onnx_roofline.base.yaml_nodes import Node
from onnx_roofline.hardware.extends import Extended, all_sources, extended, unnested
from onnx_roofline.hardware.figures import (
    GIGA,
    MEGA,
    MICRO,
    PICO,
    TERA,
    Figures,
    optional,
    per_byte,
    scaled,
    text_of,
    whole,
)
from onnx_roofline.hardware.gpu_profile import GPU_KEYS, MATH_TYPES, GpuKeys
from onnx_roofline.hardware.names import shipped_name, slug_of
from onnx_roofline.hardware.pim_profile import read_pim
from onnx_roofline.hardware.records import Concurrency, Constants, Device, Duplex, Figure, Kind, Layout, Link, System

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

DEFAULT_SYSTEM = "teaching"

_SCHEMA = 1
_COMMON_KEYS = ("schema", "name", "kind", "extends", "sources", "notes")
_DEVICE_NUMBERS = ("capacity_gb", "cache_mb", "launch_us")
_DEVICE_PARTS = ("launch_us_by_class", "peak_tflops", "bandwidth_gb_per_s", "efficiency", "energy", "pim", "check")
_DEVICE_KEYS = (*_COMMON_KEYS, *_DEVICE_NUMBERS, *_DEVICE_PARTS, *GPU_KEYS)
_SYSTEM_KEYS = (*_COMMON_KEYS, "gpu", "pim", "link", "layout", "concurrency", "gpu_bandwidth_share_when_active")
_LINK_NUMBERS = ("gb_per_s", "latency_us", "pj_per_bit")
_ENERGY_KEYS = ("dram_pj_per_bit", "cache_pj_per_bit", "mac_pj", "idle_w")
_CHECK_NUMBERS = ("sm_count", "boost_mhz", "memory_mhz", "transfers_per_clock", "bus_bits", "internal_ratio")
_CHECK_BY_DTYPE = ("flop_per_clk_per_sm", "quoted_mhz", "flop_per_byte")

_FREE_LAUNCH = Figure(0.0, "not stated in the profile: launches are counted as free", "assumed")


def shipped_profiles() -> tuple[tuple[str, str, str], ...]:
    """Slug, kind (gpu, pim, cpu, system) and name of every shipped profile, by slug.

    >>> ("teaching", "system", "Teaching GPU and PIM") in shipped_profiles()
    True
    """
    return tuple((slug, *_kind_and_name(slug, entry.read_bytes())) for slug, entry in sorted(_shipped().items()))


def _kind_and_name(slug: str, data: bytes) -> tuple[str, str]:
    """From the head of the file; one that starts from another may have its kind there."""
    head = parse(data, f"{slug}.yaml", until=("kind", "name")).entries
    if "kind" not in head:
        head = _root(slug)[1].root.entries
    return head["kind"].characters, head["name"].characters


def profile_kind(name_or_path: str | os.PathLike[str]) -> str | None:
    """What a profile says that it is (gpu, pim, cpu, system), or None. Raises ProfileError for what can't be read.

    >>> profile_kind("teaching"), profile_kind("teaching-pim")
    ('system', 'pim')
    """
    kind = _root(name_or_path)[1].root.entries.get("kind")
    return None if kind is None else kind.characters


def merged_profile(name_or_path: str | os.PathLike[str]) -> tuple[Mapping[str, Node], Mapping[str, Node]]:
    """(what a profile states with all that it starts from, the sources of that by path), not yet checked."""
    found = _root(name_or_path)[1]
    own = {key: node for key, node in found.root.entries.items() if key not in ("extends", "sources")}
    return own, all_sources(found)


def load_device(name_or_path: str | os.PathLike[str], scale: Mapping[str, float] | None = None) -> Device:
    """The device of a shipped profile (by slug) or of a YAML file (by path). Raises ProfileError with all problems.

    `scale` has factors for figures by `slug.path`: shares stay at most 1, counts whole.

    >>> load_device("teaching-pim").ridge("float32") == 20 / 6
    True
    """
    slug, found, _ = _root(name_or_path)
    return _device(slug, found, scale)


def _device(slug: str, found: Extended, scale: Mapping[str, float] | None) -> Device:
    root = found.root
    kind_node = root.entries.get("kind")
    if kind_node is not None and kind_node.characters == "system":
        raise ProfileError(
            f"{root.problems.name}:{kind_node.line}: found a system, wanted one device; name its gpu or its pim instead"
        )
    entries = _entries(root, _DEVICE_KEYS, ("schema", "name", "kind", "peak_tflops", "bandwidth_gb_per_s"))
    own = {path.removeprefix(f"{slug}."): f for path, f in (scale or {}).items() if path.startswith(f"{slug}.")}
    figures = Figures(entries.get("sources"), own, found.layers)
    name = text_of(entries.get("name"))
    kind: Kind | None = _KINDS.get(text_of(entries.get("kind"), _KINDS) or "")
    all_peaks = figures.numbers(entries.get("peak_tflops"), (*DTYPE_BITS, *MATH_TYPES))
    peaks = {dtype: peak for dtype, peak in all_peaks.items() if dtype not in MATH_TYPES}
    if "peak_tflops" in entries and not entries["peak_tflops"].entries:
        entries["peak_tflops"].report("found no dtype, wanted at least one, such as float16: 312")
    needed = {"gpu": ("external",), "cpu": ("external",), "pim": ("internal",), None: ()}[kind]
    bandwidths = figures.numbers(entries.get("bandwidth_gb_per_s"), ("external", "internal", "l2"), needed)
    if kind in ("gpu", "cpu") and "internal" in bandwidths:
        entries["bandwidth_gb_per_s"].entries["internal"].report("found for no PIM; leave it out or write kind: pim")
    numbers = {key: figures.number(entries.get(key)) for key in _DEVICE_NUMBERS}
    launches = figures.numbers(entries.get("launch_us_by_class"), KERNEL_CLASSES)
    if "launch_us_by_class" in entries and "sm_count" in entries:
        entries["launch_us_by_class"].report("found beside sm_count, whose engines share one launch; keep one")
    energy = figures.numbers(entries.get("energy"), _ENERGY_KEYS)
    efficiency = figures.numbers(entries.get("efficiency"), ("compute", "memory"))
    pim = read_pim(entries.get("pim"), tuple(peaks), figures)
    gpu_keys = GpuKeys(entries, figures)
    if kind in ("gpu", "cpu") and "pim" in entries:
        entries["pim"].report("found for no PIM; leave it out or write kind: pim")
    if kind == "pim" and "efficiency" in entries:
        entries["efficiency"].report("found for a PIM; write pim: {efficiency: {stream: ...}} instead")
    _read_check(entries.get("check"), figures)
    notes = _notes(entries.get("notes"), root)
    sourced = figures.sourced()
    root.problems.raise_if_any()
    assert name is not None, "a profile without a problem has a name"
    assert kind is not None, "and a kind"
    if numbers["launch_us"] is None:
        sourced["launch_us"] = _FREE_LAUNCH
    return Device(
        slug=slug,
        name=name,
        kind=kind,
        peaks_flops_per_s={dtype: scaled(peak, TERA) for dtype, peak in peaks.items()},
        external_bytes_per_s=optional(bandwidths.get("external"), GIGA),
        internal_bytes_per_s=optional(bandwidths.get("internal"), GIGA),
        capacity_bytes=whole(numbers["capacity_gb"], GIGA),
        cache_bytes=whole(numbers["cache_mb"], MEGA),
        launch_s=scaled(numbers["launch_us"] or 0.0, MICRO),
        dram_j_per_byte=per_byte(energy.get("dram_pj_per_bit")),
        cache_j_per_byte=per_byte(energy.get("cache_pj_per_bit")),
        j_per_mac=optional(energy.get("mac_pj"), PICO),
        figures=sourced,
        notes=notes,
        compute_efficiency=efficiency.get("compute", 1.0),
        memory_efficiency=efficiency.get("memory", 1.0),
        idle_w=energy.get("idle_w"),
        pim=pim,
        facts=figures.facts,
        launches_s={kind: scaled(launches[kind], MICRO) for kind in KERNEL_CLASSES if kind in launches},
        gpu=gpu_keys.model(all_peaks, bandwidths, numbers["launch_us"], sourced) if kind == "gpu" else None,
    )


def load_system(
    name_or_path: str | os.PathLike[str] = DEFAULT_SYSTEM, scale: Mapping[str, float] | None = None
) -> System:
    """The system of a shipped profile (by slug) or of a YAML file (by path), with its devices.

    `scale` has factors for figures, by their paths as in `System.assumed`.
    A file names its devices by shipped slug or by a path relative to itself, or has them in it. Raises ProfileError
    with the problems of all the files.

    >>> [device.slug for device in load_system("teaching").devices]
    ['teaching-gpu', 'teaching-pim']
    """
    slug, found, folder = _root(name_or_path)
    root = found.root
    kind_node = root.entries.get("kind")
    if kind_node is not None and kind_node.characters == "pim":
        raise ProfileError(
            f"{root.problems.name}:{kind_node.line}: found a PIM alone, wanted a GPU, a CPU or a system; write a file"
            " with kind: system that names a gpu, a pim and a link"
        )
    if kind_node is not None and kind_node.characters in _KINDS:
        device = load_device(name_or_path, scale)
        return System(device.slug, device.name, device, None, None, "exclusive", {})
    entries = _entries(root, _SYSTEM_KEYS, ("schema", "name", "kind", "gpu", "pim", "link"))
    figures = Figures(entries.get("sources"), scale, found.layers)
    name = text_of(entries.get("name"))
    text_of(entries.get("kind"), ("system",))
    link, duplex, shared_memory = _link(entries.get("link"), figures)
    layout = _layout(entries.get("layout"), figures)
    gpu_share = figures.number(entries.get("gpu_bandwidth_share_when_active"))
    concurrency_text = text_of(entries.get("concurrency"), _CONCURRENCIES) if "concurrency" in entries else "exclusive"
    if "sources" in entries and "concurrency" in entries and "concurrency" in entries["sources"].entries:
        figures.fact(entries["concurrency"], concurrency_text or "")
    notes = _notes(entries.get("notes"), root)
    sourced = figures.sourced()
    elsewhere: list[str] = []
    gpu = _part(entries.get("gpu"), ("gpu", "cpu"), folder, elsewhere, scale)
    pim = _part(entries.get("pim"), ("pim",), folder, elsewhere, scale)
    if gpu is not None and pim is not None and gpu.slug == pim.slug:
        entries["pim"].report(f"found the name {gpu.slug!r} for both devices, wanted two; rename one of the files")
    messages = (*root.problems.lines(), *elsewhere)
    if messages:
        raise ProfileError("\n".join(messages))
    assert name is not None, "a system without a problem has a name"
    assert gpu is not None, "a GPU"
    assert pim is not None, "and a PIM"
    return System(
        slug=slug,
        name=name,
        gpu=gpu,
        pim=pim,
        link=Link(
            bandwidth_bytes_per_s=optional(link.get("gb_per_s"), GIGA),
            latency_s=scaled(link.get("latency_us", 0.0), MICRO),
            j_per_byte=per_byte(link.get("pj_per_bit")),
            figures=sourced,
            duplex=duplex,
            shared_memory=shared_memory,
        ),
        concurrency=_CONCURRENCIES[concurrency_text or "exclusive"],
        notes=notes,
        layout=layout,
        gpu_bandwidth_share=1.0 if gpu_share is None else gpu_share,
        facts=figures.facts,
    )


_KINDS: Mapping[str, Kind] = {"gpu": "gpu", "pim": "pim", "cpu": "cpu"}
_CONCURRENCIES: Mapping[str, Concurrency] = {
    "exclusive": "exclusive", "partitioned": "partitioned", "dual_row_buffer": "dual_row_buffer"
}  # fmt: skip
_DUPLEXES: Mapping[str, Duplex] = {"half": "half", "full": "full"}
_CONSTANTS: Mapping[str, Constants] = {"offline": "offline", "online": "online"}


def _link(node: Node | None, figures: Figures) -> tuple[dict[str, float], Duplex, bool]:
    """The numbers of a link, its duplex and whether both devices see one memory, which needs no numbers."""
    known = (*_LINK_NUMBERS, "duplex", "shared_memory")
    stated = None if node is None else node.entries.get("shared_memory")
    shared = bool(stated is not None and stated.boolean())
    entries = {} if node is None else node.mapping(known, () if shared else ("gb_per_s", "latency_us"))
    found = {key: figures.number(entries.get(key)) for key in _LINK_NUMBERS}
    for key in ("duplex", "shared_memory"):
        if key in entries:
            figures.fact(entries[key], entries[key].characters)
    duplex = _DUPLEXES.get(text_of(entries.get("duplex"), _DUPLEXES) or "", "full")
    return {key: value for key, value in found.items() if value is not None}, duplex, shared


def _layout(node: Node | None, figures: Figures) -> Layout | None:
    if node is None:
        return None
    entries = node.mapping(("relayout_gb_per_s", "constants"), ("constants",))
    constants = _CONSTANTS.get(text_of(entries.get("constants"), _CONSTANTS) or "", "offline")
    if "constants" in entries:
        figures.fact(entries["constants"], constants)
    return Layout(optional(figures.number(entries.get("relayout_gb_per_s")), GIGA), constants)


def _entries(root: Node, known: tuple[str, ...], required: tuple[str, ...]) -> Mapping[str, Node]:
    """The entries of a profile; one that starts from another needs no sources where it states no figure of its own."""
    entries = root.mapping(known, required if "extends" in root.entries else (*required, "sources"))
    schema = entries["schema"].integer() if "schema" in entries else None
    if schema not in (None, _SCHEMA):
        entries["schema"].report(f"found {schema}, wanted {_SCHEMA}; this version reads no other form of profile")
    return entries


def _read_check(node: Node | None, figures: Figures) -> None:
    """The figures that `lint` recomputes the peaks and the bandwidth from."""
    entries = {} if node is None else node.mapping((*_CHECK_NUMBERS, *_CHECK_BY_DTYPE))
    for key, entry in entries.items():
        if key in _CHECK_BY_DTYPE:
            figures.numbers(entry, tuple(DTYPE_BITS))
        else:
            figures.number(entry)


def _notes(node: Node | None, root: Node) -> dict[str, str]:
    """Remarks by the dotted path of what they are about."""
    entries = {} if node is None else node.mapping()
    for path, entry in entries.items():
        if path.split(".")[0] not in root.entries:
            entry.report("found a note about a key that the file does not have; use the dotted path of a key")
    return {path: text for path, entry in entries.items() if (text := entry.text()) is not None}


def _part(
    node: Node | None,
    kinds: tuple[Kind, ...],
    folder: Path | None,
    elsewhere: list[str],
    scale: Mapping[str, float] | None,
) -> Device | None:
    """The device that a system names, or that stands in it; problems of a file of its own go to `elsewhere`."""
    if node is not None and node.kind == "mapping":
        return _device_within(node, kinds, folder, scale)
    reference = text_of(node)
    if node is None or reference is None:
        return None
    relative = folder is not None and reference not in _shipped() and _looks_like_path(reference)
    try:
        device = load_device(folder / reference if folder is not None and relative else reference, scale)
    except ProfileError as error:
        if relative or reference in _shipped():
            elsewhere.append(str(error))
        else:
            node.report(str(error))
        return None
    if device.kind not in kinds:
        node.report(f"found {reference!r}, a {device.kind}, wanted a {' or '.join(kinds)}")
        return None
    return device


def _device_within(
    node: Node, kinds: tuple[Kind, ...], folder: Path | None, scale: Mapping[str, float] | None
) -> Device | None:
    """The device that stands in the file of its system, called by its name in small letters; None where it is reported.

    Its figures have the paths that they have in a file of its own. Its kind is that of its key, its schema the file's.
    """
    root = unnested(node)
    named = root.entries.get("name")
    slug = slug_of(named.characters.lower()) if named is not None else node.path
    implied = {"schema": str(_SCHEMA)} | ({} if "extends" in root.entries else {"kind": kinds[0]})
    lines = {key: Node("scalar", node.line, key, node.problems, text) for key, text in implied.items()}
    found = extended(replace(root, entries={**lines, **root.entries}), lambda parent: _parent(parent, folder))
    try:
        device = _device(slug, found, scale)
    except ProfileError:
        return None  # The problems are those of the system's file, which is refused for them.
    if device.kind not in kinds:
        node.report(f"found a {device.kind}, wanted a {' or '.join(kinds)}")
        return None
    return device


def _root(name_or_path: str | os.PathLike[str]) -> tuple[str, Extended, Path | None]:
    """Slug, merged root and folder (None for a shipped profile). Raises ProfileError for what can't be read."""
    slug, root, folder = _own_root(name_or_path)
    return slug, extended(root, lambda node: _parent(node, folder)), folder


def _parent(node: Node, folder: Path | None) -> Node | None:
    """The file that `extends` names: a shipped slug or a path relative to the file; None where that is reported."""
    reference = node.text()
    if reference is None:
        return None
    relative = folder is not None and reference not in _shipped() and _looks_like_path(reference)
    try:
        return _own_root(folder / reference if folder is not None and relative else reference)[1]
    except ProfileError as error:
        node.report(str(error))
        return None


def _own_root(name_or_path: str | os.PathLike[str]) -> tuple[str, Node, Path | None]:
    text = os.fspath(name_or_path)
    shipped = _shipped()
    if isinstance(name_or_path, str) and not _looks_like_path(text):
        text = shipped_name(text, shipped, lambda slug: _kind_and_name(slug, shipped[slug].read_bytes())[0])
    if text in shipped and isinstance(name_or_path, str):
        return text, parse(shipped[text].read_bytes(), f"{text}.yaml"), None
    if not isinstance(name_or_path, str) or _looks_like_path(text):
        path = Path(text)
        return slug_of(path.stem), read(path), path.parent
    guess = did_you_mean(text, shipped, listed=False)
    where = f"onnx-roofline hw list names the {len(shipped)} that there are; a file's path ends in .yaml"
    if "," in text:
        advice = "analyze alone puts several side by side, of one model"
        raise ProfileError(f"found several systems, {shown(text)}, wanted one: {advice}")
    raise ProfileError(f"found no shipped profile {shown(text)}{guess} ({where})")


def _looks_like_path(text: str) -> bool:
    return "/" in text or os.sep in text or text.endswith((".yaml", ".yml"))


def _shipped() -> "dict[str, Traversable]":
    from importlib.resources import files  # costs 10 ms, which `--help` need not pay

    entries = files("onnx_roofline.hw_profiles").iterdir()
    return {entry.name.removesuffix(".yaml"): entry for entry in entries if entry.name.endswith(".yaml")}
