"""Model Explorer's own server and page show the node data; runs where its packages are installed (some 800 MB).

pip install ai-edge-model-explorer==0.1.34 model-explorer-onnx==0.4.2
"""

import json
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from headless import Browser

from onnx_roofline.analysis.analyze import analyze
from onnx_roofline.report.model_explorer import write_devices, write_times
from onnx_roofline.report.node_figures import NodeFigures

pytest.importorskip("model_explorer")
pytest.importorskip("model_explorer_onnx")
SAMPLE = Path(__file__).resolve().parents[2] / "sample_models" / "resnet50.onnx"
START_S = 60.0


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    """Where the page shows the model with both files."""
    analysis = analyze(SAMPLE)
    files = {"devices.json": write_devices(analysis), "times.json": write_times(analysis)}
    for name, parts in files.items():
        (tmp_path / name).write_text("".join(parts), "utf-8")
    model = shutil.copy(SAMPLE, tmp_path)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    paths = [str(tmp_path / name) for name in files]
    command = [sys.executable, "-m", "model_explorer", str(model), "--extensions=model_explorer_onnx",
               f"--node_data_paths={','.join(paths)}", "--no_open_in_browser", "--skip_health_check",
               "--host=127.0.0.1", f"--port={port}"]  # fmt: skip
    asked = {"models": [{"url": str(model)}], "nodeData": paths, "nodeDataTargets": ["", ""]}
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        try:
            _wait(f"http://127.0.0.1:{port}/")
            yield f"http://127.0.0.1:{port}/?data={quote(json.dumps(asked))}"
        finally:
            server.terminate()


def _wait(url: str) -> None:
    limit = time.monotonic() + START_S
    while True:
        try:
            urllib.request.urlopen(url, timeout=START_S).close()
        except OSError:
            assert time.monotonic() < limit
            time.sleep(0.2)
        else:
            return


def test_model_explorer_shows_the_devices_and_the_times(browser: Browser, address: str) -> None:
    found = NodeFigures(analyze(SAMPLE)).of("5:Conv")
    browser.go(address)
    shown = browser.wait_for("document.body?.innerText.includes('Root-level nodes stats') && document.body.innerText")
    rows = [line.split("\t") for line in shown.splitlines()]
    convolutions = [row for row in rows if row[1:2] == ["Conv"]]
    assert ["Conv", found["placement"]] in [row[1:3] for row in convolutions]
    assert found["time_s"] in [float(row[3]) for row in convolutions if row[3:4] not in ([], ["-"])]
