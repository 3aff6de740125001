"""Small models with what MLIR has a form of its own for, and xDSL's parser with nothing left from an earlier run."""

from pathlib import Path

import onnx
from onnx import parser
from xdsl.context import Context
from xdsl.dialect_interfaces.op_asm import OpAsmDialectInterface
from xdsl.dialects.builtin import Builtin, ModuleOp
from xdsl.dialects.func import Func
from xdsl.ir import Dialect
from xdsl.parser import Parser

HEAD = '<ir_version: 10, opset_import: ["": 21, "com.microsoft": 1, "own": 1]>\n'

BRANCH = """g (float[2, 4] x, bool c) => (float[2, 4] y) {
  a = Neg (x)
  y = If (c) <
    else_branch = e () => (float[2, 4] z) { z = Exp (a) },
    then_branch = t () => (float[2, 4] z) { w = Constant <value = float {2.0}> () b = Mul (a, w) z = Add (b, x) }>
}"""
LOOP = """g (float[2, 4] x) => (float[2, 4] y, float[3, 2] s) <int64[1] one = {1}, int64 n = {3}, bool go = {1}> {
  y, s = Loop (n, go, x) <body = b (int64 i, bool on, float[2, 4] v) => (bool more, float[2, 4] w, float[2] r) {
    more = Identity (on)
    w = Tanh (v)
    r = ReduceSum <keepdims = 0> (w, one)
  }>
}"""
SCAN = """g (float[5, 3] x) => (float[3] last, float[5, 3] y) <float[3] h = {0, 0, 0}> {
  last, y = Scan <num_scan_inputs = 1, body = b (float[3] a, float[3] r) => (float[3] n, float[3] o) {
    n = Add (a, r)
    o = Sqrt (n)
  }> (h, x)
}"""
FUNCTIONS = """g (float[2, 4] x, float[8] z) => (y, q) {
  a = own.Twice <factor = 3.0> (x)
  y = own.Twice <factor = 2.0> (a)
  q = own.Twice <factor = 2.0> (z)
}
<domain: "own", opset_import: ["": 21, "own": 1]>
Twice <factor> (p) => (r) { f = Constant <value_float: float = @factor> () t = own.Scaled (p, f) r = Add (t, t) }
<domain: "own", opset_import: ["": 21]>
Scaled (p, f) => (r) { r = Mul (p, f) }"""
CUSTOM = """g (float[2, 4] x, float[4, 3] w, float[3, 3] k) => (float[2, 3] y, u) <float top = {6.0}> {
  p = com.microsoft.FusedMatMul <transA = 0, alpha = 0.5> (x, w)
  c = Clip (p, , top)
  y = MatMul (c, k)
  u = own.Mystery <level = 3, name = "a\\"b\\nc", parts = [1.5, 2.0], names = ["x", "y"]> (y)
}"""
TEXTS = {"branch": BRANCH, "loop": LOOP, "scan": SCAN, "functions": FUNCTIONS, "custom": CUSTOM}


def save(name: str, folder: Path) -> Path:
    """The model of a name as a file."""
    path = folder / f"{name}.onnx"
    onnx.save(parser.parse_model(HEAD + TEXTS[name]), path)
    return path


def parsed(text: str) -> ModuleOp:
    """The verified module; a key of a resource that an earlier text had is no other key here."""
    context = Context(allow_unregistered=True)
    context.load_dialect(
        Dialect("builtin", list(Builtin.operations), list(Builtin.attributes), [OpAsmDialectInterface()])
    )
    context.load_dialect(Func)
    module = Parser(context, text).parse_module()
    module.verify()
    return module
