"""A limit on the placed time is judged only where no choice of branch could change what is placed."""

from pathlib import Path

import onnx
import pytest
from onnx import parser

from onnx_roofline.cli.main import main

HEAD = '<ir_version: 10, opset_import: ["": 18]>\n'
KERNEL, EMPTY = "Exp(x)", "Identity(x)"


def judged(folder: Path, body: str) -> int:
    """The exit code of a check of the placed time of a model with this body."""
    path = folder / "m.onnx"
    text = HEAD + f"g (bool c, float[4] x) => (y) {{\n{body}\n  y = Neg(x)\n}}"
    onnx.save(parser.parse_model(text), path)
    return main(["check", str(path), "--max", "time_s.placement=1s"])


def choice(then: str, otherwise: str, name: str = "v") -> str:
    return (
        f"  {name} = If(c) <then_branch = t{name} () => (p{name}) {{ p{name} = {then} }},"
        f" else_branch = e{name} () => (q{name}) {{ q{name} = {otherwise} }}>"
    )


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (choice(EMPTY, EMPTY), 0),
        (choice(KERNEL, EMPTY), 2),
        (choice(EMPTY, KERNEL), 2),
        (choice(KERNEL, KERNEL), 2),
        # A second If, of which no branch holds anything, changes nothing, wherever it stands.
        (choice(KERNEL, EMPTY) + "\n" + choice(EMPTY, EMPTY, "w"), 2),
        (choice(EMPTY, EMPTY, "w") + "\n" + choice(EMPTY, KERNEL), 2),
        (choice(EMPTY, EMPTY) + "\n" + choice(EMPTY, EMPTY, "w"), 0),
    ],
)
def test_a_branch_with_a_kernel_beside_an_empty_one(
    body: str, code: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert judged(tmp_path, body) == code
    assert ("may be more with others" in capsys.readouterr().err) == (code == 2)


def test_kernels_of_a_loop_that_is_known_are_no_choice(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The loop runs 3 times and holds a kernel; the If beside it is open and empty."""
    loop = """  m = Constant<value = int64 {3}>()
      yes = Constant<value = bool {1}>()
      z = Loop(m, yes, x) <body = b (int64 i, bool k, float[4] a) => (bool d, float[4] o) {
        d = Identity(k)
        o = Exp(a)
      }>\n"""
    assert judged(tmp_path, loop + choice(EMPTY, EMPTY)) == 0
    assert judged(tmp_path, loop + choice(EMPTY, KERNEL)) == 2
