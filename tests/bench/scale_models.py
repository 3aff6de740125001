"""Models of a wanted number of ops, without weights, the same each time: what the benches time runs on.

usage: scale_models.py KIND OPS OUT.onnx

KIND
  plain      Relu and Add in turn: two signatures in all
  varied     19 ops (12 types) a round over [1, 64, W], W among 8 widths: about 150 signatures, whatever the length
  unique     the same ops, but every round of 19 has a length of its own: no signature repeats from round to round
  blocks     encoder blocks as the older exporter spells them (LayerNormalization, decomposed GELU, attention with
             a static Reshape): 34 ops a block, all weights external and absent
  shapes     the same with a Shape/Gather/Unsqueeze/Concat chain before every Reshape and a dynamic batch and
             sequence (62 ops a block)
  scopes     blocks with the newer exporter's metadata: a module path on every node and a value_info on every tensor
  wide       one tensor read by OPS/2 branches that one Sum joins: fan-out and liveness
"""

import sys
from pathlib import Path

import onnx
from onnx import TensorProto, helper

FLOAT, INT64 = TensorProto.FLOAT, TensorProto.INT64
OPSET = 20


class Net:
    """Nodes, initializers and declared types of one model under construction."""

    def __init__(self, declare=False, metadata=False):
        self.nodes, self.weights, self.infos = [], [], []
        self.declare, self.metadata, self.module = declare, metadata, ""
        self.offset = 0

    def op(self, kind, inputs, shape=None, dtype=FLOAT, outputs=1, **attributes):
        names = [f"{kind.lower()}_{len(self.nodes)}" + (f"_{i}" if i else "") for i in range(outputs)]
        node = helper.make_node(kind, inputs, names, name=f"{self.module}/{kind}_{len(self.nodes)}", **attributes)
        if self.metadata:
            entry = node.metadata_props.add()
            entry.key, entry.value = "namespace", f": Net/{self.module.replace('.', '/')}: Module/{kind}: aten"
            entry = node.metadata_props.add()
            entry.key = "pkg.torch.onnx.name_scopes"
            parts = self.module.split(".")
            entry.value = str(["", *(".".join(parts[: i + 1]) for i in range(len(parts))), names[0]])
        self.nodes.append(node)
        if self.declare and shape is not None:
            self.infos.append(helper.make_tensor_value_info(names[0], dtype, shape))
        return names if outputs > 1 else names[0]

    def weight(self, name, shape):
        """A tensor whose bytes would lie in an external file that is not there."""
        tensor = TensorProto(name=name, data_type=FLOAT, dims=shape, data_location=TensorProto.EXTERNAL)
        size = 4
        for dim in shape:
            size *= dim
        for key, value in (("location", "absent.data"), ("offset", str(self.offset)), ("length", str(size))):
            entry = tensor.external_data.add()
            entry.key, entry.value = key, value
        self.offset += size
        self.weights.append(tensor)
        return name

    def const(self, name, values, dtype=INT64, shape=None):
        self.weights.append(helper.make_tensor(name, dtype, [len(values)] if shape is None else shape, values))
        return name

    def save(self, path, inputs, outputs):
        graph = helper.make_graph(self.nodes, "net", inputs, outputs, self.weights, value_info=self.infos)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], producer_name="scale_models")
        onnx.save(model, str(path))


def value(name, shape, dtype=FLOAT):
    return helper.make_tensor_value_info(name, dtype, shape)


def plain(ops, path):
    net = Net()
    net.const("w", [0.5] * 64, FLOAT)
    tensor = "x"
    for index in range(ops):
        tensor = net.op("Add", [tensor, "w"]) if index % 2 else net.op("Relu", [tensor])
    net.save(path, [value("x", (1, 64))], [value(tensor, (1, 64))])


