# ruff: noqa: E501 - a graph is one text
"""The patterns as exporters write them: pattern, nodes in ONNX's text form, inputs. Each is one kernel."""

X = {"x": (2, 16, 8)}
HEADS = {"q": (1, 4, 16, 8), "k": (1, 4, 16, 8), "v": (1, 4, 16, 8)}
IMAGE = {"x": (1, 4, 8, 8)}
CONV = {"w": (4, 4, 3, 3), "b": (4,)}
NORM = {"scale": (4,), "shift": (4,), "mean": (4,), "var": (4,)}
NUMBERS = {
    "half": 0.5, "one": 1.0, "two": 2.0, "three": 3.0, "six": 6.0, "zero": 0.0, "root2": 1.41421, "c": 0.044715,
    "pi": 0.797885, "eps": 1e-5, "alpha": 1.702, "last": [-1], "steps": [1], "start0": [0], "start4": [4],
    "end4": [4], "end8": [8],
}  # fmt: skip

ERF = """
d = Div(x, root2)
e = Erf(d)
a = Add(e, one)
"""
TANH = """
p = Pow(x, three)
pc = Mul(p, c)
s = Add(x, pc)
t = Mul(s, pi)
th = Tanh(t)
a = Add(one, th)
"""
LAYER = """
m = ReduceMean<keepdims=1>(x, last)
d = Sub(x, m)
p = Pow(d, two)
var = ReduceMean<keepdims=1>(p, last)
e = Add(var, eps)
r = Sqrt(e)
"""
SQUARES = """
p = Pow(x, two)
m = ReduceMean<keepdims=1>(p, last)
e = Add(m, eps)
r = Sqrt(e)
"""
HALVES = """
low = Slice(x, start0, end4, last, steps)
high = Slice(x, start4, end8, last, steps)
n = Neg(high)
"""

