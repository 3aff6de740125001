"""A text-to-speech network as exporters write them: predicted durations decide how many frames the decoder makes."""

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

WIDTH, BINS, LAYERS = 64, 50, 3
# Strides and kernels of the two upsampling convolutions: 60 samples a frame.
UPSAMPLING = ((10, 20), (6, 12))
# The tensor whose only axis is the number of frames.
FRAMES = "/encoder/Range_output_0"


def macs(tokens: int, frames: int) -> int:
    """Multiply-accumulates by hand, layer by layer; a transposed convolution makes one for each input and tap."""
    encoder = LAYERS * WIDTH * WIDTH * 5 * tokens
    durations = tokens * WIDTH * BINS
    alignment = WIDTH * tokens * frames
    # Both directions, four gates each, of the input and of the state.
    prosody = 2 * 4 * (WIDTH // 2) * (WIDTH + WIDTH // 2) * frames
    first = WIDTH * WIDTH * 20 * frames + 2 * WIDTH * WIDTH * 3 * (10 * frames)
    second = WIDTH * WIDTH * 12 * (10 * frames) + 2 * WIDTH * WIDTH * 3 * (60 * frames)
    wave = WIDTH * 7 * (60 * frames)
    return encoder + durations + alignment + prosody + first + second + wave


class _Graph:
    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.stored: list[onnx.TensorProto] = []
        self._random = np.random.default_rng(0)

    def op(self, kind: str, inputs: list[str], output: str, **attributes: object) -> str:
        self.nodes.append(helper.make_node(kind, inputs, [output], name=f"/{output}", **attributes))
        return output

    def keep(self, name: str, value: object) -> str:
        self.stored.append(numpy_helper.from_array(np.asarray(value), name))
        return name

    def weight(self, name: str, *shape: int) -> str:
        return self.keep(name, (0.05 * self._random.standard_normal(shape)).astype(np.float32))

    def conv(self, x: str, name: str, outputs: int, taps: int, dilation: int = 1) -> str:
        weight, pad = self.weight(f"{name}.w", outputs, WIDTH, taps), dilation * (taps // 2)
        return self.op("Conv", [x, weight], name, pads=[pad, pad], dilations=[dilation])


def save_speech_model(path: Path) -> Path:
    """input_ids [1, tokens] -> wave [1, 1, 60 x frames]; each token lasts 1 to 50 frames, as its duration says."""
    g = _Graph()
    for name, value in (("zero", 0), ("one", 1), ("last", -1), ("axis0", [0]), ("axis1", [1]), ("axis2", [2])):
        g.keep(name, np.array(value, np.int64))
    x = g.op("Gather", [g.weight("embedding", 178, WIDTH), "input_ids"], "embedded")
    x = g.op("Transpose", [x], "channels_first", perm=[0, 2, 1])
    for layer in range(LAYERS):
        x = g.op("Relu", [g.conv(x, f"encoder.{layer}", WIDTH, 5)], f"encoded.{layer}")
    # Durations, and the token of each frame.
    d = g.op("MatMul", [g.op("Transpose", [x], "by_token", perm=[0, 2, 1]), g.weight("durations.w", WIDTH, BINS)], "d0")
    d = g.op("Round", [g.op("ReduceSum", [g.op("Sigmoid", [d], "d1"), "axis2"], "d2", keepdims=0)], "d3")
    d = g.op("Cast", [g.op("Clip", [d, g.keep("least", np.float32(1))], "d4")], "d5", to=TensorProto.INT64)
    ends = g.op("CumSum", [g.op("Squeeze", [d, "axis0"], "durations"), "zero"], "ends")
    total = g.op("Gather", [ends, "last"], "total")
    frames = g.op("Range", ["zero", total, "one"], FRAMES)
    column, row = g.op("Unsqueeze", [frames, "axis1"], "column"), g.op("Unsqueeze", [ends, "axis0"], "row")
    past = g.op("Cast", [g.op("GreaterOrEqual", [column, row], "is_past")], "past", to=TensorProto.INT64)
    token = g.op("ReduceSum", [past, "axis1"], "token", keepdims=0)
    # The alignment [tokens, frames]: ones where a frame belongs to a token.
    tokens = g.op("Gather", [g.op("Shape", ["input_ids"], "input_shape"), "axis1"], "tokens")
    sizes = g.op("Concat", [tokens, g.op("Unsqueeze", [total, "axis0"], "total_1d")], "sizes", axis=0)
    zeros = g.op("ConstantOfShape", [sizes], "zeros")
    places = g.op("Concat", [g.op("Unsqueeze", [token, "axis1"], "token_2d"), column], "places", axis=1)
    ones = g.op("Expand", [g.keep("unit", np.ones(1, np.float32)), g.op("Shape", [frames], "count")], "ones")
    y = g.op("MatMul", [x, g.op("ScatterND", [zeros, places, ones], "alignment")], "aligned")
    # A bidirectional LSTM over the frames, [frames, 1, width] -> [frames, 2, 1, width / 2].
    half = WIDTH // 2
    z = g.op("Transpose", [y], "by_frame", perm=[2, 0, 1])
    gates = [g.weight("lstm.w", 2, 4 * half, WIDTH), g.weight("lstm.r", 2, 4 * half, half)]
    z = g.op("LSTM", [z, *gates], "prosody0", hidden_size=half, direction="bidirectional")
    z = g.op("Transpose", [z], "prosody1", perm=[2, 1, 3, 0])
    z = g.op("Reshape", [z, g.keep("joined", np.array([1, WIDTH, -1]))], "prosody")
    y = g.op("Add", [y, z], "expressive")
    for stage, (stride, taps) in enumerate(UPSAMPLING):
        pad = (taps - stride) // 2
        weight = g.weight(f"up.{stage}.w", WIDTH, WIDTH, taps)
        y = g.op("ConvTranspose", [y, weight], f"up.{stage}", strides=[stride], pads=[pad, pad])
        for block in range(2):
            name = f"residual.{stage}.{block}"
            part = g.conv(g.op("LeakyRelu", [y], f"{name}.in"), f"{name}.conv", WIDTH, 3, dilation=block + 1)
            y = g.op("Add", [y, part], name)
    y = g.op("Add", [y, g.op("RandomNormalLike", [y], "noise")], "noisy")
    g.op("Tanh", [g.conv(y, "last_conv", 1, 7)], "wave")
    inputs = [helper.make_tensor_value_info("input_ids", TensorProto.INT64, [1, "tokens"])]
    outputs = [onnx.ValueInfoProto(name="wave"), onnx.ValueInfoProto(name="durations")]
    graph = helper.make_graph(g.nodes, "speech", inputs, outputs, g.stored)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), str(path))
    return path
