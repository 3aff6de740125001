"""What pyproject.toml ships is what the repository holds: no package and no data file is forgotten."""

import fnmatch
import subprocess
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SETTINGS = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["setuptools"]
FOLDERS = {"onnx_roofline.passes": "passes", "onnx_roofline.hw_profiles": "hw_profiles"}


def _tracked() -> list[str]:
    listed = subprocess.run(
        ["git", "ls-files", "onnx_roofline", "passes", "hw_profiles"], cwd=ROOT, capture_output=True, text=True
    )
    if listed.returncode == 0 and listed.stdout:
        return listed.stdout.split()
    return [
        str(path.relative_to(ROOT))
        for folder in ("onnx_roofline", "passes", "hw_profiles")
        for path in (ROOT / folder).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    ]


def _package(path: str) -> str:
    folder = str(Path(path).parent)
    return next((name for name, place in FOLDERS.items() if place == folder), folder.replace("/", "."))


def test_every_package_is_listed() -> None:
    assert sorted({_package(path) for path in _tracked()}) == sorted(SETTINGS["packages"])


def test_every_data_file_is_shipped() -> None:
    forgotten = []
    for path in _tracked():
        if path.endswith(".py"):
            continue
        owners = [(_package(path), Path(path).name)]
        top = path.partition("/")
        owners.append((top[0], top[2]))
        patterns = SETTINGS["package-data"]
        if not any(fnmatch.fnmatch(name, pattern) for owner, name in owners for pattern in patterns.get(owner, [])):
            forgotten.append(path)
    assert forgotten == []
