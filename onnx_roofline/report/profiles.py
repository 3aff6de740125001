"""A hardware profile as rows: figure, value, how far to trust it, source."""

from collections.abc import Iterator, Mapping

from onnx_roofline.base.quantities import format_si
from onnx_roofline.base.yaml_nodes import Node
from onnx_roofline.hardware import Device, Figure, load_device, load_system, profile_kind
from onnx_roofline.hardware.profiles import merged_profile


def profile_rows(name_or_path: str) -> list[tuple[str, str, str, str]]:
    """Rows of one device, or of a system's devices and link; ridges are derived rows.

    Raises ProfileError for a profile that is not there or not valid.
    """
    if profile_kind(name_or_path) != "system":
        return _device_rows(load_device(name_or_path))
    system = load_system(name_or_path)
    rows = [("system", system.name, "", ""), ("concurrency", system.concurrency, "", "")]
    rows += _figures("", system.pair[2].figures)
    for device in system.devices:
        rows += _device_rows(device)
    return rows


def _device_rows(device: Device) -> list[tuple[str, str, str, str]]:
    prefix = device.slug
    rows = [(prefix, f"{device.name} ({device.kind})", "", "")]
    rows += _figures(f"{prefix}.", device.figures)
    for dtype in device.peaks_flops_per_s:
        ridge = device.ridge(dtype)
        if ridge is not None:
            bandwidth = format_si(device.bandwidth_bytes_per_s, "B/s")
            rows.append((f"{prefix}.ridge.{dtype}", f"{ridge:.4g} FLOP/B", "derived", f"peak / {bandwidth}"))
    rows += [(f"{prefix}.note.{path}", text, "", "") for path, text in device.notes.items()]
    return rows


def _figures(prefix: str, figures: Mapping[str, Figure]) -> list[tuple[str, str, str, str]]:
    return [(prefix + path, f"{figure.value:g}", figure.label, figure.source) for path, figure in figures.items()]


def profile_yaml(name_or_path: str) -> Iterator[str]:
    """A profile as one file, with all that it starts from: a file of one's own begins with that.

    Raises ProfileError for a profile that is not there or not valid.
    """
    profile_rows(name_or_path)  # reports what is wrong with it
    entries, sources = merged_profile(name_or_path)
    for key, node in entries.items():
        yield f"{key}: {_flow(node)}"
    yield "sources:"
    for path, node in sources.items():
        yield f"  {path}: {_flow(node)}"


def _flow(node: Node) -> str:
    """A value on one line."""
    if node.kind == "mapping":
        return "{" + ", ".join(f"{key}: {_flow(entry)}" for key, entry in node.entries.items()) + "}"
    if node.kind == "sequence":
        return "[" + ", ".join(map(_flow, node.items)) + "]"
    text = node.characters
    is_plain = not node.quoted and text and not set(text) & set("{}[],:#&*!|>%@\"'`\\") and text[0] not in "-?"
    return text if is_plain else '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def new_profile(parent: str) -> Iterator[str]:
    """The lines of a new device profile; a variant of `parent` where one is named.

    Raises ProfileError for a parent that is not there or not valid.
    """
    if parent:
        bandwidth = load_device(parent).figures
        path = next(
            name for name in ("bandwidth_gb_per_s.external", "bandwidth_gb_per_s.internal") if name in bandwidth
        )
        side = path.partition(".")[2]
        yield "schema: 1"
        yield f"extends: {parent}"
        yield f"name: A variant of {parent}"
        yield f"bandwidth_gb_per_s: {{{side}: {bandwidth[path].value:g}}}"
        yield f'sources: {{{path}: {{source: "where the figure stands", label: read}}}}'
        return
    yield "schema: 1"
    yield "name: My GPU"
    yield "kind: gpu"
    yield "peak_tflops: {float16: 100, tf32: 50, float32: 20, int64: 5, bool: 10}  # dense"
    yield "vector_tflops: {float16: 40, float32: 20}  # outside the matrix units"
    yield "special_gops: 1250  # a sixteenth of the float32 rate on most"
    yield "sm_count: 80"
    yield "bandwidth_gb_per_s: {external: 1000, l2: 2500}"
    yield "capacity_gb: 24"
    yield "cache_mb: 40"
    yield "launch_us: 2.5"
    yield "dispatch_us: 8"
    yield "sources:"
    yield '  all: {source: "where the figures stand", label: assumed}'
