"""The command line as a user meets it: exit codes, streams, refusals, files."""

import csv
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import onnx
import pytest
from onnx import TensorProto, helper

from onnx_roofline.cli.main import main

ROOT = Path(__file__).resolve().parents[2]
SAMPLES = ROOT / "sample_models"
LENET = str(SAMPLES / "lenet5.onnx")
BERT = str(SAMPLES / "bert_base.onnx")


def _run(*arguments: str, cwd: Path = ROOT, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "onnx_roofline", *arguments]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, env={**os.environ, **environment})


def test_analyze_prints_coverage_assumptions_and_system_first(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["analyze", BERT]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    first = out.splitlines()[0]
    assert first == "coverage: 100 % of 588 ops (588 exact) · ASSUMED dims: batch=1, sequence=128 · system: teaching"


def test_bound_dims_are_not_assumed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["analyze", BERT, "--dim", "batch=2", "--dim", "sequence=64"]) == 0
    out = capsys.readouterr().out
    assert "ASSUMED" not in out
    assert "dims: batch=2, sequence=64" in out


@pytest.mark.parametrize(
    ("arguments", "found"),
    [
        (["analyze", "no_such.onnx"], "no_such.onnx: found no such file"),
        (["explain", str(ROOT), "0"], "found a directory, wanted a regular .onnx file"),
        (["analyze", str(ROOT / "hw_profiles")], "found no .onnx file in this folder"),
        (["analyze", BERT, "--dim", "batches=2"], "did you mean 'batch'"),
        (["analyze", BERT, "--dim", "batch"], "wanted NAME=SIZE"),
        (["analyze", BERT, "--dim", "batch=1", "--dim", "batch=2"], "--dim batch: found two values, 1 and 2"),
        (["analyze", LENET, "--input-shape", "x=1,a"], "wanted NAME=1x3x224x224"),
        (["analyze", LENET, "--system", "teachin"], "teaching"),
        (["analyze", LENET, "--assume-dtype", "int8"], "wanted a floating-point type"),
        (["analyze", LENET, "--limit", "nodes=3"], "the limit is 3; raise it with --limit nodes="),
        (["analyze", LENET, "--limit", "nodes=1e300P"], "found '1e300P', wanted a positive whole number"),
        (["analyze", LENET, "--on-chip", "1e300P"], "'1e300P' is too large a number, or unlimited"),
        (["analyze", LENET, "--limit", "depth=3"], "found no limit named 'depth'"),
        (["analyze", LENET, "--top", "0"], "--top 0"),
        (["analyze", LENET, "--depth", "-1"], "--depth -1"),
        (["analyze", LENET, "--sweep", "batch=1..4", "--trace", "a.json"], "--trace"),
        (["analyze", LENET, "--sweep", f"batch=1..{'9' * 10_000}"], "wanted NAME=A,B,C, NAME=1..10"),
        (["analyze", LENET, "--sweep", "batch=\u0663"], "--sweep batch: found '\u0663', wanted a whole number"),
        (["analyze", LENET, "--sweep", "batch=2,0"], "--sweep batch: found '0', wanted a whole number from 1"),
        (["analyze", LENET, "--sensitivity", "--convention", "mac"], "--convention and --sensitivity"),
        (["analyze", LENET, "--json", "/no/such/folder/x.json"], "can't be written"),
        (["analyze", LENET, "--plot", "x.gif"], ".svg"),
        (["analyze", LENET, "--trip", "x=1e400"], "--trip 'x=1e400': wanted NODE=N with a whole number of"),
        (["analyze", LENET, "--trip", f"x={'9' * 10_000}"], "wanted NODE=N with a whole number"),
        (["analyze", LENET, "--trip", f"{'x' * 10_000}=-1"], "wanted NODE=N with a whole number"),
        (["analyze", LENET, "--trip", "x=\u0663"], "wanted NODE=N with a whole number"),
        (["analyze", LENET, "--trip", "=3"], "wanted NODE=N with a whole number"),
        (["analyze", LENET, "--branch", "x.then=1e-999999999"], "--branch 'x.then=1e-999999999': wanted then=P or"),
        (["analyze", LENET, "--branch", "x.then=1e999999999"], "wanted then=P or NODE.then=P with P from 0 to 1"),
        (["analyze", LENET, "--branch", f"x.then=0.{'3' * 10_000}"], "wanted then=P or NODE.then=P"),
        (["analyze", LENET, "--branch", f"then=1/{'3' * 10_000}"], "wanted then=P or NODE.then=P"),
        (["analyze", LENET, "--branch", "then=nan"], "wanted then=P or NODE.then=P"),
        (["analyze", LENET, "--branch", "then=1/0"], "wanted then=P or NODE.then=P"),
        (["analyze", LENET, "--branch", "then=1.01"], "with P from 0 to 1"),
        (["analyze", LENET, "--branch", "then=-0.5"], "with P from 0 to 1"),
        (["analyze", LENET, "--branch", "x.maybe=1"], "wanted then=P or NODE.then=P"),
        (["check", LENET], "found no limit to check; add one, such as --max flops=9G"),
        (["check", LENET, "--max", "flop=1"], "did you mean 'flops'"),
        (["check", LENET, "--max", "flops=fast"], "is not a number with a unit"),
        (["check", BERT, "--max", "flops=1T"], "state them, for example --dim batch=1 --dim sequence=128"),
        (["hw", "show", "a1000"], "a100"),
        (["ops", "--domain", "ai.onx"], "known: ai.onnx"),
    ],
)
def test_wrong_input_is_one_line_and_exit_2(
    arguments: list[str], found: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    err = capsys.readouterr().err
    lines = [line for line in err.splitlines() if not line.startswith("warning:")]
    assert len(lines) == 1
    assert lines[0].startswith("onnx-roofline: ")
    assert found in lines[0]
    assert len(lines[0]) < 500


@pytest.mark.parametrize("arguments", [[], ["analyze"], ["analyse", LENET], ["analyze", LENET, "--wat"], ["hw"]])
def test_usage_errors_are_exit_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_check_within_and_over(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", LENET, "--max", "flops=1M", "--max", "parameters=61.706k"]) == 0
    assert "2 limits held, 12 of 12 ops with figures" in capsys.readouterr().out
    assert main(["check", LENET, "--max", "macs=416519", "--max", "naive_bytes=1kB", "--max", "flops=9G"]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2
    assert lines[0].endswith("macs is 416,520 MAC, 1 MAC over the limit of 416,519 MAC (+0.00024 %)")
    assert "naive_bytes is" in lines[1]


def test_check_fails_on_unknown_ops_unless_allowed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = str(_custom_op_model(tmp_path))
    assert main(["check", path, "--max", "ops=2"]) == 1
    assert "acme.Mystery" in capsys.readouterr().out
    assert main(["check", path, "--max", "ops=2", "--allow-unknown"]) == 0
    assert main(["check", path, "--allow-unknown", "--max", "flops=1T"]) == 1
    assert "flops is unknown" in capsys.readouterr().out


def test_a_time_without_the_bytes_of_every_op_is_unknown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Strings have no width, so the bytes of the op are unknown though it counts no operation."""
    kinds = [helper.make_tensor_value_info(name, TensorProto.STRING, (size,)) for name, size in (("x", 3), ("y", 6))]
    graph = helper.make_graph([helper.make_node("Concat", ["x", "x"], ["y"], axis=0)], "g", kinds[:1], kinds[1:])
    path = tmp_path / "strings.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)]), path)
    assert main(["check", str(path), "--max", "flops=0"]) == 1
    assert "1 op has unknown counts or bytes (Concat)" in capsys.readouterr().out
    assert main(["check", str(path), "--max", "flops=0", "--allow-unknown"]) == 0
    capsys.readouterr()
    assert main(["check", str(path), "--max", "time_s.placement=1s", "--allow-unknown"]) == 1
    assert "time_s.placement is unknown" in capsys.readouterr().out


def _custom_op_model(folder: Path) -> Path:
    node = helper.make_node("Mystery", ["x"], ["y"], domain="acme")
    last = helper.make_node("Relu", ["y"], ["z"])
    kinds = [helper.make_tensor_value_info(name, TensorProto.FLOAT, (2, 3)) for name in "xyz"]
    graph = helper.make_graph([node, last], "g", kinds[:1], kinds[2:], value_info=kinds[1:2])
    opsets = [helper.make_opsetid("", 20), helper.make_opsetid("acme", 1)]
    path = folder / "custom.onnx"
    onnx.save(helper.make_model(graph, opset_imports=opsets), path)
    return path


def test_an_unknown_op_is_listed_with_its_share_of_bytes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["analyze", str(_custom_op_model(tmp_path))]) == 0
    first = capsys.readouterr().out.splitlines()[0]
    # Both ops read and write 2 * 3 floats: half of the bytes belong to the unknown one. Its output is only declared.
    assert "coverage: 50 % of 2 ops (1 heuristic, 1 unknown) · unknown: acme.Mystery, 50 % of the bytes" in first


def test_csv_has_a_row_an_op(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["analyze", LENET, "--format", "csv"]) == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert len(rows) == 12
    assert sum(int(row["macs"]) for row in rows) == 416_520


def test_json_to_stdout_and_to_a_file_are_the_same(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target = tmp_path / "lenet.json"
    assert main(["analyze", LENET, "--json", str(target)]) == 0
    capsys.readouterr()
    assert main(["analyze", LENET, "--json", "-"]) == 0
    out = capsys.readouterr().out
    assert out == target.read_text("utf-8")
    assert json.loads(out)["totals"]["macs"] == 416_520
    assert [path.name for path in tmp_path.iterdir()] == ["lenet.json"]


def test_two_runs_in_two_folders_give_the_same_bytes(tmp_path: Path) -> None:
    documents = []
    for seed, folder in (("1", tmp_path), ("2", ROOT)):
        target = tmp_path / f"{seed}.json"
        result = _run("analyze", BERT, "--json", str(target), cwd=folder, PYTHONHASHSEED=seed)
        assert result.returncode == 0, result.stderr
        documents.append((target.read_bytes(), result.stdout))
    assert documents[0] == documents[1]


def test_a_crash_is_exit_70_and_names_a_reproducer(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from onnx_roofline.passes.op_count import OpCount

    def explode(self: OpCount, model: object) -> None:
        raise ZeroDivisionError("planted")

    monkeypatch.setattr(OpCount, "run", explode)
    assert main(["analyze", LENET]) == 70
    err = capsys.readouterr().err
    path = Path(err.split("please report it with ")[1].strip())
    assert "ZeroDivisionError: planted" in err
    import zipfile

    with zipfile.ZipFile(path) as archive:
        assert b"planted" in archive.read("report.txt")
        assert onnx.ModelProto.FromString(archive.read("model.onnx")).graph.node
    path.unlink()


@pytest.mark.parametrize("kind", ["kind: system", 'kind: "system"', "kind:   'system'  # two devices"])
def test_hw_show_takes_a_system_however_its_kind_is_written(
    kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = (ROOT / "hw_profiles" / "teaching.yaml").read_text("utf-8")
    assert text.count("kind: system") == 1
    (tmp_path / "mine.yaml").write_text(text.replace("kind: system", kind), "utf-8")
    assert main(["hw", "show", str(tmp_path / "mine.yaml")]) == 0
    assert "teaching-pim.ridge.float32" in capsys.readouterr().out


def test_hw_list_show_lint(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["hw", "list"]) == 0
    assert "teaching-gpu" in capsys.readouterr().out
    assert main(["hw", "show", "teaching"]) == 0
    out = capsys.readouterr().out
    assert "250 FLOP/B" in out
    assert "3.333 FLOP/B" in out
    assert main(["hw", "lint"]) == 0


def test_hw_lint_takes_systems_and_looks_at_both_devices(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main(["hw", "lint", "a100-attacc"]) == 0
    monkeypatch.chdir(tmp_path)
    Path("pim.yaml").write_text(
        "schema: 1\nname: Mine\nextends: attacc\npim:\n  ops: {MatMull: {resident: any}}\n"
        "sources: {pim.ops: {source: a test, label: assumed}}\n"
    )
    Path("pair.yaml").write_text(
        "schema: 1\nname: Pair\nkind: system\ngpu: teaching-gpu\npim: pim.yaml\nlink: {shared_memory: true}\n"
        "sources: {link: {source: a test, label: assumed}}\n"
    )
    capsys.readouterr()
    assert main(["hw", "lint", "pair.yaml"]) == 1
    assert capsys.readouterr().out == (
        "pair.yaml: pim: pim.ops.MatMull: no op is called 'MatMull'; did you mean 'MatMul'? [unknown-op]\n"
    )


def test_a_reader_that_stops_early_is_no_failure() -> None:
    command = f"{sys.executable} -m onnx_roofline ops | head -1; echo ${{PIPESTATUS[0]}}"
    result = subprocess.run(["bash", "-c", command], capture_output=True, text=True, cwd=ROOT)
    assert result.stdout.splitlines()[-1] == "0"
    assert result.stderr == ""


def test_ops_lists_every_rule(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ops", "--format", "csv"]) == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert all(row["counts"] and row["source"] for row in rows)
    assert main(["ops", "--domain", "ai.onnx"]) == 0


def test_schema_is_valid_json_schema(capsys: pytest.CaptureFixture[str]) -> None:
    import jsonschema

    assert main(["schema"]) == 0
    jsonschema.Draft202012Validator.check_schema(json.loads(capsys.readouterr().out))


def test_names_from_a_file_do_not_reach_the_terminal_raw(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    hostile = "\x1b]8;;http://x\x07::error::\r\n=1+1\u202e[bold]"
    node = helper.make_node("Relu", ["x"], ["y"], name=hostile)
    kinds = [helper.make_tensor_value_info(name, TensorProto.FLOAT, (2, 3)) for name in "xy"]
    path = tmp_path / "hostile.onnx"
    onnx.save(helper.make_model(helper.make_graph([node], "g", kinds[:1], kinds[1:])), path)
    for extra in ([], ["--format", "csv"]):
        assert main(["analyze", str(path), *extra]) == 0
        out = capsys.readouterr().out
        assert "\x1b" not in out
        assert "\u202e" not in out
        assert not any(line.startswith("::") for line in out.splitlines())
    assert main(["analyze", str(path), "--json", "-"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["graph"]["nodes"][0]["name"] == hostile


def test_every_system_says_what_it_warns_of(capsys: pytest.CaptureFixture[str]) -> None:
    """An A100 has no unit for float8, which only the second system says."""
    model = ["analyze", str(SAMPLES / "bert_base.onnx"), "--dim", "batch=1", "--dim", "sequence=8"]
    assert main([*model, "--quantize", "fp8", "--system", "h100-sxm,a100-sxm-80gb"]) == 0
    warned = capsys.readouterr().err
    assert warned.count("[no-unit]") == 1
    assert warned.count("[not-quantized]") == 1
