"""The structure that the design fixes: import arrows, where things may be printed, doctests, what the wheel holds."""

import ast
import doctest
import importlib
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
FILES = sorted([*(ROOT / "onnx_roofline").rglob("*.py"), *(ROOT / "passes").rglob("*.py")])

# room -> rooms that it may import from; a file's room is its first folder or module under onnx_roofline.
ARROWS: dict[str, set[str]] = {
    "units": set(),
    "errors": set(),
    "graph": {"units", "errors"},
    "records": {"units", "errors", "graph"},
    "strict_yaml": {"errors"},
    "hardware": {"units", "errors", "strict_yaml"},
    "load": {"units", "errors", "graph"},
    "op_rules": {"units", "errors", "graph", "records"},
    "scopes": {"records"},
    "references": {"errors", "graph", "strict_yaml"},
    "shape_rules": {"units", "errors", "graph", "records", "op_rules", "references", "strict_yaml"},
    "pipeline": {"graph", "records", "errors"},
    "tensor_uses": {"graph", "records"},
    "tiling": {"units"},
    "reuse_distance": set(),
    "backends": {"errors", "units", "strict_yaml", "fusion_rules"},
    "fusion_packs": set(),
    "partition": {"units", "errors"},
    "pim_time": {"units", "errors", "hardware"},
    "shares": {"units", "hardware", "pim_time"},
    "vectors": {"hardware", "pim_time", "shares"},
    "flips": {"errors", "strict_yaml", "records", "analysis", "hardware", "partition", "placement_problem", "vectors"},
    "sensitivity": {"errors", "records", "analysis", "hardware", "passes"},
    "splitting": {"units", "records", "hardware", "partition", "pim_time", "placement_problem", "shares"},
    "caches": {"records", "tensor_uses", "units"},
    "kernel_facts": {"units", "graph", "records", "caches", "pim_time"},
    "placement_problem": {
        "units",
        "graph",
        "records",
        "caches",
        "hardware",
        "kernel_facts",
        "partition",
        "pim_time",
        "tensor_uses",
    },
    "fusion_rules": {"units", "errors", "graph", "records", "backends", "tensor_uses"},
    "passes": {
        "units",
        "errors",
        "graph",
        "records",
        "op_rules",
        "shape_rules",
        "hardware",
        "pipeline",
        "caches",
        "tensor_uses",
        "tiling",
        "reuse_distance",
        "backends",
        "fusion_rules",
        "partition",
        "pim_time",
        "placement_problem",
        "scopes",
        "splitting",
    },
    "summary": {"units", "graph", "records", "hardware"},
    "analysis": {
        "units",
        "errors",
        "graph",
        "records",
        "load",
        "pipeline",
        "passes",
        "hardware",
        "summary",
        "observe",
        "backends",
        "pim_time",
    },
    "conventions": {"units", "errors", "graph", "records", "op_rules", "analysis", "summary"},
    "report": {
        "units",
        "errors",
        "graph",
        "records",
        "hardware",
        "summary",
        "analysis",
        "strict_yaml",
        "caches",
        "tensor_uses",
        "conventions",
        "references",
        "flips",
        "placement_problem",
        "splitting",
        "sensitivity",
        "vectors",
    },
    "ci": {"units", "errors", "strict_yaml", "records", "scopes", "analysis", "summary"},
    "observe": {"units", "errors", "graph", "load", "records", "strict_yaml", "observe_inputs"},
    "observe_inputs": {"units", "errors", "graph", "load", "records", "strict_yaml"},
    "observe_child": {"observe_inputs"},
}
# Optional or heavy libraries: the only rooms or files that import them.
OWNERS = {
    "onnx": {"load", "shape_rules", "observe", "observe_child", "observe_inputs"},
    "google": {"load"},
    "matplotlib": {"report/plot.py"},
    "onnxruntime": {"observe_child"},
    "yaml": {"strict_yaml"},
    "networkx": {"graph", "load", "partition"},
    "rich": {"cli", "report/table.py"},
    "scipy": set(),
}


def _room(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return parts[0] if parts[0] == "passes" else parts[1]


def _imports(path: Path) -> list[str]:
    names = []
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            assert node.level == 0, f"{path}: relative import"
            if node.module == "onnx_roofline":
                names += [f"onnx_roofline.{alias.name}" for alias in node.names if alias.name != "__version__"]
            else:
                names.append(node.module)
    return names


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_follow_the_arrows(path: Path) -> None:
    room = _room(path)
    for name in _imports(path):
        parts = name.split(".")
        if parts[0] != "onnx_roofline":
            owners = OWNERS.get(parts[0])
            relative = "/".join(path.relative_to(ROOT).parts[1:])
            assert owners is None or room in owners or relative in owners, f"{path} imports {name}"
            continue
        target = parts[1] if len(parts) > 1 else ""
        if room in ("cli", "options", "__main__", "__init__"):
            continue
        assert target == room or target in ARROWS[room], f"{path.relative_to(ROOT)} ({room}) imports {name}"
        if room == "passes":
            assert target != "passes", f"{path} imports another pass"


def test_only_the_command_line_prints_or_exits() -> None:
    for path in FILES:
        if path.name in ("cli.py", "__main__.py"):
            continue
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                assert node.func.id not in ("print", "exit", "eval", "exec"), f"{path}:{node.lineno}"
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                assert (node.value.id, node.attr) not in {("sys", "exit"), ("os", "system"), ("yaml", "load")}, path


def test_passes_have_one_way_in() -> None:
    result = subprocess.run([sys.executable, "-c", "import passes"], cwd=ROOT, capture_output=True, text=True)
    assert "import this package as onnx_roofline.passes" in result.stderr


def _module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    parts = ("onnx_roofline", *parts) if parts[0] == "passes" else parts
    return ".".join(part for part in parts if part != "__init__")


@pytest.mark.parametrize("path", [path for path in FILES if path.name != "__main__.py"], ids=_module_name)
def test_doctests(path: Path) -> None:
    result = doctest.testmod(importlib.import_module(_module_name(path)))
    assert result.failed == 0


def test_help_is_light() -> None:
    """No heavy library is imported for --help or --version."""
    code = (
        "import sys\n"
        "from onnx_roofline.cli import main\n"
        "try: main(['--help'])\n"
        "except SystemExit: pass\n"
        "heavy = {'onnx', 'numpy', 'networkx', 'yaml', 'rich', 'matplotlib', 'onnxruntime'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


def test_analysis_does_not_import_the_optional_libraries() -> None:
    code = (
        "import sys\n"
        "from onnx_roofline.cli import main\n"
        f"assert main(['analyze', {str(ROOT / 'sample_models' / 'lenet5.onnx')!r}]) == 0\n"
        "heavy = {'matplotlib', 'onnxruntime', 'scipy', 'torch'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
