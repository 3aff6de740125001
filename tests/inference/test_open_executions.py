"""Loops and branches of which nobody says how often they run: named in every report, and judged by no check."""

import json
from fractions import Fraction
from pathlib import Path

import jsonschema
import onnx
import pytest
from onnx import parser
from onnx_roofline.passes.executions import SHOWN_BODIES

from onnx_roofline.analysis.analyze import Analysis, analyze
from onnx_roofline.analysis.settings import Settings
from onnx_roofline.cli.main import main
from onnx_roofline.ir.open_records import OpenBodies, OpenBody
from onnx_roofline.ir.records import Executions
from onnx_roofline.report.contract import schema_of
from onnx_roofline.report.header import first_line

ROOT = Path(__file__).resolve().parents[2]
HEAD = '<ir_version: 10, opset_import: ["": 18, "local": 1]>\n'

# Nobody says how often the loop runs: an input does.
LOOP = (
    HEAD
    + """g (int64 m, float[4] x) => (float[4] y) {
  yes = Constant<value = bool {1}>()
  [decode] y = Loop(m, yes, x) <body = b (int64 i, bool k, float[4] a) => (bool d, float[4] o) {
    d = Identity(k)
    o = Exp(a)
  }>
}"""
)
# At most 10 times; what the body finds may end it earlier.
UNTIL = (
    HEAD
    + """g (float[4] x, float lim) => (float[4] y) {
  m = Constant<value = int64 {10}>()
  yes = Constant<value = bool {1}>()
  y = Loop(m, yes, x) <body = b (int64 i, bool k, float[4] a) => (bool d, float[4] o) {
    o = Exp(a)
    s = ReduceMax<keepdims = 0>(o)
    d = Less(s, lim)
  }>
}"""
)
# Until what the body finds ends it: no limit at all.
WHILE = UNTIL.replace("m = Constant<value = int64 {10}>()\n", "").replace("Loop(m, yes, x)", 'Loop("", yes, x)')
# then: 3 operations an element; else: 1, but more bytes.
BRANCH = (
    HEAD
    + """g (bool c, float[4] x) => (y) {
  [pick] y = If(c) <
    then_branch = t () => (float[4] p) { a = Exp(x) b = Exp(a) p = Exp(b) },
    else_branch = e () => (float[4] q) { n = Neg(x) w = Concat<axis = 0>(n, n, n, n, n, n, n, n) q = Identity(n) }>
}"""
)
# The same If, where one branch holds an op that nobody knows.
GUESS = BRANCH.replace("n = Neg(x)", "n = local.mystery(x)")
EXP, NEG = "if_0/then_branch/0:Exp", "if_0/else_branch/0:Neg"


def save(text: str, folder: Path) -> str:
    path = folder / "m.onnx"
    model = parser.parse_model(text.replace('Loop("",', "Loop(none,"))
    for node in model.graph.node:
        node.input[:] = ["" if name == "none" else name for name in node.input]
    onnx.save(model, str(path))
    return str(path)


def opened(analysis: Analysis) -> tuple[OpenBody, ...]:
    return analysis.model.whole(OpenBodies).found


def runs(analysis: Analysis, key: str) -> tuple[int | Fraction, str]:
    row = analysis.model.column(Executions)[key]
    return row.count, row.origin


@pytest.mark.parametrize(
    ("text", "coverage", "named"),
    [
        # the Constant and the Loop, and the body's Identity and Exp
        (LOOP, "4 ops (2 exact, 2 heuristic)", "ASSUMED trips: 1:Loop=1 (--trip 1:Loop=N)"),
        # two Constants and the Loop, and the body's three
        (UNTIL, "6 ops (3 exact, 3 bounded)", "trips AT MOST: 2:Loop=10 (--trip 2:Loop=N)"),
        (WHILE, "5 ops (2 exact, 3 heuristic)", "ASSUMED trips: 1:Loop=1 (--trip 1:Loop=N)"),
        # the If, and three in each branch
        (BRANCH, "7 ops (1 exact, 6 bounded)", "COSTLIER branches: 0:If=then (--branch 0:If.then=P)"),
    ],
)
def test_the_first_line_names_what_is_taken(text: str, coverage: str, named: str, tmp_path: Path) -> None:
    line = first_line(analyze(save(text, tmp_path)))
    assert line == f"coverage: 100 % of {coverage} · {named} · system: teaching"


