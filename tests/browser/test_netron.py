"""Netron's own loader reads the attachment: the package's modules, in a browser, served from this machine."""

import functools
import http.server
import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from headless import Browser

from onnx_roofline.analysis.analyze import Analysis, analyze
from onnx_roofline.report.netron import write_netron
from onnx_roofline.report.node_figures import NodeFigures

netron = pytest.importorskip("netron")
SAMPLES = Path(__file__).resolve().parents[2] / "sample_models"
READ = """(async () => {
  const view = await import('./view.js');
  const base = await import('./base.js');
  const host = Object.create(view.View.prototype);
  host._model = {};
  const data = new Uint8Array(await (await fetch('/attachment.json')).arrayBuffer());
  const isRead = await host.attach({ identifier: 'attachment.json', stream: new base.BinaryStream(data) });
  const metrics = host._model.attachment.metrics.node({ name: NAME });
  return [isRead, metrics.map((one) => [one.name, one.value])];
})()"""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    """Address of Netron's files with the attachment and an empty page beside them."""

    class Handler(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *arguments: object) -> None:
            pass

        def translate_path(self, path: str) -> str:
            own = tmp_path / path.lstrip("/")
            return str(own) if own.is_file() else super().translate_path(path)

    folder = str(Path(netron.__file__).parent)
    (tmp_path / "empty.html").write_text("<!doctype html><html data-ready=yes>", "utf-8")
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=folder)) as found:
        threading.Thread(target=found.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{found.server_port}"
        found.shutdown()


def test_netron_shows_what_the_analysis_says(browser: Browser, server: str, tmp_path: Path) -> None:
    analysis: Analysis = analyze(SAMPLES / "resnet50.onnx")
    (tmp_path / "attachment.json").write_text("".join(write_netron(analysis)), "utf-8")
    browser.visit(f"{server}/empty.html")
    is_read, metrics = browser.ask(READ.replace("NAME", json.dumps("node_Conv_757")))
    assert is_read
    figures = NodeFigures(analysis).of("5:Conv")
    assert analysis.model.graph.ops[5].name == "node_Conv_757"
    assert dict(metrics) == {name: value for name, value in figures.items() if name not in ("id", "role")}
    assert dict(metrics)["macs"] == 56 * 56 * 64 * 64 * 9
