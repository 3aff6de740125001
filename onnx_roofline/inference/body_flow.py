"""What a loop's body does with its inputs: which it hands on, which it adds to, and which decide when it ends."""

from collections import Counter

from onnx_roofline.ir.graph import Graph, Op, captured_names

# Ops between an output of the body and what it is made of; exporters need fewer than ten.
FOLLOWED_OPS = 64


def condition_reads(body: Graph) -> frozenset[str]:
    """Names, of the body's inputs and from outside, on which it depends how often a Loop runs."""
    producers, results = producers_of(body), {formal.name: i for i, formal in enumerate(body.inputs)}
    pending, found = [body.outputs[0].name], set[str]()
    while pending:
        name = pending.pop()
        if name in found or not name:
            continue
        found.add(name)
        op = producers.get(name)
        if op is not None:
            pending += (*op.inputs, *captured_names(op))
        elif results.get(name, 0) > 1:
            pending.append(body.outputs[results[name] - 1].name)
    return frozenset(name for name in found if name not in producers)


def positions_handed_on(body: Graph) -> frozenset[int]:
    """Positions of the carried tensors that a body hands on as they are."""
    producers = producers_of(body)
    found = set[int]()
    for position, (formal, result) in enumerate(zip(body.inputs[2:], body.outputs[1:], strict=False)):
        name = result.name
        for _ in range(FOLLOWED_OPS):
            op = producers.get(name)
            if op is None or op.op_type != "Identity" or op.domain:
                break
            name = op.inputs[0]
        if name == formal.name:
            found.add(position)
    return frozenset(found)


def positions_inserted_into(body: Graph) -> frozenset[int]:
    """Positions of the carried sequences with which a body does nothing but insert elements.

    Each run then inserts as many, and of types that don't follow from how many there are.
    """
    producers = producers_of(body)
    reads = Counter(read for op in body.ops for read in (*op.inputs, *captured_names(op)))
    results = Counter(output.name for output in body.outputs)

    def is_only_inserted_into(name: str, formal: str) -> bool:
        if reads[name] or results[name] != 1:
            return False
        while name != formal:
            op = producers.get(name)
            if op is None or op.op_type not in ("SequenceInsert", "Identity") or op.domain:
                return False
            name = op.inputs[0]
            # What is read twice ends the walk, so that no link is on two of them.
            if reads[name] != 1 or results[name]:
                return False
        return True

    pairs = zip(body.outputs[1:], body.inputs[2:], strict=False)
    return frozenset(i for i, (last, first) in enumerate(pairs) if is_only_inserted_into(last.name, first.name))


def producers_of(body: Graph) -> dict[str, Op]:
    """Which op makes each tensor of a body."""
    return {output: op for op in body.ops for output in op.outputs if output}