def varied(ops, path, unique=False):
    net = Net()
    widths = [64, 96, 128, 160, 192, 224, 256, 320]
    length, width, tensor, turn = 64, 64, "x", 0
    for w in widths:
        net.weight(f"scale_{w}", [w])
        net.weight(f"bias_{w}", [w])
        for v in widths:
            net.weight(f"w_{w}_{v}", [w, v])
    net.const("axis1", [1])
    net.const("half", [0.5], FLOAT, [])
    while len(net.nodes) < ops:
        after = widths[(turn + 1) % 8]
        net.module = f"layer.{turn}"
        skip = tensor
        tensor = net.op("LayerNormalization", [tensor, f"scale_{width}", f"bias_{width}"], axis=-1)
        tensor = net.op("Add", [tensor, skip])
        heads = net.op("Reshape", [tensor, net.const(f"split_{turn}", [1, length, 4, width // 4])])
        heads = net.op("Transpose", [heads], perm=[0, 2, 1, 3])
        across = net.op("Transpose", [heads], perm=[0, 1, 3, 2])
        scores = net.op("MatMul", [heads, across])
        scores = net.op("Softmax", [net.op("Mul", [scores, "half"])], axis=-1)
        mixed = net.op("Transpose", [net.op("MatMul", [scores, heads])], perm=[0, 2, 1, 3])
        tensor = net.op("Reshape", [mixed, net.const(f"merge_{turn}", [1, length, width])])
        tensor = net.op("Add", [net.op("MatMul", [tensor, f"w_{width}_{after}"]), f"bias_{after}"])
        gate = net.op("Sigmoid", [tensor])
        tensor = net.op("Mul", [tensor, gate])
        mean = net.op("ReduceMean", [tensor, "axis1"], keepdims=1)
        tensor = net.op("Sub", [tensor, mean])
        if unique:
            # One row more or less each round, so that no shape comes twice.
            row = net.op("Slice", [tensor, net.const(f"a_{turn}", [0]), net.const(f"b_{turn}", [1]), "axis1"])
            tensor, length = net.op("Concat", [tensor, row], axis=1), length + 1
        else:
            tensor = net.op("Clip", [tensor, "", "half"])
            tensor = net.op("Tanh", [tensor])
        width, turn = after, turn + 1
    net.save(path, [value("x", (1, 64, 64))], [value(tensor, (1, length, width))])


def unique(ops, path):
    varied(ops, path, unique=True)


def blocks(ops, path, dynamic=False, scopes=False, hidden=768, heads=12, sequence=128):
    net = Net(declare=scopes, metadata=scopes)
    batch, seq = ("batch", "sequence") if dynamic else (1, sequence)
    wide = [batch, seq, hidden]
    split = [batch, heads, seq, hidden // heads]
    net.const("two", [2.0], FLOAT, [])
    net.const("eight", [8.0], FLOAT, [])
    net.const("root", [1.4142135], FLOAT, [])
    net.const("one", [1.0], FLOAT, [])
    net.const("half", [0.5], FLOAT, [])
    net.const("zero", [0], INT64, [])
    net.const("first", [1], INT64, [])
    net.const("at", [0])
    net.const("n_heads", [heads])
    net.const("n_size", [hidden // heads])
    net.const("n_hidden", [hidden])
    if not dynamic:
        net.const("to_heads", [1, sequence, heads, hidden // heads])
        net.const("to_rows", [1, sequence, hidden])

    def size_of(tensor, tail):
        """The target of a Reshape: a constant, or worked out from the tensor's own shape as exporters do."""
        if not dynamic:
            return "to_heads" if len(tail) == 2 else "to_rows"
        found = []
        for which in ("zero", "first"):
            shape = net.op("Shape", [tensor])
            found.append(net.op("Unsqueeze", [net.op("Gather", [shape, which], axis=0), "at"]))
        return net.op("Concat", [*found, *tail], axis=0)

    def linear(tensor, name, rows, columns, shape):
        made = net.op("MatMul", [tensor, net.weight(f"{name}.weight", [rows, columns])], shape)
        return net.op("Add", [net.weight(f"{name}.bias", [columns]), made], shape)

    def norm(tensor, name):
        pair = [net.weight(f"{name}.weight", [hidden]), net.weight(f"{name}.bias", [hidden])]
        return net.op("LayerNormalization", [tensor, *pair], wide, axis=-1, epsilon=1e-12)

    tensor, number = "x", 0
    while len(net.nodes) < ops:
        name = f"encoder.layer.{number}"
        net.module = f"{name}.attention.self"
        parts = {}
        for part in ("query", "key", "value"):
            made = linear(tensor, f"{name}.attention.self.{part}", hidden, hidden, wide)
            made = net.op("Reshape", [made, size_of(made, ["n_heads", "n_size"])],
                          [batch, seq, heads, hidden // heads])  # fmt: skip
            perm = [0, 2, 3, 1] if part == "key" else [0, 2, 1, 3]
            parts[part] = net.op("Transpose", [made], None if part == "key" else split, perm=perm)
        square = [batch, heads, seq, seq]
        scores = net.op("MatMul", [parts["query"], parts["key"]], square)
        scores = net.op("Div", [scores, "eight"], square)
        scores = net.op("Softmax", [net.op("Add", [scores, "mask"], square)], square, axis=-1)
        mixed = net.op("Transpose", [net.op("MatMul", [scores, parts["value"]], split)], perm=[0, 2, 1, 3])
        mixed = net.op("Reshape", [mixed, size_of(mixed, ["n_hidden"])], wide)
        net.module = f"{name}.attention.output"
        tensor = net.op("Add", [linear(mixed, f"{name}.attention.output.dense", hidden, hidden, wide), tensor], wide)
        tensor = norm(tensor, f"{name}.attention.output.norm")
        net.module = f"{name}.intermediate"
        inner = [batch, seq, 4 * hidden]
        up = linear(tensor, f"{name}.intermediate.dense", hidden, 4 * hidden, inner)
        bent = net.op("Erf", [net.op("Div", [up, "root"], inner)], inner)
        bent = net.op("Mul", [net.op("Mul", [up, net.op("Add", [bent, "one"], inner)], inner), "half"], inner)
        net.module = f"{name}.output"
        tensor = net.op("Add", [linear(bent, f"{name}.output.dense", 4 * hidden, hidden, wide), tensor], wide)
        tensor = norm(tensor, f"{name}.output.norm")
        number += 1
    net.save(path, [value("x", wide), value("mask", [batch, 1, 1, seq])], [value(tensor, wide)])


def shapes(ops, path):
    blocks(ops, path, dynamic=True)


def scopes(ops, path):
    blocks(ops, path, scopes=True)


def wide(ops, path):
    net = Net()
    ends = []
    for index in range(max(1, (ops - 1) // 2)):
        ends.append(net.op("Relu", [net.op("Neg" if index % 2 else "Abs", ["x"])]))
    total = net.op("Sum", ends)
    net.save(path, [value("x", (1, 64))], [value(total, (1, 64))])


KINDS = {f.__name__: f for f in (plain, varied, unique, blocks, shapes, scopes, wide)}


def make(kind: str, ops: int, path: Path) -> None:
    """Write one model."""
    KINDS[kind](ops, path)


def main():
    if len(sys.argv) == 4 and sys.argv[1] in KINDS:
        make(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]))
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main()
