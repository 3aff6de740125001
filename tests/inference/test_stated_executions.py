"""--trip and --branch name loops and Ifs as `explain` names an op; what names none or several is refused."""

from fractions import Fraction
from pathlib import Path

import onnx
import pytest
from onnx import parser

from onnx_roofline.analysis.analyze import Analysis, analyze
from onnx_roofline.analysis.settings import Settings
from onnx_roofline.base.errors import UsageError
from onnx_roofline.cli.main import main
from onnx_roofline.ir.find_op import find_op, ops_of_file
from onnx_roofline.ir.records import FRACTION_BITS, Executions

HEAD = '<ir_version: 10, opset_import: ["": 18, "local": 1]>\n'

# Two loops of unknown length, the second with a loop and an If inside; each Exp and Neg works on 4 elements.
LOOPS = (
    HEAD
    + """g (int64 m, bool c, float[4] x) => (float[4] z, float[4] y) {
  yes = Constant<value = bool {1}>()
  [decode] y = Loop(m, yes, x) <body = b (int64 i, bool k, float[4] a) => (bool d, float[4] o) {
    d = Identity(k)
    o = Exp(a)
  }>
  [outer] z = Loop(m, yes, y) <body = b2 (int64 i2, bool k2, float[4] a2) => (bool d2, float[4] w2) {
    d2 = Identity(k2)
    [inner] o2 = Loop(m, yes, a2) <body = b3 (int64 i3, bool k3, float[4] a3) => (bool d3, float[4] o3) {
      d3 = Identity(k3)
      o3 = Neg(a3)
    }>
    [pick] w2 = If(c) <then_branch = t () => (float[4] p) { p = Exp(o2) },
                      else_branch = e () => (float[4] q) { q = Neg(o2) }>
  }>
}"""
)
# A function with a loop, called with two signatures, and once more with the first.
FUNCTIONS = (
    HEAD
    + """g (int64 m, float[4] x, float[2, 3] v) => (float[4] y, float[2, 3] w) {
  u = local.f(m, x)
  w = local.f(m, v)
  y = local.f(m, u)
}
<domain: "local", opset_import: ["": 18]>
f (m, a) => (z) {
  yes = Constant<value = bool {1}>()
  [repeat] z = Loop(m, yes, a) <body = b (int64 i, bool k, float[n] s) => (bool d, float[n] o) {
    d = Identity(k)
    o = Neg(s)
  }>
}"""
)
DECODE, INNER = "loop_1/body/1:Exp", "loop_2/body/loop_1/body/1:Neg"
THEN, ELSE = "loop_2/body/if_2/then_branch/0:Exp", "loop_2/body/if_2/else_branch/0:Neg"


def save(text: str, folder: Path) -> str:
    path = folder / "m.onnx"
    onnx.save(parser.parse_model(text), str(path))
    return str(path)


def counts(analysis: Analysis) -> dict[str, int | Fraction]:
    return {key: row.count for key, row in analysis.model.column(Executions).items()}


@pytest.mark.parametrize("node", ["1:Loop", "1", "decode", "y"])
def test_a_loop_by_its_id_index_name_or_tensor(node: str, tmp_path: Path) -> None:
    found = counts(analyze(save(LOOPS, tmp_path), Settings(trips={node: 7})))
    assert (found[DECODE], found[INNER]) == (7, 1)


@pytest.mark.parametrize("node", ["loop_2/body/1:Loop", "loop_2/body/1", "inner", "o2"])
def test_a_loop_in_a_loop(node: str, tmp_path: Path) -> None:
    found = counts(analyze(save(LOOPS, tmp_path), Settings(trips={node: 7, "2:Loop": 5})))
    assert (found[DECODE], found[INNER], found[THEN] + found[ELSE]) == (1, 5 * 7, 5)


@pytest.mark.parametrize("node", ["loop_2/body/2:If", "loop_2/body/2", "pick", "w2"])
def test_an_if_in_a_loop(node: str, tmp_path: Path) -> None:
    settings = Settings(branches={f"{node}.then": Fraction(1, 4)}, trips={"outer": 2})
    found = counts(analyze(save(LOOPS, tmp_path), settings))
    assert (found[THEN], found[ELSE]) == (Fraction(1, 2), Fraction(3, 2))


