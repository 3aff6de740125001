"""Tables for people: what fits which console, equal rows in one, the rest in one more, and colours that only repeat."""

import re
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import onnx
import pytest
from onnx import helper, parser

from onnx_roofline.analysis.analyze import Analysis, analyze
from onnx_roofline.analysis.settings import Settings
from onnx_roofline.cli.main import main
from onnx_roofline.report.explain_model import waste_lines
from onnx_roofline.report.fold import fold_names
from onnx_roofline.report.kernel_rows import KernelRow, is_wasteful, kernel_rows, most_wasted
from onnx_roofline.report.modules import module_rows_within
from onnx_roofline.report.table import Shown, render
from onnx_roofline.report.text_table import Column, Screen, Table, columns_of, table_lines

ROOT = Path(__file__).resolve().parents[2]
SAMPLES = ROOT / "sample_models"
ANSI = re.compile(r"\x1b\[\d+m")
# Four op types in three modules.
NAMES = ("/a/exp", "/a/neg", "/b/product", "/c/softmax")
MODEL = """<ir_version: 10, opset_import: ["": 18]>
g (float[64, 64] x) => (y) {
  a = Exp(x)
  b = Neg(a)
  c = MatMul(b, b)
  y = Softmax(c)
}"""


@pytest.fixture(scope="module")
def bert() -> Analysis:
    dims = {"batch": 1, "sequence": 128}
    return analyze(SAMPLES / "bert_base.onnx", Settings(dims=dims, system="h100-sxm", assume_dtype="float16"))


@pytest.fixture(scope="module")
def decoder() -> Analysis:
    dims = {"batch": 1, "past_sequence": 1023}
    return analyze(SAMPLES / "llama_decode.onnx", Settings(dims=dims, system="a100-attacc", assume_dtype="float16"))


def saved(path: Path, names: Sequence[str]) -> Path:
    model = parser.parse_model(MODEL)
    for node, name in zip(model.graph.node, names, strict=True):
        node.name = name
    onnx.save(model, path)
    return path


def towers(path: Path, ops: Callable[[int], str], modules: Sequence[str]) -> Path:
    """Ops one after another, one a module."""
    tensors = ["x", *(f"t{number}" for number in range(len(modules)))]
    nodes = [
        helper.make_node(ops(number), [tensors[number]], [tensors[number + 1]], name=f"/{module}/op")
        for number, module in enumerate(modules)
    ]
    ends = [helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [64, 64]) for name in (tensors[0], tensors[-1])]
    graph = helper.make_graph(nodes, "towers", ends[:1], ends[1:])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10), path)
    return path


def section(lines: Sequence[str], title: str) -> list[str]:
    """The lines of a table, without its title."""
    start = next(number for number, line in enumerate(lines) if line.startswith(title))
    end = next(number for number in range(start, len(lines)) if not lines[number])
    return list(lines[start + 1 : end])


def printed(analysis: Analysis, width: int = 120, shown: Shown = Shown(), **screen: bool) -> list[str]:  # noqa: B008
    return list(render(analysis, Screen(width, **screen), shown))


def headers(lines: Sequence[str], title: str) -> list[str]:
    return section(lines, title)[0].split()


# What fits -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("width", [48, 60, 80, 100, 120, 160, 200])
def test_tables_fit_and_no_line_ends_in_blanks(width: int, bert: Analysis, decoder: Analysis) -> None:
    for analysis in (bert, decoder):
        lines = printed(analysis, width)
        assert [line for line in lines if line != line.rstrip()] == []
        for title in ("Totals", "Kernels", "By op type", "By module"):
            assert max(map(columns_of, section(lines, title))) <= width


def test_eighty_columns_show_what_one_asks_first(bert: Analysis, decoder: Analysis) -> None:
    assert headers(printed(bert, 80), "Kernels") == ["op", "name", "time", "bound", "share"]
    assert headers(printed(decoder, 80), "Kernels") == ["op", "name", "time", "bound", "on", "share"]


def test_wider_consoles_show_more_and_say_how_much_is_hidden(decoder: Analysis) -> None:
    shown = []
    for width in (80, 120, 200):
        lines = printed(decoder, width)
        title = next(line for line in lines if line.startswith("Kernels"))
        hidden = re.search(r" · (\d+) columns? hidden, --wide$", title)
        # "on DEVICE" is one header of two words for each of two devices; two columns have no header.
        words = [word for word in headers(lines, "Kernels") if word not in ("a100-sxm-80gb", "attacc")]
        has_bar = any("█" in line for line in lines)
        shown.append((len(words) + 1 + has_bar, int(hidden[1]) if hidden else 0))
    assert [count + hidden for count, hidden in shown] == [18, 18, 18]
    assert shown == sorted(shown)
    assert shown[0][0] < shown[1][0] < shown[2][0]


