"""A profile that starts from another: its own keys win, the rest is the other's, with the other's sources."""

from collections.abc import Callable, Mapping

from msgspec import Struct
from msgspec.structs import replace

from onnx_roofline.base.yaml_nodes import Node, Problems

# Longest chain of profiles that start from one another.
MAX_CHAIN = 8
_OWN_ALWAYS = ("extends", "sources")


class Layer(Struct, frozen=True):
    """One file of a chain: the dotted paths of its values and its sources by path."""

    paths: frozenset[str]
    sources: Mapping[str, Node]

    def holds(self, path: str) -> bool:
        """Whether the value at a path, or a part of it, stands in this file."""
        return path in self.paths or any(own.startswith(f"{path}.") for own in self.paths)


class Extended(Struct, frozen=True):
    """The merged root of a profile and the files that it comes from, its own first."""

    root: Node
    layers: tuple[Layer, ...]


def extended(root: Node, parent_of: Callable[[Node], Node | None]) -> Extended:
    """A profile with all that it inherits; `parent_of` reads the file that an `extends` node names, or reports.

    Values of the other files stand at the line of `extends`, where their problems are reported.
    """
    layers = [layer_of(root)]
    merged, node = root, root.entries.get("extends")
    while node is not None:
        if len(layers) > MAX_CHAIN:
            root.report(f"found a chain of more than {MAX_CHAIN} profiles; does one start from itself?")
            break
        parent = parent_of(node)
        if parent is None or parent.kind != "mapping":
            break
        layers.append(layer_of(parent))
        line = root.entries["extends"].line
        merged = _merged(merged, _moved(parent, root.problems, line), top=True)
        node = parent.entries.get("extends")
    return Extended(merged, tuple(layers))


def all_sources(found: Extended) -> dict[str, Node]:
    """The sources of a merged profile: those of the one file, or of each figure what stands for it in its file."""
    if len(found.layers) == 1:
        return dict(found.layers[0].sources)
    sources: dict[str, Node] = {}
    for depth, layer in enumerate(found.layers):
        for path in sorted(layer.paths):
            if any(nearer.holds(path) for nearer in found.layers[:depth]):
                continue
            covering = next((parent for parent in parents_of(path) if parent in layer.sources), None)
            if covering is not None:
                # What a PIM can do is stated in parts that have no source of their own.
                sources.setdefault(covering if path.startswith("pim.") else path, layer.sources[covering])
    return sources


def parents_of(path: str) -> tuple[str, ...]:
    """A dotted path, its parents and `all`, nearest first.

    >>> parents_of("energy.mac_pj")
    ('energy.mac_pj', 'energy', 'all')
    """
    parts = path.split(".")
    return (*(".".join(parts[:count]) for count in range(len(parts), 0, -1)), "all")


def layer_of(root: Node) -> Layer:
    """The values and sources of one file."""
    sources = root.entries.get("sources")
    entries = sources.entries if sources is not None and sources.kind == "mapping" else {}
    paths: set[str] = set()
    waiting = [node for key, node in root.entries.items() if key not in _OWN_ALWAYS]
    while waiting:
        node = waiting.pop()
        if node.kind == "mapping" and node.entries:
            waiting.extend(node.entries.values())
        else:
            paths.add(node.path)
    return Layer(frozenset(paths), entries)


def _merged(own: Node, other: Node, *, top: bool = False) -> Node:
    if own.kind != "mapping" or other.kind != "mapping":
        return own
    skipped = _OWN_ALWAYS if top else ()
    entries = {key: node for key, node in other.entries.items() if key not in skipped}
    for key, node in own.entries.items():
        entries[key] = _merged(node, entries[key]) if key in entries else node
    return replace(own, entries=entries)


def _moved(node: Node, problems: Problems, line: int) -> Node:
    """A node of another file, with its problems reported at one line of this one."""
    entries = {key: _moved(entry, problems, line) for key, entry in node.entries.items()}
    items = tuple(_moved(item, problems, line) for item in node.items)
    return replace(node, problems=problems, line=line, entries=entries, items=items)


def unnested(node: Node) -> Node:
    """A mapping within a file as the root of a file of its own: its paths without that of the mapping."""
    prefix = f"{node.path}."

    def moved(one: Node) -> Node:
        entries = {key: moved(entry) for key, entry in one.entries.items()}
        items = tuple(moved(item) for item in one.items)
        return replace(one, path=one.path.removeprefix(prefix), entries=entries, items=items)

    return replace(moved(node), path="")
