"""Laws of the activations alive at once, on random graphs, against every order in which the kernels could run."""

import itertools
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import onnx
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec import Struct
from onnx import TensorProto, helper
from small_models import analysed, save

from onnx_roofline.analysis.analyze import Analysis
from onnx_roofline.ir.records import Kernel, Live

FLOAT = TensorProto.FLOAT
FULL, ROW = (4, 4), (4, 1)
laws = settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
# Orders of more kernels than this are not all tried.
MOST_KERNELS = 6


class Drawn(Struct, frozen=True):
    """A random graph: nodes with the shape of each tensor, two inputs, and the outputs."""

    nodes: tuple[onnx.NodeProto, ...]
    shapes: Mapping[str, tuple[int, int]]
    outputs: tuple[str, ...]

    def analysed(self, backend: str) -> Analysis:
        """The graph through all passes."""
        with tempfile.TemporaryDirectory() as folder:
            values = {name: (FLOAT, self.shapes[name]) for name in self.shapes}
            inputs, outputs = {name: values[name] for name in "ab"}, {name: values[name] for name in self.outputs}
            weight = helper.make_tensor("w", FLOAT, FULL, bytes(64), raw=True)
            return analysed(save(Path(folder), self.nodes, inputs, outputs, [weight]), backend)

    def root(self, name: str) -> str:
        """The tensor that a view is of."""
        views = {node.output[0]: node.input[0] for node in self.nodes if node.op_type == "Identity"}
        while name in views:
            name = views[name]
        return name

    def bytes(self, name: str) -> int:
        """Of a tensor of float32."""
        return 4 * self.shapes[name][0] * self.shapes[name][1]


@st.composite
def drawn_graphs(draw: st.DrawFn, kinds: Sequence[str], size: int) -> Drawn:
    """Up to `size` nodes, each of earlier tensors; what nobody reads is an output, and perhaps another one."""
    shapes: dict[str, tuple[int, int]] = {"a": FULL, "b": FULL}
    nodes = []
    for number in range(draw(st.integers(1, size))):
        kind, names = draw(st.sampled_from(kinds)), st.sampled_from([*shapes])
        first, second, name = draw(names), draw(names), f"t{number}"
        shape = shapes[first]
        if kind == "MatMul" and shape == FULL:
            nodes.append(helper.make_node("MatMul", [first, "w"], [name]))
        elif kind == "ReduceMax" and shape == FULL:
            nodes.append(helper.make_node("ReduceMax", [first], [name], keepdims=1, noop_with_empty_axes=0))
            shape = (1, 1)
        elif kind == "Add":
            nodes.append(helper.make_node("Add", [first, second], [name]))
            shape = (max(shape[0], shapes[second][0]), max(shape[1], shapes[second][1]))
        else:
            nodes.append(helper.make_node("Identity" if kind == "Identity" else "Exp", [first], [name]))
        shapes[name] = shape
    read = {name for node in nodes for name in node.input}
    made = [name for name in shapes if name not in "ab"]
    outputs = {name for name in made if name not in read} | set(draw(st.lists(st.sampled_from(made), max_size=1)))
    return Drawn(tuple(nodes), shapes, tuple(sorted(outputs)))


class Task(Struct, frozen=True):
    """A kernel of some nodes: the tensors that it needs and those that it leaves behind."""

    id: str
    needs: frozenset[str]
    leaves: frozenset[str]


def tasks_of(graph: Drawn, analysis: Analysis) -> list[Task]:
    """The kernels by their members alone, worked out from the nodes."""
    kernels = analysis.model.column(Kernel)
    keys = [f"{index}:{node.op_type}" for index, node in enumerate(graph.nodes)]
    groups: dict[str, list[onnx.NodeProto]] = {}
    for key, node in zip(keys, graph.nodes, strict=True):
        if node.op_type != "Identity":
            groups.setdefault(kernels[key].id, []).append(node)
    computing = [node for node in graph.nodes if node.op_type != "Identity"]
    found = []
    for key, members in groups.items():
        made = {node.output[0] for node in members}
        read = {graph.root(name) for node in members for name in node.input if name != "w"}
        outside = {graph.root(name) for node in computing if node not in members for name in node.input if name != "w"}
        kept = outside | {graph.root(name) for name in graph.outputs}
        found.append(Task(key, frozenset(read - made), frozenset(made & kept)))
    return found


