"""The pytest plugin in scratch projects, as pytest runs it."""

import sys
from importlib.metadata import entry_points

import onnx
import planting as p
import pytest

pytest_plugins = ["pytester"]
NAME = "onnx_roofline.pytest_plugin"
# Installed, the plugin is loaded by its entry point; a second load under another name is an error.
LOADED = [] if any(point.value == NAME for point in entry_points(group="pytest11")) else ["-p", NAME]
# 8 * 64*32 MACs, 2 FLOPs each, and 8 * 32 compares of the Relu.
FLOPS = 2 * 8 * 64 * 32 + 8 * 32
BUDGETS = """\
version: 1
models:
  - path: models/*.onnx
    budgets: {flops: {max: 40 kFLOP, vs_baseline: +0%}}
"""


@pytest.fixture
def project(pytester: pytest.Pytester) -> pytest.Pytester:
    pytester.mkdir("models")
    p.dense(pytester.path / "models" / "small.onnx", 64, 32)
    p.dense(pytester.path / "models" / "large.onnx", 64, 64)
    (pytester.path / "onnx-roofline.yaml").write_text(BUDGETS, "utf-8")
    return pytester


def run(project: pytest.Pytester, *arguments: str) -> pytest.RunResult:
    return project.runpytest_inprocess(*LOADED, "-p", "no:cacheprovider", "-p", "no:randomly", *arguments)


def test_a_file_of_budgets_is_a_test_a_model(project: pytest.Pytester) -> None:
    result = run(project, "--onnx-roofline", "-v")
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(
        [
            "*onnx-roofline.yaml::models/large.onnx FAILED*",
            "*onnx-roofline.yaml::models/small.onnx PASSED*",
            # 2 * 8 * 64*64 + 8 * 64 = 66,048
            "error[[]OR101]: models/large.onnx: flops is 66.05 kFLOP, 26.05 kFLOP over the limit of 40 kFLOP*",
            " --> onnx-roofline.yaml:4:23",
        ]
    )


def test_without_the_switch_nothing_is_collected_but_what_is_named(project: pytest.Pytester) -> None:
    assert run(project).ret == pytest.ExitCode.NO_TESTS_COLLECTED
    run(project, "onnx-roofline.yaml").assert_outcomes(passed=1, failed=1)
    run(project, "onnx-roofline.yaml::models/small.onnx").assert_outcomes(passed=1)


def test_the_table_of_a_pyproject_is_a_file_of_budgets(project: pytest.Pytester) -> None:
    (project.path / "onnx-roofline.yaml").unlink()
    table = (
        '[tool.onnx-roofline]\nversion = 1\nmodels = [{path = "models/small.onnx", budgets = {flops = "40 kFLOP"}}]\n'
    )
    (project.path / "pyproject.toml").write_text(table, "utf-8")
    run(project, "--onnx-roofline").assert_outcomes(passed=1)
    (project.path / "pyproject.toml").write_text("[tool.other]\n", "utf-8")
    assert run(project, "--onnx-roofline").ret == pytest.ExitCode.NO_TESTS_COLLECTED


def test_a_mistake_of_the_file_is_an_error_with_its_line(project: pytest.Pytester) -> None:
    (project.path / "onnx-roofline.yaml").write_text(BUDGETS.replace("flops", "flop"), "utf-8")
    result = run(project, "--onnx-roofline")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*onnx-roofline.yaml:4:15: *found no metric 'flop'; did you mean 'flops'?"])


def test_a_committed_baseline_is_held_against(project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    from onnx_roofline.cli.main import main

    monkeypatch.chdir(project.path)
    (project.path / "models" / "large.onnx").unlink()
    assert main(["baseline", "update"]) == 0
    run(project, "--onnx-roofline").assert_outcomes(passed=1)
    p.dense(project.path / "models" / "small.onnx", 64, 33)
    result = run(project, "--onnx-roofline")
    result.assert_outcomes(failed=1)
    # 2 * 8 * 64*33 + 8 * 33 = 34,056 of 33,024
    result.stdout.fnmatch_lines(["error[[]OR103]: models/small.onnx: flops is 34.06 kFLOP, was 33.02 kFLOP at *"])


def test_a_file_that_is_no_model_fails_with_one_sentence(project: pytest.Pytester) -> None:
    (project.path / "models" / "large.onnx").write_bytes(b"not a model")
    result = run(project, "--onnx-roofline")
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["error[[]OR202]: *large.onnx: is not an ONNX model*"])
    result.stdout.no_fnmatch_line("*Traceback*")


def test_the_fixture_analyses_and_checks(project: pytest.Pytester) -> None:
    project.makepyfile(
        f"""
        import onnx
        import pytest

        def test_holds(onnx_roofline):
            assert onnx_roofline.analyze("models/small.onnx").summary.counts.flops == {FLOPS}
            found = onnx_roofline.check("models/small.onnx", at_most={{"flops": {FLOPS}, "op[MatMul].macs": "17 kMAC"}})
            assert found["flops"] == {FLOPS}

        def test_over(onnx_roofline):
            model = onnx.load("models/small.onnx", load_external_data=False)
            onnx_roofline.check(model, at_most={{"flops": {FLOPS - 1}}})

        def test_under(onnx_roofline):
            onnx_roofline.check("models/small.onnx", at_least={{"macs": "17 kMAC"}})

        def test_misspelled(onnx_roofline):
            onnx_roofline.check("models/small.onnx", at_most={{"flop": 1}})

        def test_nothing(onnx_roofline):
            with pytest.raises(Exception, match="found no limit to check"):
                onnx_roofline.check("models/small.onnx")
        """
    )
    result = run(project)
    result.assert_outcomes(passed=2, failed=3)
    result.stdout.fnmatch_lines(
        [
            "<ModelProto>: flops is 33,024 FLOP, 1 FLOP over the limit of 33,023 FLOP*",
            "*macs is 16.38 kMAC, 616 MAC under the least of 17 kMAC*",
            "*found no metric 'flop'; did you mean 'flops'?",
        ]
    )


def test_assumed_sizes_fail_unless_allowed(project: pytest.Pytester) -> None:
    onnx.save(p.dense_model(64, 32, batch="batch"), project.path / "models" / "open.onnx")
    project.makepyfile(
        """
        def test_assumed(onnx_roofline):
            onnx_roofline.check("models/open.onnx", at_most={"flops": "1 MFLOP"})

        def test_stated(onnx_roofline):
            onnx_roofline.check("models/open.onnx", at_most={"flops": "1 MFLOP"}, dims={"batch": 8})

        def test_allowed(onnx_roofline):
            onnx_roofline.check("models/open.onnx", at_most={"flops": "1 MFLOP"}, allow_assumed=True)
        """
    )
    result = run(project)
    result.assert_outcomes(passed=2, failed=1)
    result.stdout.fnmatch_lines(["*or allow_assumed=True*"])


def test_the_plugin_costs_a_run_without_it_nothing(pytester: pytest.Pytester) -> None:
    """The module imports neither onnx nor numpy; the package installs it under pytest11."""
    code = f"import sys, {NAME}; print(sorted({{'onnx', 'numpy', 'yaml'}} & set(sys.modules)))"
    done = pytester.run(sys.executable, "-c", code)
    assert (done.ret, done.outlines) == (0, ["[]"])
