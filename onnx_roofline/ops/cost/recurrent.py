"""Recurrent layers: X [T, B, I], W [D, gates x H, I], R [D, gates x H, H]; D directions, H hidden units."""

from onnx_roofline.base.errors import NotModelledError
from onnx_roofline.ir.records import Contraction, Counts, Work
from onnx_roofline.ops.cost.registry import rule, work
from onnx_roofline.ops.traits import OPERANDS
from onnx_roofline.ops.view import OpView

# What an activation takes per element. Source: ONNX RNN-22, LSTM-22 and GRU-22, list of activation functions.
_ACTIVATIONS = {
    "sigmoid": Counts(transcendentals=1, adds=1, divs=1),
    "tanh": Counts(transcendentals=1),
    "relu": Counts(compares=1),
    "affine": Counts(muls=1, adds=1),
    "leakyrelu": Counts(compares=1, muls=1),
    "thresholdedrelu": Counts(compares=1),
    "scaledtanh": Counts(transcendentals=1, muls=2),
    "hardsigmoid": Counts(muls=1, adds=1, compares=2),
    "elu": Counts(transcendentals=1, adds=1, muls=1, compares=1),
    "softsign": Counts(adds=2, divs=1),
    "softplus": Counts(transcendentals=2, adds=1),
}

# Per layer: gates; the activations f, g, h by default, with how often each is applied; and the rest per hidden element.
# Source: ONNX LSTM-22, GRU-22, RNN-22, equations. Each gate sums two products.
_LAYERS: dict[str, tuple[int, tuple[tuple[str, int], ...], Counts]] = {
    # f: gates i, o, f; g: c; h: the output. f C + i c: 2 mul, 1 add; o h(C): 1 mul.
    "LSTM": (4, (("Sigmoid", 3), ("Tanh", 1), ("Tanh", 1)), Counts(adds=4 + 1, muls=3)),
    # f: gates z, r; g: h. r H: 1 mul; (1 - z) h + z H: 2 mul, 2 add.
    "GRU": (3, (("Sigmoid", 2), ("Tanh", 1)), Counts(adds=3 + 2, muls=3)),
    "RNN": (1, (("Tanh", 1),), Counts(adds=1)),
}


def _activation_counts(op: OpView, directions: int) -> Counts:
    """What the activations of one hidden element take, all directions together."""
    _, defaults, _ = _LAYERS[op.op_type]
    names = op.attributes.get("activations") or tuple(name for name, _ in defaults) * directions
    if not isinstance(names, tuple):
        raise NotModelledError("attribute activations is no list of names")
    counts = Counts()
    for position, name in enumerate(names):
        if str(name).lower() not in _ACTIVATIONS:
            raise NotModelledError(f"activation {name!r} is not one of ONNX's")
        counts += _ACTIVATIONS[str(name).lower()].scaled(defaults[position % len(defaults)][1])
    return counts


@rule("LSTM", "GRU", "RNN", traits=OPERANDS)
def recurrent(op: OpView) -> Work:
    """macs: D T B gates H (I + H), with the pointwise part and biases of each step; T steps in a row.

    Weights are read once here; they are read again each step where they don't stay on chip. `layout=1` puts the batch
    first. `sequence_lens` makes it bounded, unless all sequences are known to be full. `input_forget` takes nothing
    off: W holds all gates. Source: ONNX LSTM-22, GRU-22, RNN-22.
    """
    x, weight, recurrence = op.input(0), op.input(1), op.input(2)
    steps, batch = (x.shape[1], x.shape[0]) if op.int_attr("layout", 0) else (x.shape[0], x.shape[1])
    directions, inputs, hidden = weight.shape[0], weight.shape[2], recurrence.shape[2]
    gates, _, rest = _LAYERS[op.op_type]
    each = steps * batch * hidden
    cells = directions * each
    # B holds one bias for each of the two products; both are added. P: three products that are added.
    rest += Counts(adds=2 * gates if op.has(3) else 0)
    if op.op_type == "LSTM" and op.has(7):
        rest += Counts(muls=3, adds=3)
    if op.float_attr("clip", 0.0):
        rest += Counts(compares=2 * gates)
    counts = Counts(macs=cells * gates * (inputs + hidden)) + rest.scaled(cells)
    counts += _activation_counts(op, directions).scaled(each)
    contractions = (
        Contraction(directions, steps * batch, gates * hidden, inputs),
        Contraction(directions * steps, batch, gates * hidden, hidden, lhs=None, rhs=2),
    )
    is_full = not op.has(4) or (op.input(4).is_known and bool((op.input(4).value == steps).all()))
    return work(op, counts, contractions=contractions, sequential_steps=steps, status="exact" if is_full else "bounded")