def test_a_branch_whose_cost_nobody_knows_is_a_guess(tmp_path: Path) -> None:
    analysis = analyze(save(GUESS, tmp_path))
    assert opened(analysis) == (OpenBody("0:If", "branch", "then", "assumed"),)
    assert "ASSUMED branches: 0:If=then (--branch 0:If.then=P)" in first_line(analysis)


@pytest.mark.parametrize(
    ("text", "settings"),
    [
        (LOOP, Settings(trips={"decode": 7})),
        (UNTIL, Settings(trips={"y": 7})),
        (WHILE, Settings(trips={"y": 7})),
        (BRANCH, Settings(branches={"pick.then": Fraction(1, 2)})),
        (LOOP.replace("int64 m, ", "").replace("yes =", "m = Constant<value = int64 {3}>() yes ="), Settings()),
    ],
)
def test_what_is_stated_or_known_is_exact_and_not_named(text: str, settings: Settings, tmp_path: Path) -> None:
    analysis = analyze(save(text, tmp_path), settings)
    assert opened(analysis) == ()
    assert analysis.model.warnings == ()
    assert analysis.summary.status_counts["exact"] == analysis.summary.ops
    assert "trips" not in first_line(analysis)


def test_many_are_counted(tmp_path: Path) -> None:
    """A loop for each of 25 outputs: the line names four, the warnings twenty."""
    loop = """y{n} = Loop(m, yes, x) <body = b{n} (int64 i{n}, bool k{n}, float[4] a{n})
      => (bool d{n}, float[4] o{n}) {{ d{n} = Identity(k{n}) o{n} = Exp(a{n}) }}>\n"""
    loops = "".join(loop.format(n=n) for n in range(25))
    text = HEAD + f"g (int64 m, float[4] x) => (y0) {{ yes = Constant<value = bool {{1}}>()\n{loops} }}"
    analysis = analyze(save(text, tmp_path))
    line = first_line(analysis)
    assert "ASSUMED trips: 1:Loop=1, 2:Loop=1, 3:Loop=1, 4:Loop=1 and 21 more (--trip 1:Loop=N)" in line
    assert len(analysis.model.warnings) == SHOWN_BODIES + 1
    assert analysis.model.warnings[-1].message.startswith(f"{25 - SHOWN_BODIES} more loops or branches")


@pytest.mark.parametrize(
    ("text", "code", "where", "message"),
    [
        (
            LOOP,
            "assumed-trips",
            "1:Loop",
            "nothing says how often its body runs: 1 is assumed; --trip 1:Loop=N states it",
        ),
        (
            UNTIL,
            "bounded-trips",
            "2:Loop",
            "data decides how often its body runs: 10 is counted, an upper bound; --trip",
        ),
        (WHILE, "assumed-trips", "1:Loop", "1 is assumed"),
        (
            BRANCH,
            "bounded-branch",
            "0:If",
            "then_branch is counted, which has the most operations; --branch 0:If.then=P",
        ),
        (
            GUESS,
            "assumed-branch",
            "0:If",
            "no branch is sure to be the costlier: then_branch is assumed; --branch 0:If.then=P",
        ),
    ],
)
def test_the_json_warns(
    text: str, code: str, where: str, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["analyze", save(text, tmp_path), "--json", "-"]) == 0
    out, err = capsys.readouterr()
    document = json.loads(out)
    jsonschema.Draft202012Validator(schema_of("annotated-graph")).validate(document)
    (warning,) = [entry for entry in document["warnings"] if entry["code"] == code]
    assert warning["where"] == where
    assert message in warning["message"]
    assert f"[{code}]" in err
    (node,) = [entry for entry in document["graph"]["nodes"] if entry["id"] == where]
    assert {body["origin"] for body in node["bodies"]} == {"data" if "bounded" in code else "assumed"}


@pytest.mark.parametrize(
    ("text", "node", "lines"),
    [
        (
            LOOP,
            "loop_1/body/1",
            [
                "runs 1 x in one run of the model, by assumption",
                "1:Loop: trip count ASSUMED 1; --trip 1:Loop=N states it",
            ],
        ),
        (LOOP, "decode", ["runs 1 x in one run of the model", "its own body: trip count ASSUMED 1; --trip 1:Loop=N"]),
        (UNTIL, "o", ["runs 10 x in one run of the model, by an upper bound", "2:Loop: trip count at most 10; --trip"]),
        (
            BRANCH,
            EXP,
            ["runs 1 x in", "0:If: the condition is open, then_branch is counted (it has the most operations)"],
        ),
        (BRANCH, NEG, ["runs 0 x in", "0:If: the condition is open, then_branch is counted"]),
        (
            GUESS,
            EXP,
            [
                "runs 1 x in",
                "then_branch is counted (a guess: no branch is sure to be the costlier); --branch 0:If.then=P",
            ],
        ),
    ],
)
def test_explain_says_it_of_a_node_inside(
    text: str, node: str, lines: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["explain", save(text, tmp_path), node]) == 0
    printed = capsys.readouterr().out.splitlines()
    for wanted, line in zip(lines, printed[2:], strict=False):
        assert line.strip().startswith(wanted) or wanted in line


