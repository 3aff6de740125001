"""Where the rows of a tensor come from: the ops, bindings of bodies and calls that hand the rows of a cache on."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Literal

from msgspec import Struct, field

from onnx_roofline.ir.graph import Function, Graph
from onnx_roofline.ir.records import Body, TypedOp
from onnx_roofline.ir.tensor_index import TensorIndex
from onnx_roofline.memory.cache_regions import part_of
from onnx_roofline.ops.cost.lookup import traits_of

# (scope, tensor) with views seen through.
Place = tuple[str, str]

# How a tensor has the rows of others:
# name    the result of a function
# branch  the result of an If: its operands are those of the branches
# formal  a formal input of a function, whose operands are what its calls give it
# carried a state of a loop: its operands are what it starts as and what an iteration leaves
# piece   a part of it, at an address where `part` says which
# copy    all of it in another order, at another width or repeated; further operands are its scales
# scaled  all of it times the second operand, if no run computes that
# join    the rows of all operands, one behind the other
# update  rows written over some of its own; the second operand has them
# blend   each element from one of two
# stacked one of it for each iteration of a loop, `repeats` in all
# appended what an attention op gives back, with this run's rows behind it
LinkKind = Literal[
    "name", "branch", "formal", "carried", "piece", "copy", "scaled",
    "join", "update", "blend", "stacked", "appended", "stated",
]  # fmt: skip

# Links through which a product that reads the result reads the operand; a cache is no longer itself behind the others.
READ_THROUGH = frozenset({"name", "branch", "formal", "carried", "piece", "copy", "scaled"})
_ONE_ELEMENT = 1


class Link(Struct, frozen=True, eq=False):
    """A tensor that has the rows of its `operands`: the inputs of `key` at `positions`; "" for a binding of a body.

    `slot` is the position of the result among the outputs, `part` names a piece: None where data pick its elements;
    of the result of a function it is what the call gives it.
    `source` is the input of which the user says that the result is its cache.
    """

    kind: LinkKind
    made: Place
    operands: tuple[Place, ...]
    key: str = ""
    positions: tuple[int, ...] = ()
    slot: int = 0
    part: object = None
    repeats: int | None = None
    source: Place = ("", "")


class Places(Struct, frozen=True, eq=False):
    """Names as places: a branch or a loop's body reads what the graph around it has."""

    index: TensorIndex
    outer: dict[str, str] = field(default_factory=dict)
    formals: set[Place] = field(default_factory=set)

    def of(self, scope: str, name: str) -> Place:
        """Where a tensor is made or comes in, views seen through."""
        found = scope, self.index.root(scope, name)
        while found not in self.index.makers and found not in self.formals and found[0] in self.outer:
            scope = self.outer[found[0]]
            found = scope, self.index.root(scope, found[1])
        return found

    def is_stored(self, place: Place) -> bool:
        """Whether a tensor is in the file or follows from what is, or from shapes alone."""
        maker = self.index.makers.get(place)
        if maker is None:
            return place[1] in self.index.stored and place not in self.formals
        return self.index.rows[maker].role != "compute"

    def is_input(self, place: Place) -> bool:
        """Whether a tensor is an input of the model."""
        return not place[0] and place not in self.index.makers and place[1] not in self.index.stored


def find_links(index: TensorIndex, functions: Mapping[str, Function]) -> tuple[Places, list[Link]]:
    """The places of a model and its links, in the order of its rows."""
    places = Places(index)
    graphs: dict[tuple[str, str], Graph] = {}
    for key, row in index.rows.items():
        for body in row.bodies:
            op = row.op
            graph = op.bodies[body.attribute] if op.function is None else functions[op.function].graph
            graphs[key, body.scope] = graph
            places.formals.update((body.scope, one.name) for one in graph.inputs)
            if op.function is None:
                places.outer[body.scope] = row.scope
    found: list[Link] = []
    merged: dict[LinkKind, dict[Place, list[Place]]] = {"formal": {}, "branch": {}}
    for key, row in index.rows.items():
        if row.role != "compute":
            continue
        for body in row.bodies:
            found += _bindings(places, row, body, graphs[key, body.scope], merged)
        if not row.bodies and row.op.inputs and row.op.outputs and (row.scope, row.op.outputs[0]) in index.makers:
            found += _of_op(places, key, row)
    found += (Link(kind, made, tuple(of)) for kind, links in merged.items() for made, of in links.items())
    return places, found


