"""Adds what XLA's own HloCostAnalysis counts to recorded.json, under "xla".

    python tests/what_if/conventions/record_xla.py

Needs jax and onnx. Each op, and each bias alone, is rebuilt in JAX, lowered on shapes alone, and asked for its cost
before any optimisation. The costs are summed here: XLA sums in 32-bit floating point, which loses a few operations of a
billion. BatchNormalization is left out: XLA's instruction for it counts nothing, and JAX has none.
"""

import json
import math
import sys
from collections.abc import Callable
from functools import partial
from importlib.metadata import version
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import onnx
from jax import Array, lax

HERE = Path(__file__).resolve().parent
SAMPLES = HERE.parents[2] / "sample_models"
LIGHT = Path(onnx.__file__).parent / "backend" / "test" / "data" / "light"
RECORDED = HERE / "recorded.json"
FILES = {
    **{f"{name}.onnx": SAMPLES / f"{name}.onnx" for name in ("conv_layer", "depthwise_conv", "linear", "lenet5",
       "residual_block", "resnet50", "unet_572", "attention_single_head")},
    **{f"light_{name}.onnx": LIGHT / f"light_{name}.onnx" for name in ("resnet50", "vgg19", "squeezenet",
       "densenet121")},
}  # fmt: skip
NO_LABELS = ("NCHW", "OIHW", "NCHW")


def main() -> None:
    recorded = json.loads(RECORDED.read_text("utf-8"))
    recorded["versions"] |= {name: version(name) for name in ("jax", "jaxlib")}
    entries = recorded.setdefault("xla", {})
    for name, path in FILES.items():
        entries[name] = cost_of(path)
        sys.stdout.write(f"{name} {entries[name]}\n")
    RECORDED.write_text(json.dumps(recorded, indent=1) + "\n", "utf-8")


def cost_of(path: Path) -> dict[str, int]:
    model = onnx.load(path, load_external_data=False)
    stored = {tensor.name: tensor for tensor in model.graph.initializer}
    known = {name: onnx.numpy_helper.to_array(t) for name, t in stored.items() if not t.external_data}
    for node in model.graph.node:
        if node.op_type == "Constant":
            known[node.output[0]] = onnx.numpy_helper.to_array(node.attribute[0].t)
    shapes = {name: tuple(tensor.dims) for name, tensor in stored.items()}
    for value in model.graph.input:
        shapes.setdefault(value.name, tuple(dim.dim_value for dim in value.type.tensor_type.shape.dim))
    for node in model.graph.node:
        if node.op_type == "ConstantOfShape":
            shapes[node.output[0]] = tuple(int(dim) for dim in known[node.input[0]])
    integers = {name for name, value in known.items() if value.dtype.kind in "ib"}
    tensors: dict[str, object] = {
        name: known[name] if name in integers else jax.ShapeDtypeStruct(shape, jnp.float32)
        for name, shape in shapes.items()
    } | {name: value for name, value in known.items() if name not in shapes}
    sums = dict.fromkeys(("flops", "transcendentals"), 0)

    def run(function: Callable[..., Array], *operands: object) -> jax.ShapeDtypeStruct:
        """The result's shape; the cost goes to `sums`."""
        fed = [position for position, value in enumerate(operands) if isinstance(value, jax.ShapeDtypeStruct)]

        def program(*values: Array) -> Array:
            given = dict(zip(fed, values, strict=True))
            return function(*(given.get(position, operand) for position, operand in enumerate(operands)))

        lowered = jax.jit(program).lower(*(operands[position] for position in fed))
        for key, value in (lowered.cost_analysis() or {}).items():
            if key in sums:
                sums[key] += int(value)
        return jax.ShapeDtypeStruct(lowered.out_info.shape, jnp.float32)

    for node in model.graph.node:
        if node.op_type in ("Constant", "ConstantOfShape"):
            continue
        attributes = {item.name: onnx.helper.get_attribute_value(item) for item in node.attribute}
        if node.op_type == "Softmax" and model.opset_import[0].version < 13:
            attributes["flattened_from"] = attributes.get("axis", 1)
        operands = [tensors[name] for name in node.input if name]
        biased = node.op_type in ("Conv", "ConvTranspose", "Gemm") and len(operands) == 3
        out = run(partial(OPS[node.op_type], attributes), *(operands[:2] if biased else operands))
        if biased:
            shape = [-1] + [1] * (len(out.shape) - 2)
            out = run(lambda x, bias, shape=shape: x + bias.reshape(shape), out, operands[2])
        tensors[node.output[0]] = out
    return sums


