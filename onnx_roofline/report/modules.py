"""Modules of a model: a roll-up cut to some levels, and the tree of them with equal siblings as one row."""

from collections.abc import Iterator, Sequence
from itertools import islice

from msgspec import Struct
from msgspec.structs import replace

from onnx_roofline.analysis.analyze import Analysis
from onnx_roofline.analysis.summary import Group
from onnx_roofline.analysis.weights import Weights
from onnx_roofline.base.module_paths import cut_path, shared_root
from onnx_roofline.ir.records import TypedOp
from onnx_roofline.report.fold import fold_names, folded, numberless

# Levels of a tree where nobody says how many, and the most there are: names of hostile files have any number.
USUAL_DEPTH, DEEPEST = 3, 64
Path = tuple[str, ...]
# What continues under a branch.
_UNDER = {"├─ ": "│  ", "└─ ": "   "}


class ModuleRow(Struct, frozen=True):
    """A module of the tree, or several equal siblings: its own name, the branches before it, and sums over all of them.

    `rest` counts siblings that are not equal and stand together for want of room.
    """

    name: str
    branches: str
    count: int
    group: Group
    rest: int = 0


def merge_modules(groups: tuple[Group, ...], depth: int, weights: Weights) -> tuple[Group, ...]:
    """Module roll-up with paths cut to `depth` levels, of which what all share is one; 0 leaves them whole."""
    if depth <= 0:
        return groups
    parts: dict[str, list[Group]] = {}
    root = shared_root(group.name for group in groups)
    for group in groups:
        parts.setdefault(cut_path(group.name, depth, root), []).append(group)
    merged = [sum_groups(name, found, weights) for name, found in parts.items()]
    return tuple(sorted(merged, key=lambda group: (-group.time_s, -group.flops, group.name)))


def sum_groups(name: str, groups: Sequence[Group], weights: Weights) -> Group:
    """Several groups as one; a weight that several of them read is in it once."""
    if len(groups) == 1:
        return replace(groups[0], name=name)
    readers = tuple(reader for group in groups for reader in group.weight_readers)
    held = weights.of(readers)
    return Group(
        name=name,
        ops=sum(group.ops for group in groups),
        macs=sum(group.macs for group in groups),
        flops=sum(group.flops for group in groups),
        operations=sum(group.operations for group in groups),
        naive_bytes=sum(group.naive_bytes for group in groups),
        time_s=sum(group.time_s for group in groups),
        unknown_ops=sum(group.unknown_ops for group in groups),
        unknown_bytes_ops=sum(group.unknown_bytes_ops for group in groups),
        untimed_kernels=sum(group.untimed_kernels for group in groups),
        parameters=held.parameters,
        weight_bytes=held.weight_bytes,
        weight_readers=readers,
    )


class ModuleTree:
    """The modules of an analysis down to a depth, in the order of the model."""

    def __init__(self, analysis: Analysis, depth: int) -> None:
        self._weights = analysis.summary.weights
        order: dict[str, int] = {}
        for row in analysis.model.column(TypedOp).values():
            order.setdefault(row.op.module, len(order))
        root = shared_root(group.name for group in analysis.summary.by_module)
        below: dict[Path, list[Group]] = {}
        for group in sorted(analysis.summary.by_module, key=lambda group: order.get(group.name, len(order))):
            path = _path(group.name, depth, root)
            for level in range(1, len(path) + 1):
                below.setdefault(path[:level], []).append(group)
        self._sums = {path: sum_groups("/".join(path), found, self._weights) for path, found in below.items()}
        self._children: dict[Path, list[Path]] = {}
        for path in below:
            self._children.setdefault(path[:-1], []).append(path)
        self._same = self._signatures()

    def _signatures(self) -> dict[Path, int]:
        """A number for each module, the same for modules whose figures and whose modules below are the same."""
        known: dict[object, int] = {}
        found: dict[Path, int] = {}
        for path in sorted(self._sums, key=len, reverse=True):
            group = self._sums[path]
            below = tuple((child[-1], found[child]) for child in self._children.get(path, ()))
            # Times are sums of floats, whose order may differ.
            figures = (group.ops, group.flops, group.macs, group.naive_bytes, f"{group.time_s:.9e}", group.parameters,
                       group.weight_bytes, group.unknown_ops, group.untimed_kernels)  # fmt: skip
            found[path] = known.setdefault((figures, below), len(known))
        return found

    def rows(self, most: int | None) -> Iterator[ModuleRow]:
        """The tree from its roots; of more than `most` siblings the dearest, and the others as one row.

        What stands below equal siblings is summed over all of them, so that a module is the sum of what stands in it.
        """
        stack = self._below(((),), "", most)
        while stack:
            one = stack.pop()
            name = "" if one.is_rest else fold_names([path[-1] for path in one.siblings])
            whole = sum_groups(name, [self._sums[path] for path in one.everywhere], self._weights)
            count = len(one.siblings)
            yield ModuleRow(name, one.before + one.branch, count, whole, count if one.is_rest else 0)
            if not one.is_rest:
                stack += self._below(one.everywhere, one.before + _UNDER.get(one.branch, ""), most)

    def _below(self, parents: tuple[Path, ...], before: str, most: int | None) -> "list[_Branch]":
        """What stands below equal modules, the last first."""
        children = self._children.get(parents[0], ())
        groups = folded(children, lambda path: (numberless(path[-1]), self._same[path]))
        kept = set(sorted(groups, key=lambda paths: -sum(self._sums[path].time_s for path in paths))[:most])
        rest = tuple(path for paths in groups if paths not in kept for path in paths)
        found = [(paths, False) for paths in groups if paths in kept] + ([(rest, True)] if rest else [])
        place = {path: number for number, path in enumerate(children)}
        branches = []
        for number, (siblings, is_rest) in enumerate(found):
            # Equal modules have the same modules below them, in the same order.
            everywhere = tuple(self._children[parent][place[path]] for parent in parents for path in siblings)
            branch = "" if not parents[0] else "└─ " if number + 1 == len(found) else "├─ "
            branches.append(_Branch(siblings, everywhere, before, branch, is_rest))
        return branches[::-1]


def _path(name: str, depth: int, root: str) -> Path:
    """The first parts of a module's path; what all modules share is one of them.

    >>> _path("call/model/conv/kernel", 2, "call/model"), _path("a/b/c", 2, "")
    (('call/model', 'conv'), ('a', 'b'))
    """
    if root and f"{name}/".startswith(f"{root}/"):
        return (root, *name[len(root) + 1 :].split("/")[: depth - 1]) if name != root else (root,)
    return tuple(name.split("/")[:depth])


class _Branch(Struct, frozen=True):
    """Equal siblings of one parent, or the rest of its modules; all of them below all parents; what is drawn before."""

    siblings: tuple[Path, ...]
    everywhere: tuple[Path, ...]
    before: str
    branch: str
    is_rest: bool


def module_rows_within(
    analysis: Analysis, depth: int | None, most: int | None, rows: int
) -> tuple[list[ModuleRow], int]:
    """The tree to a depth, and that depth: where none is asked for, the deepest usual one of at most so many rows."""
    if depth is not None:
        depth = depth or DEEPEST
        return list(ModuleTree(analysis, depth).rows(most)), depth
    for level in range(USUAL_DEPTH, 1, -1):
        found = list(islice(ModuleTree(analysis, level).rows(most), rows + 1))
        if len(found) <= rows:
            return found, level
    return list(ModuleTree(analysis, 1).rows(most)), 1
