"""Plugins as files and as an installed package, each in a process of its own: what they bring, and what is refused."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import onnx
import pytest
from onnx import parser

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
ACME = HERE / "acme.py"
MODEL = """<ir_version: 10, opset_import: ["": 21, "acme": 1]>
g (float[2, 3, 5] x, float[5, 7] w) => (z) { y = acme.Mystery (x) z = MatMul (y, w) }"""
SYSTEM = "--system=teaching"


def run(folder: Path, *arguments: str, path: Path | None = None) -> subprocess.CompletedProcess[str]:
    """The command line on the model in a process of its own, with another folder of installed packages."""
    onnx.save(parser.parse_model(MODEL), folder / "m.onnx")
    places = [str(ROOT), *([str(path)] if path else []), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(places)}
    command = [sys.executable, "-m", "onnx_roofline", "analyze", str(folder / "m.onnx"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, env=environment)


def installed(folder: Path) -> Path:
    """A folder of packages with acme 1.2, as pip leaves it."""
    site = folder / "site"
    shutil.copytree(HERE, site / "acme_roofline", ignore=shutil.ignore_patterns("test_*", "__pycache__"))
    info = site / "acme_roofline-1.2.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-roofline\nVersion: 1.2\n")
    (info / "entry_points.txt").write_text("[onnx_roofline.rules]\nacme = acme_roofline.acme\n")
    return site


# What makes the acme.Mystery of the model known as far as another fault needs it.
KNOWN = "@plugin.shape_rule('Mystery', domain='acme')\ndef shape(op): return [op.input(0).type]\n"


def document(folder: Path, *arguments: str, path: Path | None = None) -> dict:
    result = run(folder, *arguments, "--json", "-", path=path)
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


def node(found: dict, op_type: str) -> dict:
    return next(one for one in found["graph"]["nodes"] if one["op_type"] == op_type)


def test_a_rule_of_a_file_makes_an_unknown_op_exact(tmp_path: Path) -> None:
    plain = document(tmp_path)
    assert node(plain, "Mystery")["work"]["status"] == "unknown"
    assert node(plain, "MatMul")["work"]["macs"] is None
    found = document(tmp_path, "--plugin", str(ACME))
    assert node(found, "Mystery")["work"]["status"] == "exact"
    assert node(found, "Mystery")["work"]["flops"] == 3 * 2 * 3 * 5
    # its shape is known too, and so is what comes behind
    assert node(found, "MatMul")["work"]["macs"] == 2 * 3 * 5 * 7
    assert found["coverage"]["ops"]["unknown"] == 0


def test_a_rule_of_an_installed_package_does_so_without_an_option(tmp_path: Path) -> None:
    site = installed(tmp_path)
    assert document(tmp_path, path=site)["coverage"]["ops"]["unknown"] == 0
    assert document(tmp_path, "--no-plugins", path=site)["coverage"]["ops"]["unknown"] == 2


def test_plugins_are_named_on_the_first_line(tmp_path: Path) -> None:
    first = run(tmp_path, "--plugin", str(ACME)).stdout.splitlines()[0]
    brings = "rule acme.Mystery, shape rule acme.Mystery, pass rank, PIM time model half-bandwidth and 1 more"
    assert f"plugin acme.py: {brings}" in first
    assert "plugin acme-roofline 1.2: rule acme.Mystery" in run(tmp_path, path=installed(tmp_path)).stdout
    assert "plugin" not in run(tmp_path).stdout.splitlines()[0]


def test_a_pass_and_an_output_work_together(tmp_path: Path) -> None:
    result = run(tmp_path, "--plugin", str(ACME), "--output", "ranks=-")
    assert (result.returncode, result.stdout) == (0, "0:Mystery 3\n1:MatMul 3\n")
    target = tmp_path / "ranks.txt"
    assert run(tmp_path, "--plugin", str(ACME), "--output", f"ranks={target}").returncode == 0
    assert target.read_text("utf-8") == "0:Mystery 3\n1:MatMul 3\n"
    assert ",rank" in document(tmp_path, "--plugin", str(ACME))["pipeline"]


def test_a_time_model_gives_the_times_of_the_pim(tmp_path: Path) -> None:
    found = document(tmp_path, "--plugin", str(ACME), "--pim-model", "half-bandwidth", SYSTEM)
    kernel = node(found, "MatMul")["placement"]["devices"]["teaching-pim"]
    # 2*3*5, 5*7 and 2*3*7 floats over half of 6 TB/s
    assert kernel["time_s"] == pytest.approx(2 * 4 * (30 + 35 + 42) / 6e12, rel=1e-12)
    assert kernel["explanation"] == ["by the model half-bandwidth of a plugin"]
    assert found["placement"]["pim_model"] == "half-bandwidth"


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("1 / 0", "own.py: can't be read: ZeroDivisionError: division by zero"),
        ("def (", "can't be read: SyntaxError"),
        ("from onnx_roofline import plugin\nplugin.rule('MatMul', domain='')(len)", "ai.onnx.MatMul exists already"),
        ("from onnx_roofline import plugin\nplugin.pim_time('full')(len)", "named 'full' exists already"),
    ],
)
def test_what_a_file_raises_is_one_line(source: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text(source)
    result = run(tmp_path, "--plugin", str(tmp_path / "own.py"))
    assert result.returncode == 2
    assert message in result.stderr
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("source", "options", "message"),
    [
        ("@plugin.rule('Mystery', domain='acme')\ndef f(op): return op.nothing\n" + KNOWN, [],
         "rule acme.Mystery: raised AttributeError in line 3: "),
        ("@plugin.rule('Mystery', domain='acme')\ndef f(op): return 5\n" + KNOWN, [],
         "rule acme.Mystery: found int '5', wanted a Work"),
        ("@plugin.shape_rule('Mystery', domain='acme')\ndef f(op): return 'no'", [],
         "shape rule acme.Mystery: found str 'no', wanted a list with a TensorType"),
        ("@plugin.output('x')\ndef f(analysis):\n  yield 'a'\n  1 / 0", ["--output", "x=x.txt"],
         "output x: raised ZeroDivisionError in line 5: "),
        ("@plugin.output('x')\ndef f(analysis): return 5", ["--output", "x=x.txt"], "output x: raised TypeError: "),
        ("@plugin.output('x')\ndef f(analysis): return [5]", ["--output", "x=x.txt"],
         "output x: raised TypeError: found a part that is int, wanted text"),
        ("@plugin.pim_time('t')\ndef f(device, work): return 'abc'\n" + KNOWN, ["--pim-model", "t"],
         "PIM time model t: found str 'abc', wanted seconds"),
        ("@plugin.pim_time('t')\ndef f(device, work): return -1.0\n" + KNOWN, ["--pim-model", "t"],
         "PIM time model t: found float '-1.0', wanted seconds"),
        ("@plugin.analysis_pass\nclass P:\n  name, requires, produces = 'odd', (), int\n  def run(self, model):\n"
         "    return {}", [], "pass odd: found dict, wanted a PassResult"),
        ("@plugin.analysis_pass\nclass P:\n  name, requires, produces = 'odd', (), int\n  def run(self, model):\n"
         "    return 1 / 0", [], "pass odd: raised ZeroDivisionError in line 6: "),
    ],
)  # fmt: skip
def test_a_fault_of_a_plugin_is_no_bug_of_ours(source: str, options: list[str], message: str, tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text("from onnx_roofline import plugin\n" + source)
    result = run(tmp_path, "--plugin", str(tmp_path / "own.py"), *options, SYSTEM)
    assert result.returncode == 2, result.stderr
    assert f"plugin own.py: {message}" in result.stderr
    assert "internal error" not in result.stderr
    assert not (tmp_path / "x.txt").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--plugin", "nowhere.py"], "can't be read: FileNotFoundError"),
        (["--plugin", "notes.txt"], "wanted a file of Python"),
        (["--output", "ranks=x.txt"], "found no output of that name; a plugin brings it"),
        (["--output", "ranks"], "wanted NAME=FILE"),
        (["--pim-model", "half-bandwidth"], "--pim-model 'half-bandwidth': wanted roofline or full"),
    ],
)
def test_what_no_plugin_brings_is_refused(options: list[str], message: str, tmp_path: Path) -> None:
    result = run(tmp_path, *options)
    assert result.returncode == 2
    assert message in result.stderr


def test_a_pass_that_does_not_fit_is_named(tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text(
        "from msgspec import Struct\nfrom onnx_roofline import plugin\n"
        "class R(Struct): pass\n"
        "@plugin.analysis_pass\nclass P:\n  name = 'odd'\n  requires = (R,)\n  produces = R\n"
    )
    result = run(tmp_path, "--plugin", str(tmp_path / "own.py"))
    assert result.returncode == 2
    assert "a plugin's pass does not fit: " in result.stderr
    assert "(odd) requires column R" in result.stderr


def test_a_broken_package_is_named_and_can_be_left_out(tmp_path: Path) -> None:
    site = installed(tmp_path)
    (site / "acme_roofline" / "acme.py").write_text("raise RuntimeError('no licence')")
    result = run(tmp_path, path=site)
    assert result.returncode == 2
    assert "plugin acme-roofline, entry point acme of onnx_roofline.rules: can't be read: RuntimeError" in result.stderr
    assert run(tmp_path, "--no-plugins", path=site).returncode == 0