def _bindings(
    places: Places,
    row: TypedOp,
    body: Body,
    graph: Graph,
    merged: dict[LinkKind, dict[Place, list[Place]]],
) -> Iterator[Link]:
    """What a body takes in and gives out.

    `merged` collects the operands of what has several: formal inputs of functions, and results of branches.
    """
    op, scope = row.op, row.scope
    actual = [places.of(scope, name) for name in op.inputs]
    made = [(scope, name) for name in op.outputs]
    formals = [(body.scope, one.name) for one in graph.inputs]
    results = [places.of(body.scope, one.name) for one in graph.outputs]
    form = traits_of(op).runs_bodies
    if op.function is not None:
        for formal, operand in zip(formals, actual, strict=False):
            merged["formal"].setdefault(formal, []).append(operand)
    if op.function is not None or body.is_branch:
        for outer, inner in zip(made, results, strict=False):
            if outer[1] and body.is_branch:
                merged["branch"].setdefault(outer, []).append(inner)
            elif outer[1]:
                yield Link("name", outer, (inner,), part=tuple(actual))
        return
    # M and the condition come before the states of a Loop; its body has the iteration and the condition.
    first, result_first = (2, 1) if form == "loop" else (0, 0)
    # Scan-8 has the lengths of its sequences before all.
    skipped = int(form == "scan" and len(actual) > len(formals))
    scanned = op.attributes.get("num_scan_inputs", 0) if form == "scan" else 0
    if form == "none" or not isinstance(scanned, int):
        return
    states = len(formals) - first - scanned
    repeats = None if body.repeat is None else -(-body.repeat.numerator // body.repeat.denominator)
    taken = actual[first + skipped :]
    for state in range(min(states, len(taken), len(results) - result_first)):
        result = results[result_first + state]
        yield Link("carried", formals[first + state], (taken[state], result), repeats=repeats)
        if state < len(made) and made[state][1]:
            yield Link("stacked", made[state], (result,), part="state", repeats=repeats)
    for formal, whole in zip(formals[first + states :], taken[states:], strict=False):
        yield Link("piece", formal, (whole,), part=("iteration", formal))
    for stack, result in zip(made[states:], results[result_first + states :], strict=False):
        if stack[1]:
            yield Link("stacked", stack, (result,), repeats=repeats)


def _of_op(places: Places, key: str, row: TypedOp) -> Iterator[Link]:
    """What the results of an op have of its operands."""
    op, traits = row.op, traits_of(row.op)
    operands = [places.of(row.scope, name) for name in op.inputs]
    given = [position for position, name in enumerate(op.inputs) if name]
    for slot, position in enumerate(traits.cache_inputs, start=1):
        if position in given and slot < len(op.outputs) and op.outputs[slot]:
            made = places.of(row.scope, op.outputs[slot])
            yield Link("appended", made, (operands[position],), key, (position,), slot)
    if traits.rearranges or traits.selects:
        scales = [at for at in given[1:] if traits.dequantizes and not places.is_stored(operands[at])]
        for slot, name in enumerate(op.outputs):
            if name and traits.selects:
                part = part_of(row, slot, traits.indices_at)
                yield Link("piece", (row.scope, name), (operands[0],), key, (0,), slot, part)
            elif name:
                positions = (0, *scales)
                yield Link("copy", (row.scope, name), tuple(operands[at] for at in positions), key, positions, slot)
        return
    made = row.scope, op.outputs[0]
    if traits.joins:
        yield Link("join", made, tuple(operands[at] for at in given), key, tuple(given))
    elif traits.updates_at and traits.updates_at in given:
        positions = (0, traits.updates_at)
        yield Link("update", made, tuple(operands[at] for at in positions), key, positions)
    elif traits.scaled_at or traits.blends_at:
        yield from _scaled(places, key, row, operands)


def _scaled(places: Places, key: str, row: TypedOp, operands: list[Place]) -> Iterator[Link]:
    """A tensor that is scaled or shifted by what this run doesn't compute, and one of two that are blended."""
    traits, made = traits_of(row.op), (row.scope, row.op.outputs[0])
    pair = traits.blends_at or (0, 1)
    if max(pair) >= len(operands):
        return
    stored = [at for at in pair if places.is_stored(operands[at])]
    sizes = {at: (kind.elements if (kind := row.inputs[at]) is not None else None) or 0 for at in pair}
    large = max(pair, key=lambda at: sizes[at])
    small = pair[0] if large == pair[1] else pair[1]
    if len(stored) == 1:
        (held,) = (at for at in pair if at not in stored)
        if held in (traits.scaled_at or pair):
            yield Link("copy", made, (operands[held],), key, (held,))
    elif not stored and traits.blends_at:
        yield Link("blend", made, tuple(operands[at] for at in pair), key, pair)
    elif not stored and large in traits.scaled_at and sizes[small] < sizes[large]:
        # A scale that comes in with the model's inputs, or is kept in a cache of its own.
        is_given = places.is_input(operands[small]) and sizes[small] == _ONE_ELEMENT
        positions = (large,) if is_given else (large, small)
        how: LinkKind = "copy" if is_given else "scaled"
        yield Link(how, made, tuple(operands[at] for at in positions), key, positions)


def reached_back(links: Iterable[Link], seeds: Iterable[Place], passes: Callable[[Link], bool]) -> set[Place]:
    """The places whose rows reach one of `seeds` through links that `passes`, the seeds among them."""
    by_result: dict[Place, list[Link]] = {}
    for link in links:
        by_result.setdefault(link.made, []).append(link)
    found, pending = set(seeds), list(seeds)
    while pending:
        for link in by_result.get(pending.pop(), ()):
            if passes(link):
                pending += [place for place in link.operands if place not in found]
                found.update(link.operands)
    return found