def test_wide_hides_and_cuts_nothing_however_narrow_the_console(decoder: Analysis) -> None:
    lines = printed(decoder, 40, is_wide=True)
    assert not any("hidden" in line for line in lines)
    assert not any("…" in line for line in section(lines, "Kernels"))


@pytest.mark.parametrize("width", [60, 80, 100, 120, 200])
def test_no_figure_is_cut(width: int, bert: Analysis) -> None:
    lines = printed(bert, width)
    # Only an op's id loses its end, only a name loses its start.
    figures = [re.sub(r"\S*…\S*", "", line) for line in section(lines, "Kernels")]
    assert all(re.search(r"\d(\.\d+)? [µm]s", line) for line in figures[2:])
    assert any("11,174,215,680" in line for line in lines)


def test_room_that_is_left_goes_to_the_next_columns() -> None:
    columns = (Column("a", "a"), Column("b", "b", 120), Column("c", "c", 110), Column("d", "d", 130))
    rows = [{"a": "1" * 30, "b": "2" * 30, "c": "3" * 10, "d": "4"}]
    # 1 + 30 + 2 + 10 are 43; with b they are 75, and d comes after b.
    for width, expected in ((42, "a"), (43, "ac"), (74, "ac"), (75, "abc"), (78, "abcd")):
        header = next(table_lines(Table("", columns, rows), Screen(width)))
        assert header.split() == list(expected)


def test_a_wide_character_takes_two_columns() -> None:
    table = Table(
        "", (Column("a", "a", is_left=True), Column("b", "b")), [{"a": "中文", "b": "1"}, {"a": "abcd", "b": "2"}]
    )
    assert list(table_lines(table, Screen(80)))[2:4] == [" 中文  1", " abcd  2"]


def test_cells_that_wrap_lose_nothing() -> None:
    column = Column("a", "a", is_left=True, wraps=True)
    text = "one two three four five six seven"
    lines = list(table_lines(Table("", (column,), [{"a": text}]), Screen(20)))
    assert " ".join(line.strip() for line in lines[2:-1]) == text
    assert max(map(len, lines)) <= 20


@pytest.mark.parametrize(
    ("stated", "width"), [({}, 100), ({"COLUMNS": "80"}, 80), ({"COLUMNS": "0"}, 100), ({"COLUMNS": "wide"}, 100)]
)
def test_a_pipe_has_the_columns_that_are_stated_or_a_hundred(stated: Mapping[str, str], width: int) -> None:
    lines = piped(stated).splitlines()
    rule = max(len(line) for line in section(lines, "Kernels"))
    assert width - 12 < rule <= width
    assert [line for line in lines if line != line.rstrip()] == []


def piped(environment: Mapping[str, str]) -> str:
    model = SAMPLES / "bert_base.onnx"
    command = [sys.executable, "-m", "onnx_roofline", "analyze", str(model), "--system", "h100-sxm", "--dim", "batch=1",
               "--dim", "sequence=128"]  # fmt: skip
    import os

    kept = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "FORCE_COLOR", "NO_COLOR")}
    done = subprocess.run(command, env={**kept, **environment}, capture_output=True, encoding="utf-8", cwd=ROOT)
    assert done.returncode == 0
    return done.stdout


# Colours -------------------------------------------------------------------------------------------------------------


def test_colours_only_repeat_what_the_text_says(decoder: Analysis) -> None:
    plain, coloured = printed(decoder), printed(decoder, has_colours=True)
    assert not any("\x1b" in line for line in plain)
    assert [ANSI.sub("", line) for line in coloured] == plain
    kernels = section(coloured, "\x1b[1mKernels")
    assert any("\x1b[33mlaunch\x1b[0m" in line for line in kernels)
    assert any("\x1b[34mGPU\x1b[0m" in line for line in kernels)
    assert any("\x1b[31mPIM\x1b[0m" in line for line in kernels)


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, False),
        ({"FORCE_COLOR": "1"}, True),
        ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, False),
        ({"NO_COLOR": ""}, False),
    ],
)
def test_a_pipe_has_colours_only_where_they_are_forced(environment: Mapping[str, str], expected: bool) -> None:
    assert ("\x1b[" in piped(environment)) is expected