def orders_of(tasks: Sequence[Task]) -> Iterator[tuple[Task, ...]]:
    """Every order in which what a kernel needs is there."""
    for order in itertools.permutations(tasks):
        there = {"a", "b"}
        for task in order:
            if not task.needs <= there:
                break
            there |= task.leaves
        else:
            yield order


def alive_in(graph: Drawn, order: Sequence[Task]) -> list[int]:
    """Bytes alive while each kernel runs, counted tensor by tensor."""
    kept = {graph.root(name) for name in graph.outputs}
    sizes = []
    for position, task in enumerate(order):
        made = {name for earlier in order[:position] for name in earlier.leaves}
        given = {name for name in "ab" if name in kept or any(name in one.needs for one in order)}
        needed = kept | {name for later in order[position:] for name in later.needs}
        sizes.append(sum(graph.bytes(name) for name in ((made | given) & needed) | task.leaves))
    return sizes


MIXED = ("Exp", "Add", "MatMul", "ReduceMax", "Identity")


@laws
@given(drawn_graphs(MIXED, 8), st.sampled_from(["none", "compiler", "ort"]))
def test_the_peak_is_that_of_an_order_of_the_kernels(graph: Drawn, backend: str) -> None:
    analysis = graph.analysed(backend)
    tasks, peak = tasks_of(graph, analysis), analysis.summary.peak_activation_bytes
    assert peak is not None
    used = {graph.root(name) for name in graph.outputs} | {name for task in tasks for name in task.needs}
    stored = (used & {"a", "b"}) | {name for task in tasks for name in task.leaves}
    assert peak <= sum(map(graph.bytes, stored))
    for task in tasks:
        assert peak >= sum(map(graph.bytes, task.needs | task.leaves))
    if not tasks or len(tasks) > MOST_KERNELS:
        return
    # The smallest position of a member that can run comes first.
    first = {task.id: position for position, task in enumerate(sorted(tasks, key=lambda one: _place(analysis, one)))}
    orders = sorted(orders_of(tasks), key=lambda order: [first[task.id] for task in order])
    assert min(max(alive_in(graph, order)) for order in orders) <= peak
    live = analysis.model.column(Live)
    assert [live[task.id].bytes for task in orders[0]] == alive_in(graph, orders[0])
    assert peak == max(alive_in(graph, orders[0]))


def _place(analysis: Analysis, task: Task) -> int:
    """Position of a kernel's first member in the file."""
    return min(int(member.partition(":")[0]) for member in analysis.model.column(Kernel)[task.id].members)


@laws
@given(drawn_graphs(("Exp", "Add"), 8))
def test_fusion_never_needs_more_memory(graph: Drawn) -> None:
    """Where the members of a kernel stand side by side, leave one result, and all tensors have one size.

    At a kernel's first op its operands and one result are alive beside what passes by, which is all that the kernel
    needs. Members that stand apart can move past others, and a small result between two large ones can keep them apart.
    """
    alone, fused = graph.analysed("none"), graph.analysed("compiler")
    for task in tasks_of(graph, fused):
        members = [int(member.partition(":")[0]) for member in fused.model.column(Kernel)[task.id].members]
        if len(task.leaves) > 1 or members != list(range(members[0], members[0] + len(members))):
            return
    assert fused.summary.peak_activation_bytes is not None
    assert alone.summary.peak_activation_bytes is not None
    assert fused.summary.peak_activation_bytes <= alone.summary.peak_activation_bytes