def pads(attributes: dict, rank: int) -> list[tuple[int, int]]:
    flat = attributes.get("pads", [0] * (2 * rank))
    return list(zip(flat[:rank], flat[rank:], strict=True))


def conv(attributes: dict, x: Array, weight: Array) -> Array:
    return lax.conv_general_dilated(
        x, weight, attributes.get("strides", [1, 1]), pads(attributes, 2), rhs_dilation=attributes.get("dilations"),
        dimension_numbers=NO_LABELS, feature_group_count=attributes.get("group", 1),
    )  # fmt: skip


def conv_transpose(attributes: dict, x: Array, weight: Array) -> Array:
    kernel, padding = weight.shape[2:], [(k - 1 - low, k - 1 - high) for k, (low, high) in
                                         zip(weight.shape[2:], pads(attributes, 2), strict=True)]  # fmt: skip
    assert len(kernel) == 2
    return lax.conv_general_dilated(
        x,
        weight,
        [1, 1],
        padding,
        lhs_dilation=attributes.get("strides", [1, 1]),
        dimension_numbers=("NCHW", "IOHW", "NCHW"),
    )


def pool(attributes: dict, x: Array, start: float, combine: Callable) -> Array:
    window, strides = attributes["kernel_shape"], attributes.get("strides", [1, 1])
    padding = pads(attributes, 2)
    return lax.reduce_window(x, start, combine, (1, 1, *window), (1, 1, *strides), [(0, 0), (0, 0), *padding])


def reshape(x: Array, shape: np.ndarray) -> Array:
    return x.reshape([x.shape[axis] if dim == 0 else int(dim) for axis, dim in enumerate(shape)])


def mean(x: Array, axes: tuple[int, ...], keep: bool = True) -> Array:
    size = math.prod(x.shape[axis] for axis in axes)
    return x.sum(axes, keepdims=keep) / size


def softmax(attributes: dict, x: Array) -> Array:
    """Spelled out: jax.nn.softmax compares each row's maximum with minus infinity once more."""
    if "flattened_from" in attributes:
        x = x.reshape(math.prod(x.shape[: attributes["flattened_from"]]), -1)
    powers = jnp.exp(x - x.max(-1, keepdims=True))
    return powers / powers.sum(-1, keepdims=True)


def gemm(attributes: dict, a: Array, b: Array) -> Array:
    return (a.T if attributes.get("transA") else a) @ (b.T if attributes.get("transB") else b)


def crop(x: Array, starts: np.ndarray, ends: np.ndarray, axes: np.ndarray, *_: np.ndarray) -> Array:
    for start, end, axis in zip(starts, ends, axes, strict=True):
        x = lax.slice_in_dim(x, int(start), min(int(end), x.shape[axis]), axis=int(axis))
    return x


OPS: dict[str, Callable[..., Array]] = {
    "Conv": conv,
    "ConvTranspose": conv_transpose,
    "BatchNormalization": lambda _, x, *rest: x,
    "Dropout": lambda _, x, *rest: x,
    "Relu": lambda _, x: jnp.maximum(x, 0.0),
    "Tanh": lambda _, x: jnp.tanh(x),
    "Add": lambda _, a, b: a + b,
    "Sum": lambda _, a, b: a + b,
    "Mul": lambda _, a, b: a * b,
    "Softmax": softmax,
    "MaxPool": lambda a, x: pool(a, x, -jnp.inf, lax.max),
    "AveragePool": lambda a, x: pool(a, x, 0.0, lax.add) / math.prod(a["kernel_shape"]),
    "GlobalAveragePool": lambda _, x: mean(x, (2, 3)),
    "ReduceMean": lambda a, x, axes: mean(x, tuple(int(axis) for axis in axes), bool(a.get("keepdims", 1))),
    "Concat": lambda a, *x: jnp.concatenate(x, a["axis"]),
    "Reshape": lambda _, x, shape: reshape(x, shape),
    "Flatten": lambda a, x: x.reshape(math.prod(x.shape[: a.get("axis", 1)]), -1),
    "Unsqueeze": lambda a, x, *axes: jnp.expand_dims(x, tuple(a["axes"] if "axes" in a else map(int, axes[0]))),
    "Transpose": lambda a, x: x.transpose(a["perm"]),
    "MatMul": lambda _, a, b: a @ b,
    "Gemm": gemm,
    "Slice": lambda _, *operands: crop(*operands),
}

if __name__ == "__main__":
    main()