WHOLE = [
    ("gelu_erf", ERF + "m = Mul(x, a)\ny = Mul(m, half)", X),
    ("gelu_erf", ERF + "m = Mul(half, a)\ny = Mul(m, x)", X),
    ("gelu_erf", ERF + "m = Mul(x, half)\ny = Mul(m, a)", X),
    ("gelu_erf", ERF.replace("Div(x, root2)", "Mul(root2, x)") + "m = Mul(x, a)\ny = Mul(m, half)", X),
    ("gelu_erf_torchscript", ERF + "m = Mul(x, a)\ny = Mul(m, half)", X),
    ("gelu_tanh", TANH + "h = Mul(half, x)\ny = Mul(h, a)", X),
    ("gelu_tanh", TANH + "h = Mul(half, a)\ny = Mul(x, h)", X),
    ("gelu_tanh", TANH.replace("p = Pow(x, three)", "xx = Mul(x, x)\np = Mul(x, xx)") + "h = Mul(half, x)\ny = Mul(h, a)", X),
    ("silu", "s = Sigmoid(x)\ny = Mul(x, s)", X),
    ("quick_gelu", "i = Mul(x, alpha)\ns = Sigmoid(i)\ny = Mul(s, x)", X),
    ("hard_swish", "a = Add(x, three)\nr = Clip(a, zero, six)\nm = Mul(x, r)\ny = Div(m, six)", X),
    ("hard_swish", "a = Add(x, three)\nr = Clip(a, zero, six)\nd = Div(r, six)\ny = Mul(x, d)", X),
    ("hard_swish", "h = HardSigmoid(x)\ny = Mul(x, h)", X),
    ("hard_sigmoid", "a = Add(x, three)\nr = Clip(a, zero, six)\ny = Div(r, six)", X),
    ("mish", "s = Softplus(x)\nt = Tanh(s)\ny = Mul(x, t)", X),
    ("mish", "e = Exp(x)\na = Add(e, one)\ns = Log(a)\nt = Tanh(s)\ny = Mul(x, t)", X),
    ("layer_norm", LAYER + "n = Div(d, r)\ng = Mul(n, w)\ny = Add(g, b)", X),
    ("layer_norm", LAYER + "n = Div(d, r)\ny = Mul(n, w)", X),
    ("layer_norm", LAYER + "i = Reciprocal(r)\nn = Mul(d, i)\ng = Mul(w, n)\ny = Add(b, g)", X),
    ("layer_norm", LAYER.replace("Pow(d, two)", "Mul(d, d)") + "y = Div(d, r)", X),
    ("layer_norm", LAYER.replace("p = Pow(d", "d2 = Sub(x, m)\np = Pow(d2") + "n = Div(d, r)\ng = Mul(n, w)\ny = Add(g, b)", X),
    ("layer_norm_affine", LAYER + "n = Div(d, r)\ng = Mul(n, w)\ny = Add(g, b)", X),
    ("rms_norm", SQUARES + "i = Reciprocal(r)\nn = Mul(x, i)\ny = Mul(w, n)", X),
    ("rms_norm", SQUARES + "i = Div(one, r)\nn = Mul(x, i)\ny = Mul(w, n)", X),
    ("rms_norm", SQUARES + "n = Div(x, r)\ny = Mul(n, w)", X),
    ("rms_norm", SQUARES + "y = Div(x, r)", X),
    ("rms_norm_div", SQUARES + "n = Div(x, r)\ny = Mul(n, w)", X),
    ("softmax", "m = ReduceMax<keepdims=1>(x, last)\nd = Sub(x, m)\ne = Exp(d)\ns = ReduceSum<keepdims=1>(e, last)\ny = Div(e, s)", X),
    ("softmax", "e = Exp(x)\ns = ReduceSum<keepdims=1>(e, last)\ni = Reciprocal(s)\ny = Mul(e, i)", X),
    ("masked_softmax", "s = Div(x, root2)\na = Add(s, k)\ny = Softmax(a)", X | {"k": (16, 8)}),
    ("masked_softmax", "a = Add(x, k)\ny = Softmax(a)", X | {"k": (16, 8)}),
    ("masked_softmax", "s = Mul(x, half)\ny = Softmax(s)", X),
    ("rotary_embedding", HALVES + "h = Concat<axis=-1>(n, low)\na = Mul(x, k)\nb2 = Mul(h, k)\ny = Add(a, b2)", X | {"k": (16, 8)}),
    ("rotary_embedding", "low, high = Split<axis=-1, num_outputs=2>(x)\nn = Neg(high)\nh = Concat<axis=-1>(n, low)\na = Mul(x, k)\nb2 = Mul(h, k)\ny = Add(b2, a)", X | {"k": (16, 8)}),
    ("skip_layer_norm", "s = Add(x, k)\ny = LayerNormalization(s, w, b)", X | {"k": (2, 16, 8)}),
    ("bias_gelu", "a2 = Add(x, b)\ny = com.microsoft.Gelu(a2)", X),
    ("bias_gelu", "x2 = Add(x, b)" + ERF.replace("x,", "x2,") + "m = Mul(x2, a)\ny = Mul(m, half)", X),
    ("matmul_bias", "m = MatMul(x, square)\ny = Add(b, m)", X),
    ("matmul_epilogue", "m = MatMul(x, square)\na = Add(b, m)\ny = Relu(a)", X),
    ("gemm_activation", "m = Gemm(x, square, b)\ny = Tanh(m)", {"x": (16, 8)}),
    ("gemm_activation", "m = MatMul(x, square)\na = Add(m, b)\ny = Relu(a)", {"x": (16, 8)}),
    ("fused_matmul", "s = Mul(x, half)\nt = Transpose<perm=[0,2,1]>(k)\nm = MatMul(s, t)\ny = Div(m, root2)", X | {"k": (2, 16, 8)}),
    ("transposes", "t = Transpose<perm=[0,2,1]>(x)\ny = Transpose<perm=[1,0,2]>(t)", X),
]  # fmt: skip
CONVS = [
    ("conv_epilogue", "y0 = Conv<pads=[1,1,1,1]>(x, w)\ny = Relu(y0)"),
    ("conv_epilogue", "y0 = Conv<pads=[1,1,1,1]>(x, w)\ny1 = BatchNormalization(y0, scale, shift, mean, var)\ny = Clip(y1, zero, six)"),
    ("conv_epilogue", "y0 = Conv<pads=[1,1,1,1]>(x, w)\ny1 = BatchNormalization(y0, scale, shift, mean, var)\ny2 = Mul(y1, channel)\ny3 = Add(y2, channel)\ny = Relu(y3)"),
    ("conv_residual", "y0 = Conv<pads=[1,1,1,1]>(x, w)\ny1 = BatchNormalization(y0, scale, shift, mean, var)\ny2 = Add(y1, x)\ny = Relu(y2)"),
    ("pad_conv", "p = Pad(x, pads)\ny = Conv(p, w)"),
]  # fmt: skip
ATTENTION = [
    # TorchScript: scale on the scores, additive mask
    "t = Transpose<perm=[0,1,3,2]>(k)\nm = MatMul(q, t)\ns = Div(m, root2)\na = Add(s, mask)\np = Softmax<axis=-1>(a)\ny = MatMul(p, v)",
    # dynamo: the root of the scale on Q and K, the guard against rows that are masked as a whole
    "t = Transpose<perm=[0,1,3,2]>(k)\nqs = Mul(q, half)\nks = Mul(t, half)\nm = MatMul(qs, ks)\na = Add(m, mask)\np = Softmax<axis=-1>(a)\nn = IsNaN(p)\ng = Where(n, zero, p)\ny = MatMul(g, v)",
    # scale before the transpose, no mask, heads put back in order
    "ks = Mul(k, half)\nt = Transpose<perm=[0,1,3,2]>(ks)\nm = MatMul(q, t)\np = Softmax<axis=-1>(m)\no = MatMul(p, v)\ny = Transpose<perm=[0,2,1,3]>(o)",
    # causal by Where, then an additive mask; relative position bias
    "t = Transpose<perm=[0,1,3,2]>(k)\nm = MatMul(q, t)\na = Add(m, mask)\nw2 = Where(causal, a, zero)\np = Softmax<axis=-1>(w2)\ny = MatMul(p, v)",
    "t = Transpose<perm=[0,1,3,2]>(k)\nm = MatMul(q, t)\na = Add(m, mask)\na2 = Add(a, mask)\np = Softmax<axis=-1>(a2)\ny = MatMul(p, v)",
]  # fmt: skip