def test_every_if_at_once_and_one_otherwise(tmp_path: Path) -> None:
    path = save(LOOPS, tmp_path)
    assert counts(analyze(path, Settings(branches={"else": Fraction(1)})))[ELSE] == 1
    said = {"else": Fraction(1), "pick.then": Fraction(1), "pick.else": Fraction(0)}
    assert counts(analyze(path, Settings(branches=said)))[ELSE] == 0


@pytest.mark.parametrize(
    ("node", "runs"),
    [
        ("repeat", (2 * 7, 7)),  # every signature; the first is called twice
        ("z", (2 * 7, 7)),
        ("local::f@0/1:Loop", (2 * 7, 1)),
        ("local::f@1/1:Loop", (2, 7)),
        ("local::f@1/1", (2, 7)),
        ("local::f@/1:Loop", (2 * 7, 7)),
    ],
)
def test_a_loop_in_a_function(node: str, runs: tuple[int, int], tmp_path: Path) -> None:
    found = counts(analyze(save(FUNCTIONS, tmp_path), Settings(trips={node: 7})))
    assert (found["local::f@0/loop_1/body/1:Neg"], found["local::f@1/loop_1/body/1:Neg"]) == runs


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["--trip", "bogus=7"],
            "--trip bogus: found no Loop, Scan or SequenceMap of that id or name; found 1:Loop, 2",
        ),
        (["--trip", "decod=7"], "did you mean decode?"),
        (["--trip", "0:Loop=7"], "did you mean 2:Loop, 1:Loop"),
        (["--trip", "0:Constant=7"], "--trip 0:Constant: found 0:Constant, which is no Loop, Scan or SequenceMap"),
        (["--trip", "pick=7"], "--trip pick: found loop_2/body/2:If, which is no Loop"),
        (["--trip", "1=7", "--trip", "decode=8"], "--trip decode: found 8 for 1:Loop, and 7 elsewhere"),
        (["--branch", "bogus.then=0.5"], "--branch bogus: found no If of that id or name; found loop_2/body/2:If"),
        (["--branch", "pck.else=0.5"], "did you mean pick?"),
        (["--branch", "decode.then=0.5"], "--branch decode: found 1:Loop, which is no If"),
        (["--branch", "pick.then=0.5", "--branch", "w2.else=0.6"], "found then=2/5 for loop_2/body/2:If, and then=1/2"),
        (["--branch", "then=0.5", "--branch", "else=0.6"], "found then=2/5 for every If, and then=1/2 elsewhere"),
    ],
)
def test_a_wrong_reference_is_one_line_and_exit_2(
    arguments: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["analyze", save(LOOPS, tmp_path), *arguments]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"onnx-roofline: {tmp_path}/m.onnx: --")
    assert message in line


def test_a_reference_that_fits_several_lists_them(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="twice: found 2 ops of that name: 1:Loop, 2:Loop; wanted one id"):
        analyze(
            save(LOOPS.replace("[decode]", "[twice]").replace("[outer]", "[twice]"), tmp_path),
            Settings(trips={"twice": 3}),
        )


def test_an_id_counts_before_a_name_and_a_name_before_a_tensor(tmp_path: Path) -> None:
    """The second loop is called as the id of the first one, and makes a tensor called as the first one is."""
    text = LOOPS.replace("[outer] z", '["1:Loop"] decode').replace("float[4] z", "float[4] decode")
    path = save(text.replace('["1:Loop"]', "[other]"), tmp_path)
    assert counts(analyze(path, Settings(trips={"decode": 7})))[DECODE] == 7
    model = onnx.load(path)
    model.graph.node[2].name = "1:Loop"
    onnx.save(model, path)
    assert counts(analyze(path, Settings(trips={"1:Loop": 7})))[DECODE] == 7


def test_a_signature_that_there_is_not(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"--trip local::f@7/1:Loop: found no .*did you mean local::f@[01]/1:Loop"):
        analyze(save(FUNCTIONS, tmp_path), Settings(trips={"local::f@7/1:Loop": 3}))


