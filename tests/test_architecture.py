"""The structure that the design fixes: import arrows, where things may be printed, doctests, what the wheel holds."""

import ast
import doctest
import importlib
import subprocess
import sys
from collections.abc import Sequence
from graphlib import TopologicalSorter
from pathlib import Path

import onnx
import pytest

ROOT = Path(__file__).resolve().parents[1]
FILES = sorted([*(ROOT / "onnx_roofline").rglob("*.py"), *(ROOT / "passes").rglob("*.py")])

# Packages from the lowest to the highest; a module imports from its own package and from lower ones.
RANKS = (
    ("base",),
    ("ir", "hardware", "placement.solver"),
    ("load", "ops", "timing"),
    ("inference", "fusion", "memory"),
    ("placement",),
    ("passes",),
    ("plugin",),
    ("analysis",),
    ("what_if",),
    ("lint",),
    ("report", "ci"),
    ("face",),
    ("sweep_face",),
    ("cli", "compilers", "pytest_plugin"),
)
RANK = {name: rank for rank, names in enumerate(RANKS) for name in names}
# Downward all the same, but not allowed: those who print ask for results and run no algorithm.
FORBIDDEN = {(a, b) for a in ("report", "ci") for b in ("passes", "placement", "placement.solver", "timing")} | {
    ("inference", "timing"), ("inference", "load"), ("fusion", "timing"), ("memory", "timing"), ("fusion", "load"),
    ("memory", "load"), ("placement", "load"), ("passes", "load"), ("placement", "inference"),
}  # fmt: skip
# Registries are asked by a lookup, which imports the families of rules; no registry imports a family.
FAMILIES = ("onnx_roofline.ops.cost.", "onnx_roofline.ops.shape.")
# Optional or heavy libraries: the only packages or files that import them.
OWNERS = {
    "onnx": {"load", "inference", "analysis/observe"},
    "google": {"load"},
    "matplotlib": {"report/plot"},
    "onnxruntime": {"analysis/observe"},
    "yaml": {"base"},
    "networkx": {
        "ir",
        "load",
        "placement.solver",
        "report/networkx_graph.py",
        "face.py",
        "report/flat_graph.py",
        "report/graphml.py",
    },
    "xdsl": {"load", "compilers"},
    "onnx_ir": {"compilers"},
    "rich": {"cli"},
    "narwhals": {"report/frames.py"},
    "scipy": set(),
    "pytest": {"pytest_plugin.py"},
    "pyarrow": {"ci/runs"},
    "distributed": {"ci/runs"},
}


def _package(parts: Sequence[str]) -> str:
    """`placement.solver` is a package of its own; `face.py` and `pytest_plugin.py` are modules beside the packages."""
    return "placement.solver" if tuple(parts[:2]) == ("placement", "solver") else parts[0] if parts else ""


def _parts(path: Path) -> tuple[str, ...]:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return parts if parts[0] == "passes" else parts[1:]


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
def test_imports_go_downwards(path: Path) -> None:
    parts = _parts(path)
    here = _package(parts)
    for name in _imports(path):
        library, *target = name.split(".")
        if library != "onnx_roofline":
            owners = OWNERS.get(library)
            place = "/".join(path.relative_to(ROOT).parts[1:])
            assert owners is None or any(here == owner or place.startswith(owner) for owner in owners), (
                f"{place} imports {name}"
            )
        elif here in RANK and target:
            there = _package(target)
            assert here == there or RANK[there] < RANK[here], f"{path.relative_to(ROOT)} imports {name}"
            assert (here, there) not in FORBIDDEN, f"{path.relative_to(ROOT)} imports {name}"
            assert (here, there) != ("passes", "passes"), f"{path} imports another pass"
        if path.name == "registry.py":
            assert not name.startswith(FAMILIES), f"{path} imports a family of rules"


def test_every_package_has_a_rank() -> None:
    packages = {_package(_parts(path)) for path in FILES}
    assert packages - {"__init__", "__main__"} == set(RANK)


def test_no_module_imports_itself_through_others() -> None:
    modules = {_module_name(path): path for path in FILES}
    arrows = {name: {n for n in _imports(path) if n in modules} for name, path in modules.items()}
    assert list(TopologicalSorter(arrows).static_order())  # raises CycleError


# Knowledge of single ops that is of no cost and no shape lies with those who ask for it.
KNOW_OPS = {
    "inference": "values, bounds and trip counts follow from what single ops compute",
    "load/uses.py": "what reads an input says what its dims are, before any rule is asked",
    "load/mlir": "importers to MLIR name, split and order some ops in ways of their own",
    "report/mlir": "the onnx dialect of MLIR has a type where an op has its number",
    "analysis/dim_ties.py": "which operands of an op tie their dims together",
    "analysis/fixed_sizes.py": "a Reshape that fixes a size is named in the refusal",
    "analysis/weights.py": "the file states some tensors as ops",
    "analysis/precision": "the Q and DQ ops that a quantiser writes are written here",
    "analysis/observe": "what a real run is asked for and fed",
    "lint": "a rule is about ops that undo or repeat each other",
    "what_if/other_counters.py": "other tools' conventions, by op",
}


def test_op_names_stand_with_the_ops() -> None:
    """A name of an op outside `ops` and `fusion` is knowledge in the wrong place, but where the table says why."""
    names = {schema.name for schema in onnx.defs.get_all_schemas()} - {"Split"}  # a record and a word, too
    found = set()
    for path in FILES:
        parts = _parts(path)
        place = "/".join(path.relative_to(ROOT).parts[1:])
        if _package(parts) in ("ops", "fusion") or any(place.startswith(home) for home in KNOW_OPS):
            continue
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Constant) and node.value in names:
                found.add(f"{place}:{node.lineno}: {node.value}")
    assert not found


def test_no_module_is_too_long() -> None:
    """A module that one can't read in one go is two."""
    long = {str(path.relative_to(ROOT)) for path in FILES if len(path.read_text("utf-8").splitlines()) >= 400}
    assert not long


def test_only_the_command_line_prints_or_exits() -> None:
    for path in FILES:
        if "cli" in path.parts or path.name == "__main__.py":
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
        "from onnx_roofline.cli.main import main\n"
        "try: main(['--help'])\n"
        "except SystemExit: pass\n"
        "heavy = {'onnx', 'numpy', 'networkx', 'yaml', 'rich', 'matplotlib', 'onnxruntime', 'pyarrow', 'distributed'}\n"
        "heavy &= set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


def test_analysis_does_not_import_the_optional_libraries() -> None:
    code = (
        "import sys\n"
        "from onnx_roofline.cli.main import main\n"
        f"assert main(['analyze', {str(ROOT / 'sample_models' / 'lenet5.onnx')!r}]) == 0\n"
        "heavy = {'matplotlib', 'onnxruntime', 'scipy', 'torch', 'xdsl', 'pyarrow', 'distributed'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