def test_explain_says_nothing_of_a_node_outside(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", save(LOOP, tmp_path), "0:Constant"]) == 0
    assert "runs 1 x" not in capsys.readouterr().out


def test_what_calls_a_function_reaches_what_it_holds(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A loop of unknown length over a call of a function that holds an open If: both are named."""
    text = (
        HEAD
        + """g (int64 m, bool c, float[4] x) => (float[4] y) {
  yes = Constant<value = bool {1}>()
  y = Loop(m, yes, x) <body = b (int64 i, bool k, float[4] a) => (bool d, float[4] o) {
    d = Identity(k)
    o = local.f(c, a)
  }>
}
<domain: "local", opset_import: ["": 18]>
f (c, s) => (z) {
  z = If(c) <then_branch = t () => (p) { p = Exp(s) }, else_branch = e () => (q) { q = Identity(s) }>
}"""
    )
    path = save(text, tmp_path)
    assert [(one.key, one.taken) for one in opened(analyze(path))] == [("1:Loop", "1"), ("local::f@0/0:If", "then")]
    assert main(["explain", path, "p"]) == 0
    out = capsys.readouterr().out
    assert "local::f@0/0:If: the condition is open" in out
    assert "1:Loop: trip count ASSUMED 1" in out
    assert main(["check", path, "--max", "flops=4"]) == 2
    assert "--trip 1:Loop=1, or --allow-assumed" in capsys.readouterr().err
    assert main(["check", path, "--trip", "1:Loop=1", "--max", "flops=4"]) == 0  # 4 exponentials at most


def test_what_never_runs_is_not_named(tmp_path: Path) -> None:
    """The loop stands in a branch of probability 0, then in one of 1/3."""
    text = (
        HEAD
        + """g (int64 m, bool c, float[4] x) => (float[4] y) {
  yes = Constant<value = bool {1}>()
  y = If(c) <then_branch = t () => (float[4] p) { p = Exp(x) }, else_branch = e () => (float[4] q) {
    q = Loop(m, yes, x) <body = b (int64 i, bool k, float[4] a) => (bool d, float[4] o) { d = Identity(k) o = Exp(a) }>
  }>
}"""
    )
    path = save(text, tmp_path)
    assert opened(analyze(path, Settings(branches={"then": Fraction(1)}))) == ()
    stated = analyze(path, Settings(branches={"then": Fraction(2, 3)}))
    assert [one.key for one in opened(stated)] == ["if_1/else_branch/0:Loop"]
    # The cost of the else-branch rests on an assumed trip count, so which branch is costlier is a guess too.
    assert [one.origin for one in opened(analyze(path))] == ["assumed", "assumed"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (LOOP, "found trip counts that nobody stated; state them, for example --trip 1:Loop=1, or --allow-assumed"),
        (WHILE, "found trip counts that nobody stated; state them, for example --trip 1:Loop=1, or"),
        (GUESS, "found branches that nobody stated; state them, for example --branch 0:If.then=1, or"),
        (
            LOOP.replace("float[4]", "float[n]"),
            "found dims and trip counts that nobody stated; state them, for example --dim n=1 --trip 1:Loop=1, or",
        ),
    ],
)
def test_check_refuses_to_judge_a_guess(
    text: str, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = save(text, tmp_path)
    assert main(["check", path, "--max", "flops=1G"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert message in line
    assert main(["check", path, "--max", "flops=1G", "--allow-assumed", "--allow-unknown"]) == 0


def test_check_takes_what_is_stated(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = save(LOOP, tmp_path)
    assert main(["check", path, "--trip", "decode=7", "--max", "flops=28"]) == 0  # 7 * 4 exponentials
    assert main(["check", path, "--trip", "decode=7", "--max", "flops=27"]) == 1


def test_check_takes_an_upper_bound_of_a_trip_count(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = save(UNTIL, tmp_path)
    assert main(["check", path, "--max", "transcendentals=40"]) == 0  # 10 * 4 exponentials
    assert "[bounded-trips]" in capsys.readouterr().err
    assert main(["check", path, "--max", "transcendentals=39"]) == 1


# then: 3 * 4 exponentials, each op reads and writes 16 B. else: 4 negations, 32 B; 16 B read and 8 * 16 B written.
THEN_BYTES, ELSE_BYTES = 3 * 32, 32 + 16 + 128


@pytest.mark.parametrize(
    ("limit", "code", "message"),
    [
        ("flops=12", 0, "1 limit held"),  # at most 12, whichever branch runs
        ("flops=11", 1, "flops is 12 FLOP"),
        ("transcendentals=12", 0, "1 limit held"),
        ("parameters=0", 0, "1 limit held"),  # the same in both
        ("sequential_steps=3", 0, "1 limit held"),
        (f"naive_bytes={ELSE_BYTES}", 0, "1 limit held"),
        (
            f"naive_bytes={ELSE_BYTES - 1}",
            2,
            "naive_bytes is 96 B with the branches that have the most operations and is",
        ),
        (
            f"naive_bytes={THEN_BYTES}",
            2,
            "up to 176 B with others; the limit is 96; state the branch, for example --branch",
        ),
        (f"naive_bytes={THEN_BYTES - 1}", 1, "naive_bytes is 96 B"),
        ("adds=4", 0, "1 limit held"),
        ("adds=3", 2, "adds is 0 with the branches that have the most operations and is up to 4 with others"),
        (
            "time_s.placement=1s",
            2,
            "may be more with others; the limit is 1s; state the branch, for example --branch 0:If",
        ),
        ("time_s.teaching-gpu=1s", 0, "1 limit held"),
    ],
)
def test_check_judges_a_limit_by_the_most_over_all_branches(
    limit: str, code: int, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = save(BRANCH, tmp_path)
    assert main(["check", path, "--max", limit]) == code
    assert message in "".join(capsys.readouterr())
    assert main(["check", path, "--max", limit, "--allow-assumed"]) == (1 if code == 1 else 0)


def test_a_sweep_names_them_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["analyze", save(LOOP.replace("float[4]", "float[n]"), tmp_path), "--sweep", "n=1,2"]) == 0
    assert capsys.readouterr().out.splitlines()[1] == "ASSUMED trips: 1:Loop=1 (--trip 1:Loop=N)"


def test_a_placement_that_no_branch_takes_part_in_is_judged(tmp_path: Path) -> None:
    """Both branches are views: which one runs changes no time."""
    text = (
        HEAD
        + """g (bool c, float[4] x) => (y) {
  v = If(c) <then_branch = t () => (p) { p = Identity(x) }, else_branch = e () => (q) { q = Flatten<axis = 0>(x) }>
  y = Exp(x)
}"""
    )
    path = save(text, tmp_path)
    assert [one.key for one in opened(analyze(path))] == ["0:If"]
    assert main(["check", path, "--max", "time_s.placement=1s"]) == 0


def test_a_time_of_a_device_that_cannot_run_the_other_branch_is_not_judged(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The branch that is not counted negates a float64, which the PIM has no peak for."""
    text = (
        HEAD
        + """g (bool c, float16[4] x, double[2] d) => (y) {
  y = If(c) <then_branch = t () => (p) { p = Neg(x) }, else_branch = e () => (q) { q = Neg(d) }>
}"""
    )
    path, limit = save(text, tmp_path), "time_s.hbm-pim=1s"
    assert main(["check", path, "--system", "a100-hbm-pim", "--max", limit]) == 2
    assert "may be more with others" in capsys.readouterr().err


@pytest.mark.parametrize("metric", ["naive_bytes", "compulsory_bytes", "moved_bytes", "time_s.teaching-gpu"])
def test_bytes_that_nobody_knows_in_the_other_branch_are_not_none(
    metric: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """How long the strings are that the branch transposes nothing says; its operations are known, there are none."""
    text = BRANCH.replace("float[4] x)", "float[4] x, string[8, 8] s)")
    text = text.replace(text[text.index("n = Neg") : text.index(" }>")], "q = Transpose(s)")
    path = save(text, tmp_path)
    assert main(["check", path, "--max", f"{metric}=1G"]) == 2
    assert "may be more with others" in capsys.readouterr().err
    assert main(["check", path, "--max", f"{metric}=1G", "--branch", "then=1"]) == 0
    assert main(["check", path, "--max", "flops=12"]) == 0  # 3 * 4 exponentials, or no operation