def test_a_file_without_branches_has_none_to_state(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    for option in (["--branch", "then=0.5"], ["--branch", "x.then=0.5"]):
        assert main(["analyze", save(FUNCTIONS, tmp_path), *option]) == 2
        assert "the file has no If" in capsys.readouterr().err


def test_what_the_file_decides_is_not_changed_and_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A known condition, a loop in the branch that it leaves out, and the length of a Scan."""
    text = (
        HEAD
        + """g (int64 m, float[3, 4] x) => (float[3, 4] y, float[3, 4] s) {
  yes = Constant<value = bool {1}>()
  [known] y = If(yes) <then_branch = t () => (float[3, 4] p) { p = Exp(x) }, else_branch = e () => (float[3, 4] q) {
    [never] q = Loop(m, yes, x) <body = b (int64 i, bool k, float[3, 4] a) => (bool d, float[3, 4] o) {
      d = Identity(k)
      o = Neg(a)
    }>
  }>
  [rows] s = Scan <num_scan_inputs = 1, body = b2 (float[4] r) => (float[4] n) { n = Neg(r) }>(x)
}"""
    )
    options = ["--branch", "known.then=0.5", "--trip", "never=3", "--trip", "rows=9"]
    assert main(["analyze", save(text, tmp_path), *options, "--json", str(tmp_path / "m.json")]) == 0
    assert [line for line in capsys.readouterr().err.splitlines() if "unused-option" in line] == [
        "warning: if_1/else_branch/0:Loop: --trip 'never' changes nothing: it does not run [unused-option]",
        "warning: 2:Scan: --trip 'rows' changes nothing: the file decides it [unused-option]",
        "warning: 1:If: --branch 'known' changes nothing: the file decides it [unused-option]",
    ]


def test_a_scan_of_unknown_length_takes_one(tmp_path: Path) -> None:
    text = (
        HEAD
        + """g (float[3, 4] x) => (s) {
  u = local.mystery(x)
  [rows] s = Scan <num_scan_inputs = 1, body = b (float[4] r) => (float[4] n) { n = Neg(r) }>(u)
}"""
    )
    path = save(text, tmp_path)
    assert counts(analyze(path))["scan_1/body/0:Neg"] == 1
    assert counts(analyze(path, Settings(trips={"rows": 9})))["scan_1/body/0:Neg"] == 9


def test_what_explain_takes_the_options_take(tmp_path: Path) -> None:
    """Every op of a file without functions has the id before shapes are known that its row has after."""
    analysis = analyze(save(LOOPS, tmp_path))
    ops = ops_of_file(analysis.model)
    assert set(ops) == set(analysis.model.column(Executions))
    assert find_op(ops, "loop_2/body/1") == find_op(ops, "inner") == find_op(ops, "o2") == "loop_2/body/1:Loop"


def test_a_name_of_any_length_costs_little_and_prints_little(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["analyze", save(LOOPS, tmp_path), "--trip", f"{'x' * 100_000}=7"]) == 2
    assert len(capsys.readouterr().err) < 600


def test_probabilities_along_a_deep_chain_keep_few_digits(tmp_path: Path) -> None:
    """Each of 1,500 functions calls the next in a branch: with 18 digits more for each the sums would take minutes."""
    depth, share = 1500, Fraction("0.333333333333333333")
    bodies = [f"p = local.f{i + 1} (c, s)" for i in range(depth - 1)] + ["p = Exp (s)"]
    functions = "".join(
        f"""<domain: "local", opset_import: ["": 18, "local": 1]> f{i} (c, s) => (z) {{
          z = If (c) <then_branch = t () => (p) {{ {body} }}, else_branch = e () => (q) {{ q = Identity (s) }}>
        }}"""
        for i, body in enumerate(bodies)
    )
    path = save(HEAD + "g (bool c, float[4] x) => (y) { y = local.f0 (c, x) }" + functions, tmp_path)
    runs = counts(analyze(path, Settings(branches={"then": share})))
    assert max(runs.values(), key=lambda count: count.denominator).denominator <= 2**FRACTION_BITS
    assert runs["local::f3@0/0:If"] == share**3
    # Below the smallest float, and not 0: it may run.
    assert 0 < runs[f"local::f{depth - 1}@0/0:If"] < Fraction(1, 2**1074)
