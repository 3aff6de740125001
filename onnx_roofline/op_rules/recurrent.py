"""Recurrent layers: X [T, B, I], W [D, gates x H, I], R [D, gates x H, H]; D directions, H hidden units."""

from onnx_roofline.op_rules.registry import OpView, rule, work
from onnx_roofline.records import Contraction, Counts, Work

# Gates of each layer, and what it does per step and hidden element beside the products and biases:
# sigmoid = exp, add, div; tanh = one transcendental. Source: ONNX LSTM-22, GRU-22, RNN-22, equations.
_GATES = {"LSTM": 4, "GRU": 3, "RNN": 1}
_POINTWISE = {
    # i, f, o: 3 sigmoid; c, h: 2 tanh; f*c, i*g, o*h: 3 mul; 1 add; 4 sums of the two products
    "LSTM": Counts(transcendentals=5, adds=3 + 1 + 4, divs=3, muls=3),
    # z, r: 2 sigmoid; h: 1 tanh; r*h, (1-z)*n, z*h: 3 mul; 1-z and the sum: 2 add; 3 sums of the two products
    "GRU": Counts(transcendentals=3, adds=2 + 2 + 3, divs=2, muls=3),
    # 1 tanh, 1 sum of the two products
    "RNN": Counts(transcendentals=1, adds=1),
}


@rule("LSTM", "GRU", "RNN")
def recurrent(op: OpView) -> Work:
    """macs: D T B gates H (I + H), with the pointwise part and biases of each step; T steps in a row.

    Weights are read once here; they are read again each step where they don't stay on chip. `layout=1` puts the batch
    first. Default activations are counted. Source: ONNX LSTM-22, GRU-22, RNN-22.
    """
    x, weight, recurrence = op.input(0), op.input(1), op.input(2)
    steps, batch = (x.shape[1], x.shape[0]) if op.int_attr("layout", 0) else (x.shape[0], x.shape[1])
    directions, inputs, hidden = weight.shape[0], weight.shape[2], recurrence.shape[2]
    gates = _GATES[op.op_type]
    cells = directions * steps * batch * hidden
    # B holds one bias for each of the two products; both are added.
    biases = Counts(adds=2 * gates * cells) if op.has(3) else Counts()
    peepholes = Counts(muls=3 * cells, adds=3 * cells) if op.op_type == "LSTM" and op.has(7) else Counts()
    macs = Counts(macs=cells * gates * (inputs + hidden))
    counts = macs + _POINTWISE[op.op_type].scaled(cells) + biases + peepholes
    contractions = (
        Contraction(directions, steps * batch, gates * hidden, inputs),
        Contraction(directions * steps, batch, gates * hidden, hidden, lhs=None, rhs=2),
    )
    return work(op, counts, contractions=contractions, sequential_steps=steps)
