"""The figures and facts of a profile while it is read: each needs a source, and each source something to stand for."""

from collections.abc import Mapping
from decimal import Decimal

from onnx_roofline.base.text import did_you_mean
from onnx_roofline.base.yaml_nodes import Node
from onnx_roofline.hardware.extends import Layer, parents_of
from onnx_roofline.hardware.records import Fact, Figure, Label

# Powers of ten from the unit of a key to the base unit.
TERA, GIGA, MEGA, MICRO, NANO, PICO = 12, 9, 6, -6, -9, -12
_BITS_PER_BYTE = 8
_LABELS: Mapping[str, Label] = {
    "read": "read", "measured": "measured", "fitted": "fitted", "derived": "derived", "assumed": "assumed"
}  # fmt: skip
# Keys whose figure may be 0: times that a machine may hide, and shares that may be nothing.
_MAY_BE_ZERO = (
    "launch_us", "dispatch_us", "block_us", "row_step_us", "latency_us", "mode_switch_us", "fence_ns", "t_rp_ns",
    "refresh_share", "idle_w",
)  # fmt: skip
_TIMES_BY_CLASS = "launch_us_by_class."
# Keys whose figure is a share of something: at most 1.
_SHARES = (
    "refresh_share", "stream", "compute", "memory", "gpu_bandwidth_share_when_active", "sustained", "bandwidth",
    "exposed_special",
)  # fmt: skip
# Mappings whose figures all are shares.
_OF_SHARES = ("sustained", "bandwidth_share")


class Figures:
    """The numbers and texts of one profile, each waiting for its source; figures at paths in `scale` are scaled."""

    def __init__(
        self, sources: Node | None, scale: Mapping[str, float] | None = None, layers: tuple[Layer, ...] = ()
    ) -> None:
        self._sources = sources
        self._layers = layers
        self._scale = scale or {}
        self._nodes: dict[str, tuple[Node, float | None]] = {}
        self._stated: dict[str, float] = {}
        self._facts: dict[str, tuple[Node, str]] = {}
        self.facts: dict[str, Fact] = {}  # filled by `sourced`

    def number(self, node: Node | None) -> float | None:
        """The number at a node, noted as a figure; None when it is absent or reported."""
        if node is None:
            return None
        key = node.path.rpartition(".")[2]
        value = node.number(zero=key in _MAY_BE_ZERO or node.path.startswith(_TIMES_BY_CLASS))
        of = node.path.rpartition(".")[0]
        is_share = key in _SHARES or of.partition(".")[0] in _OF_SHARES or of == "pim.efficiency"
        if value is not None and is_share and value > 1:
            node.report(f"found {value:g}, wanted a share of at most 1")
            value = None
        if value is not None:
            self._stated[node.path] = value
        if value is not None and node.path in self._scale:
            value *= self._scale[node.path]
            value = min(1.0, value) if is_share else value
        self._nodes[node.path] = node, value
        return value

    def numbers(self, node: Node | None, keys: tuple[str, ...], required: tuple[str, ...] = ()) -> dict[str, float]:
        """The numbers of a mapping by key, noted as figures."""
        entries = {} if node is None else node.mapping(keys, required)
        found = {key: self.number(entry) for key, entry in entries.items()}
        return {key: value for key, value in found.items() if value is not None}

    def count(self, node: Node | None) -> int | None:
        """A whole number of at least 1, noted as a figure."""
        if node is None:
            return None
        value = node.integer(minimum=1)
        if value is not None and node.path in self._scale:
            value = max(1, round(value * self._scale[node.path]))
        self._nodes[node.path] = node, None if value is None else float(value)
        return value

    def stated(self, path: str) -> float | None:
        """The number that the profile itself has at a path, whatever it is scaled to; None where it has none."""
        return self._stated.get(path)

    def fact(self, node: Node, value: str) -> None:
        """Notes something that is stated in words and needs a source like a figure."""
        self._facts[node.path] = node, value

    def sourced(self) -> dict[str, Figure]:
        """Every figure with its source: that of its own path, of the nearest parent, or of `all`.

        To be called once, after everything was read: it reports what has no source, and sources of nothing.
        """
        entries = {} if self._sources is None else self._sources.mapping()
        own = {path: _source(node) for path, node in entries.items()}
        used: set[str] = set()
        figures: dict[str, Figure] = {}
        for path, (node, value) in self._nodes.items():
            source = self._covering(path, node, own, used)
            if source is not None and value is not None:
                figures[path] = Figure(value, *source)
        for path, (node, text) in self._facts.items():
            source = self._covering(path, node, own, used)
            if source is not None:
                self.facts[path] = Fact(text, *source)
        known = (*self._nodes, *self._facts)
        for path, node in entries.items():
            if path not in used:
                node.report(f"found a source for no figure here{did_you_mean(path, known, listed=False)}")
        return figures

    def _covering(
        self, path: str, node: Node, own: Mapping[str, tuple[str, Label] | None], used: set[str]
    ) -> tuple[str, Label] | None:
        """The source that stands for `path` in the file that states it; reported where there is none."""
        layer = next((one for one in self._layers if one.holds(path)), None)
        inherited = layer is not None and layer is not self._layers[0]
        known: Mapping[str, object] = own if layer is None or not inherited else layer.sources
        covering = next((parent for parent in parents_of(path) if parent in known), None)
        if covering is None:
            node.report(f"found no source; add {path} (or a parent of it, or all) under sources")
            return None
        if layer is not None and inherited:
            return _source(layer.sources[covering])
        used.add(covering)
        return own[covering]


def scaled(value: float, power: int) -> float:
    """value * 10**power, rounded once: 6.9 microseconds are 6.9e-06 s.

    >>> scaled(6.9, MICRO)
    6.9e-06
    """
    return float(Decimal(repr(value)).scaleb(power))


def optional(value: float | None, power: int) -> float | None:
    """As `scaled`, None where nothing is stated."""
    return None if value is None else scaled(value, power)


def whole(value: float | None, power: int) -> int | None:
    """As `scaled`, as a whole number."""
    return None if value is None else int(Decimal(repr(value)).scaleb(power))


def per_byte(pj_per_bit: float | None) -> float | None:
    """J per byte."""
    return None if pj_per_bit is None else float(_BITS_PER_BYTE * Decimal(repr(pj_per_bit)).scaleb(PICO))


def text_of(node: Node | None, choices: Mapping[str, object] | tuple[str, ...] = ()) -> str | None:
    """The text of a node that may be absent; with `choices`, one of them."""
    return None if node is None else node.text(choices)


def _source(node: Node) -> tuple[str, Label] | None:
    entries = node.mapping(("source", "label"), ("source", "label"))
    text = text_of(entries.get("source"))
    label = _LABELS.get(text_of(entries.get("label"), _LABELS) or "")
    return None if text is None or label is None else (text, label)