def test_a_terminal_has_colours_unless_they_are_declined(monkeypatch: pytest.MonkeyPatch) -> None:
    from onnx_roofline.cli.printing import screen

    for name in ("NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "132")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    assert screen() == Screen(132, has_colours=True)
    monkeypatch.setenv("TERM", "dumb")
    assert not screen().has_colours
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("NO_COLOR", "1")
    assert not screen().has_colours


# Equal rows, and the rest --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("top", "kernels", "types"), [(1, 3, 3), (2, 2, 2), (3, 1, 1), (4, 0, 0), (5, 0, 0)])
def test_what_a_table_leaves_out_is_summed_in_one_row(
    top: int, kernels: int, types: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = saved(tmp_path / "m.onnx", NAMES)
    assert main(["analyze", str(path), "--top", str(top), "--backend", "none"]) == 0
    lines = capsys.readouterr().out.splitlines()
    for title, rest in (("Kernels", kernels), ("By op type", types)):
        rows = [line for line in section(lines, title) if " more " in line]
        assert [line.split()[1] for line in rows] == ([str(rest)] if rest else [])
    assert main(["analyze", str(path), "--top", "1", "--all", "--backend", "none"]) == 0
    assert not any(" more " in line for line in capsys.readouterr().out.splitlines())


def test_shares_of_the_rows_are_the_whole(bert: Analysis) -> None:
    for title in ("Kernels", "By op type"):
        rows = section(printed(bert, 80, Shown(top=3)), title)[2:]
        shares = [float(match[1]) for row in rows if (match := re.search(r"([\d.]+) %", row))]
        assert len(shares) == 4
        # Each is rounded to three digits.
        assert sum(shares) == pytest.approx(100, abs=0.2)


def test_equal_layers_are_one_row_with_one_name(tmp_path: Path) -> None:
    path = towers(tmp_path / "m.onnx", lambda _: "Exp", [f"model/layers.{n}/act" for n in range(8)])
    analysis = analyze(path, Settings(backend="none", pim_model="roofline"))
    (row,) = kernel_rows(analysis)
    assert (row.name, row.count) == ("model/layers.0..7/act", 8)
    rows = section(printed(analysis, 80), "By module")[2:]
    assert [" ".join(line.split()[:3]) for line in rows] == ["model 8 0", "└─ layers.0..7 x8", "└─ act 8"]


@pytest.mark.parametrize(
    "names",
    [
        ("a#", "a1"),  # a mark of our own is no number
        ("l." + "9" * 5000, "l." + "8" * 5000),  # more digits than Python reads
        ("", "a"),
        ("/", "//"),
        ("h.01", "h.1"),
        ("a\u0663", "a\u0664"),
        ("{a,b}", "a..b"),
    ],
)
def test_names_of_any_kind_fold_to_one(names: tuple[str, str]) -> None:
    assert isinstance(fold_names(names), str)
    assert fold_names(names[:1]) == names[0]


def test_what_stands_below_equal_modules_is_of_all_of_them(decoder: Analysis) -> None:
    """Each of 8 layers has one o_proj of 576 x 576 weights; a module is the sum of what stands in it."""
    found, _ = module_rows_within(decoder, 5, None, 0)
    (o_proj,) = [row for row in found if row.name == "o_proj"]
    assert (o_proj.count, o_proj.group.parameters, o_proj.group.macs) == (1, 8 * 576 * 576, 8 * 576 * 576)
    (layers,) = [row for row in found if row.name == "layers.0..7"]
    assert layers.count == 8
    start = found.index(layers) + 1
    inside = [row for row in found[start:] if len(row.branches) == len(layers.branches) + 3]
    last = next(n for n, row in enumerate(inside) if row.branches.endswith("└─ "))
    assert sum(row.group.time_s for row in inside[: last + 1]) == pytest.approx(layers.group.time_s, rel=1e-9)


def test_siblings_that_differ_are_rows_of_their_own(tmp_path: Path) -> None:
    kinds = ["Exp", "Exp", "Softmax", "Exp", "Softmax"]
    path = towers(tmp_path / "m.onnx", kinds.__getitem__, [f"m/layers.{n}" for n in range(5)])
    rows = section(printed(analyze(path, Settings(backend="none")), 80), "By module")[2:]
    assert [re.split(r"  +", line.strip())[0] for line in rows] == ["m", "├─ layers.0..1,3 x3", "└─ layers.2,4 x2"]


@pytest.mark.parametrize(("depth", "modules"), [(0, 9), (1, 2), (2, 5), (3, 8), (4, 9), (9, 9)])
def test_modules_are_a_tree_to_so_many_levels(
    depth: int, modules: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Levels a, b; a/c, a/d, b/e; a/c/f, a/c/g, a/d/h, b/e/i is a chain of 9 with its roots. 0 cuts nothing."""
    path = saved(tmp_path / "m.onnx", ("/a/c/f/x", "/a/c/g/x", "/a/d/h/x", "/b/e/i/j/x"))
    assert main(["analyze", str(path), "--depth", str(depth), "--backend", "none"]) == 0
    rows = section(capsys.readouterr().out.splitlines(), "By module")[2:]
    expected = {1: 2, 2: 5, 3: 9, 4: 10, 9: 10, 0: 10}  # a, b; + c, d, e; + f, g, h, i; + j
    assert len(rows) == expected[depth]


def test_a_name_of_many_levels_is_no_recursion(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = saved(tmp_path / "m.onnx", ("/" + "a/" * 20_000 + "x", *NAMES[1:]))
    assert main(["analyze", str(path), "--depth", "0"]) == 0
    assert "By module" in capsys.readouterr().out


def test_a_large_model_has_a_report_as_long_as_that_of_a_small_one(tmp_path: Path, bert: Analysis) -> None:
    """3,600 ops in 720 modules of four ops, no two of one size, in 40 stages: nothing folds."""
    nodes, names, before = [], [], "x"
    for number in range(3600):
        after = f"t{number}"
        kind = ("Exp", "Neg", "Softmax", "Sqrt", "Tanh")[number % 5]
        if number % 90 == 0:
            nodes.append(
                helper.make_node("Concat", [before, "x"], [f"c{number}"], axis=1, name=f"/net/stage{number // 90}/cat")
            )
            before = f"c{number}"
        nodes.append(
            helper.make_node(kind, [before], [after], name=f"/net/stage{number // 90}/block{number // 5}/{kind}")
        )
        before = after
        names.append(after)
    x = helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [8, 8])
    y = helper.make_tensor_value_info(before, onnx.TensorProto.FLOAT, None)
    graph = helper.make_graph(nodes, "large", [x], [y])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10), tmp_path / "m.onnx")
    large = printed(analyze(tmp_path / "m.onnx", Settings(backend="none", system="h100-sxm")), 100)
    assert len(large) <= len(printed(bert, 100)) + 5


# Wasted time ---------------------------------------------------------------------------------------------------------


def test_kernels_come_by_their_time_above_the_roof_or_by_their_time(bert: Analysis) -> None:
    wasted = [row.wasted_s or 0.0 for row in kernel_rows(bert)]
    assert wasted == sorted(wasted, reverse=True)
    times = [row.time_s or 0.0 for row in kernel_rows(bert, "time")]
    assert times == sorted(times, reverse=True)
    assert sum(times) == pytest.approx(bert.summary.time_placed.known_s, rel=1e-12)


def test_the_report_says_how_few_kernels_hold_most_of_it(bert: Analysis) -> None:
    rows = kernel_rows(bert)
    count, whole_s = most_wasted(rows)
    lost = [row.wasted_s or 0.0 for row in rows]
    assert sum(lost[:count]) >= 0.8 * whole_s > sum(lost[: count - 1])
    kernels = sum(row.count for row in rows[:count])
    assert any(line.startswith(f"These {count} rows, {kernels} kernels, hold 80 % of the ") for line in printed(bert))
    assert not any("hold 80 %" in line for line in printed(bert, shown=Shown(order="time")))


def test_bars_are_as_long_as_what_they_stand_for(bert: Analysis) -> None:
    rows = kernel_rows(bert)[:10]
    bars = [line.count("█") for line in section(printed(bert), "Kernels")[2:]][:10]
    longest_s = rows[0].wasted_s or 0.0
    assert bars == [max(1, round(10 * (row.wasted_s or 0.0) / longest_s)) for row in rows]


def test_where_nothing_is_wasted_kernels_come_by_time(tmp_path: Path) -> None:
    """The teaching devices have no launches and reach their roofs."""
    analysis = analyze(saved(tmp_path / "m.onnx", NAMES), Settings(backend="none", pim_model="roofline"))
    lines = printed(analysis)
    assert any(line.startswith("Kernels by time") for line in lines)
    assert "wasted" not in headers(lines, "Kernels")


# Joules --------------------------------------------------------------------------------------------------------------

PAIR = """\
schema: 1
name: A pair of which one takes a tenth for a bit
kind: system
gpu:
  name: Dear
  peak_tflops: {float32: 10}
  bandwidth_gb_per_s: {external: 100}
  energy: {dram_pj_per_bit: 10, mac_pj: 1}
  sources: {all: {source: made up, label: assumed}}
pim:
  name: Cheap
  peak_tflops: {float32: 10}
  bandwidth_gb_per_s: {internal: 1000, external: 100}
  energy: {dram_pj_per_bit: 1, mac_pj: 1}
  sources: {all: {source: made up, label: assumed}}
link: {gb_per_s: 100, latency_us: 0, pj_per_bit: 2}
sources: {all: {source: made up, label: assumed}}
"""


def test_what_a_pim_saves_in_joules(tmp_path: Path) -> None:
    """[1, 64] x [64, 64] in float32: 4,096 MACs, 64 * 64 * 4 + 2 * 64 * 4 = 16,896 B, of which 512 cross the link."""
    (tmp_path / "pair.yaml").write_text(PAIR, "utf-8")
    weights = onnx.TensorProto(name="w", dims=(64, 64), data_type=1, data_location=1)
    weights.external_data.add(key="location", value="absent")
    x, y = (helper.make_tensor_value_info(name, 1, [1, 64]) for name in "xy")
    graph = helper.make_graph([helper.make_node("MatMul", ["x", "w"], ["y"])], "g", [x], [y], [weights])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    onnx.save(model, tmp_path / "m.onnx")
    lines = section(printed(analyze(tmp_path / "m.onnx", Settings(system=str(tmp_path / "pair.yaml")))), "Totals")
    # GPU: 16,896 * 8 * 10 + 4,096 pJ = 1.3558 uJ. PIM: 16,896 * 8 + 512 * 8 * 2 + 4,096 pJ = 0.1475 uJ, 89.1 % less.
    # 16,896 B take 168.96 ns at 100 GB/s; 16.896 ns at 1 TB/s, and 5.12 ns for 512 B over the link.
    (saved_line,) = [line.split() for line in lines if line.startswith(" PIM saves")]
    assert " ".join(saved_line) == "PIM saves 1.208 µJ 89.1 % of the 1.356 µJ of all GPU; 146.9 ns of its 169 ns"


def test_nothing_is_saved_where_nothing_is_on_the_pim(tmp_path: Path) -> None:
    cheap = PAIR.replace("dram_pj_per_bit: 10", "dram_pj_per_bit: 1").replace("external: 100}", "external: 9000}", 1)
    (tmp_path / "pair.yaml").write_text(cheap, "utf-8")
    analysis = analyze(saved(tmp_path / "m.onnx", NAMES), Settings(system=str(tmp_path / "pair.yaml")))
    assert not any(line.startswith(" PIM saves") for line in printed(analysis))
    assert any(line.startswith(" energy") for line in printed(analysis))


def test_launches_have_their_share(bert: Analysis) -> None:
    launch_s = 118 * 2.6e-6  # kernels, and the H100's launch
    (line,) = [line for line in printed(bert) if line.startswith(" launches")]
    time_s = bert.summary.time_placed.known_s
    assert line.split()[1:3] == ["306.8", "µs"]
    assert f"{100 * launch_s / time_s:.3g} % of the time; " in line


def test_the_summary_names_modules(bert: Analysis, decoder: Analysis) -> None:
    lines = list(waste_lines(bert, 6))
    modules = [line.split("  ")[-1].strip() for line in lines[1:]]
    assert "…ttention/self/{query,key,value}" in modules
    # One device needs no name.
    assert not any("h100" in line for line in lines)
    assert any("launch of attacc  " in line for line in waste_lines(decoder, 3))


def test_joules_of_unknown_work_are_no_zero(tmp_path: Path) -> None:
    """Nothing is known of two ops: no time, and no energy either."""
    nodes = [helper.make_node(kind, [a], [b], domain=domain)
             for kind, domain, a, b in (("Strange", "us", "x", "h"), ("Relu", "", "h", "y"))]  # fmt: skip
    ends = [
        helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, dims) for name, dims in (("x", [4]), ("y", None))
    ]
    imports = [helper.make_opsetid("", 18), helper.make_opsetid("us", 1)]
    path = tmp_path / "strange.onnx"
    model = helper.make_model(helper.make_graph(nodes, "g", ends[:1], ends[1:]), opset_imports=imports, ir_version=10)
    onnx.save(model, path)
    lines = printed(analyze(path, Settings()))
    assert [line.split() for line in lines if line.startswith(" energy")] == [["energy", "?"]]
    rows = section(lines, "Placements")
    assert [row.split()[-1] for row in rows if row.startswith(" all ")] == ["?", "?"]


def test_next_to_no_time_above_the_roof_decides_nothing() -> None:
    rows = [KernelRow(("a",), "a", 97e-6, 0.0), KernelRow(("b",), "b", 3e-6, 2e-6)]
    assert is_wasteful(rows)  # 2 % of 100 us
    assert not is_wasteful([*rows, KernelRow(("c",), "c", 150e-6, 0.0)])  # 0.8 % of 250 us
    assert not is_wasteful([])
