"""The page in a browser: it asks for nothing, says nothing on the console, and its parts are linked."""

import json
import re
from itertools import pairwise
from pathlib import Path

import onnx
import pytest
from headless import Browser
from large_model import layers
from msgspec.structs import replace
from onnx import TensorProto, helper, parser

from onnx_roofline.analysis.analyze import Analysis, analyze
from onnx_roofline.analysis.settings import Settings
from onnx_roofline.analysis.timeline import overlapped, timeline
from onnx_roofline.base.quantities import format_si
from onnx_roofline.ir.placed_records import Placement, PlacementSummary
from onnx_roofline.ir.records import Kernel
from onnx_roofline.report.html.page import write_page
from onnx_roofline.what_if.sweep import sweep

ROOT = Path(__file__).resolve().parents[2]
ATTACKS = [
    "</script><script>window.attacked=1</script>", "<img src=x onerror=window.attacked=1>", '"><svg onload=attack()>',
    "<!--<script>", "javascript:window.attacked=1", "__proto__", "constructor", "x\u2028y\u202ez\x00\x1b[31m",
    "https://example.com/a.png", "${window.attacked=1}", "@DATA@", "a/b/../c", "' style=background:url(//x) '",
]  # fmt: skip


def written(analysis: Analysis, path: Path) -> Path:
    path.write_text("".join(write_page(analysis)), "utf-8")
    return path


@pytest.fixture(scope="module")
def decoder() -> Analysis:
    dims = {"batch": 32, "past_sequence": 1023}
    return analyze(
        ROOT / "sample_models/llama_decode.onnx", Settings(dims=dims, system="a100-attacc", assume_dtype="float16")
    )


@pytest.fixture(scope="module")
def page(decoder: Analysis, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written(decoder, tmp_path_factory.mktemp("page") / "decoder.html")


@pytest.fixture
def opened(browser: Browser, page: Path) -> Browser:
    browser.open(page)
    return browser


def chosen(browser: Browser) -> dict[str, str | None]:
    """The kernel that each part of the page marks, by its row id."""
    found = browser.ask("""(() => {
        const id = (one) => one && one.getAttribute('data-kernel');
        return {
          row: id(document.querySelector('#table-rows tr.chosen')),
          bar: id(document.querySelector('#timeline-chart .span.chosen')),
          box: document.querySelector('#graph-chart .box.chosen') ? 'marked' : null,
          ring: document.querySelector('#roofline-chart .ring') ? 'marked' : null,
          details: document.querySelector('#details').hidden ? null : document.querySelector('#details h3').textContent,
        };
    })()""")
    return dict(found)


def rows(browser: Browser) -> list[list[str]]:
    """The rows in sight."""
    return list(browser.ask("[...document.querySelectorAll('#table-rows tr.row')].map((row) => "
                            "[...row.cells].map((cell) => cell.textContent))"))  # fmt: skip


def count(browser: Browser) -> int:
    return int(re.sub(r" of .*|,", "", browser.ask("document.querySelector('#table-count').textContent")))


@pytest.mark.parametrize("width", [1440, 390])
@pytest.mark.parametrize("dark", [False, True])
def test_the_page_asks_for_nothing_and_says_nothing(browser: Browser, page: Path, width: int, dark: bool) -> None:
    browser.open(page, width=width, dark=dark)
    assert browser.errors == []
    assert browser.requests == [page.resolve().as_uri()]
    # It reads on a phone: nothing is wider than the window.
    assert browser.ask("document.documentElement.scrollWidth") <= width
    assert browser.ask("document.querySelectorAll('#roofline-chart .point').length") > 50


def test_the_table_has_every_kernel_and_sorts(opened: Browser, decoder: Analysis) -> None:
    kernels = [key for key, kernel in decoder.model.column(Kernel).items() if kernel.id == key]
    assert count(opened) == len(kernels)
    placements = decoder.model.column(Placement)
    longest = max(kernels, key=lambda key: placements[key].time_s or 0.0)
    assert rows(opened)[0][0] == longest
    opened.click("[data-sort=id]")
    assert [row[0] for row in rows(opened)[:10]] == kernels[:10]
    opened.click("[data-sort=id]")
    assert [row[0] for row in rows(opened)[:10]] == kernels[::-1][:10]
    assert opened.ask("document.querySelector('th[aria-sort=descending] [data-sort=id]') !== null")


def test_filters_narrow_the_table(opened: Browser, decoder: Analysis) -> None:
    placements = decoder.model.column(Placement)
    roots = [key for key, kernel in decoder.model.column(Kernel).items() if kernel.id == key]
    opened.click("#table-filter")
    opened.type("layers.3 matmul")
    found = {row[0] for row in rows(opened)}
    assert len(found) == count(opened) > 3
    assert all("layers.3/" in row[3] and "MatMul" in row[2] for row in rows(opened))
    opened.ask("(() => { const one = document.querySelector('#table-filter'); one.value = ''; "
               "one.dispatchEvent(new Event('input')); const two = document.querySelector('#table-device'); "
               "two.value = '1'; two.dispatchEvent(new Event('change')); })()")  # fmt: skip
    assert count(opened) == sum(placements[key].device == "attacc" for key in roots) == 8


def test_ops_are_rows_too(opened: Browser, decoder: Analysis) -> None:
    opened.ask("(() => { const one = document.querySelector('#table-kind'); one.value = 'ops'; "
               "one.dispatchEvent(new Event('change')); })()")  # fmt: skip
    assert count(opened) == len(decoder.model.column(Kernel))


def test_choosing_a_row_marks_the_others(opened: Browser) -> None:
    opened.click("#table-rows tr.row:nth-child(3)")
    id_ = rows(opened)[2][0]
    found = chosen(opened)
    assert found["row"] == found["bar"] is not None
    assert (found["box"], found["ring"]) == ("marked", "marked")
    assert str(found["details"]).startswith(id_)
    opened.press("Escape")
    assert set(chosen(opened).values()) == {None}


def test_choosing_a_point_or_a_bar_marks_the_row(opened: Browser) -> None:
    for selector in ("#roofline-chart rect.point", "#timeline-chart .span.pim"):
        opened.ask(f"document.querySelector('{selector}').dispatchEvent(new MouseEvent('click', {{bubbles: true}}))")
        wanted = opened.ask(f"document.querySelector('{selector}').getAttribute('data-kernel')")
        found = chosen(opened)
        assert found["row"] == found["bar"] == wanted
        assert found["box"] == "marked"
        opened.press("Escape")


def test_every_roof_of_both_devices_is_drawn_and_switched(opened: Browser) -> None:
    drawn = "[...document.querySelectorAll('#roofline-chart [data-roof]')].map((one) => one.getAttribute('data-roof'))"
    every = ["gpu matrix", "gpu vector", "gpu DRAM", "gpu L2", "pim peak", "pim DRAM", "pim interface"]
    assert opened.ask(drawn) == every
    labels = "[...document.querySelectorAll('#roofline-chart text.halo')].map((one) => one.textContent)"
    assert {"a100-sxm-80gb L2 2.5 TB/s", "a100-sxm-80gb vector: 78 TOP/s float16"} <= set(opened.ask(labels))
    for kind in ("L2", "interface", "vector"):
        opened.ask("[...document.querySelectorAll('#roofline-controls label')].find((one) => "
                   f"one.textContent.trim() === '{kind} roof').querySelector('input').click()")  # fmt: skip
    assert opened.ask(drawn) == [name for name in every if name.split()[1] not in ("L2", "interface", "vector")]
    # The DRAM roof ends at the highest level one, which begins there.
    ends = "document.querySelector('[data-roof=\"gpu %s\"]').getAttribute('points').split(' ')"
    assert opened.ask(ends % "DRAM")[-1] == opened.ask(ends % "matrix")[0]
    boxes = opened.ask("[...document.querySelectorAll('#roofline-chart text.halo')].map((one) => "
                       "one.getBoundingClientRect().toJSON())")  # fmt: skip
    edge = opened.ask("document.querySelector('#roofline-chart').getBoundingClientRect().right")
    assert all(box["right"] <= edge for box in boxes)
    assert opened.errors == []


def test_hovering_tells_what_it_is(opened: Browser) -> None:
    opened.move("#timeline-chart .span.pim")
    text = opened.ask("document.querySelector('#tip').hidden ? '' : document.querySelector('#tip').textContent")
    assert "attacc" in text
    assert "MatMul" in text


def test_keys_walk_the_kernels(opened: Browser, decoder: Analysis) -> None:
    spans = [span.kernel for span in timeline(decoder) if span.kind == "kernel"]
    opened.ask("document.querySelector('#timeline-chart').focus()")
    opened.press("ArrowRight", 3)
    assert str(chosen(opened)["details"]).startswith(f"{spans[2]} ")
    opened.press("ArrowLeft")
    assert str(chosen(opened)["details"]).startswith(f"{spans[1]} ")
    opened.ask("document.querySelector('#table-rows').focus()")
    opened.press("Home")
    opened.press("ArrowDown")
    assert str(chosen(opened)["details"]).startswith(f"{rows(opened)[1][0]} ")


def test_modules_open_close_and_filter(opened: Browser) -> None:
    def names() -> list[str]:
        return list(opened.ask("[...document.querySelectorAll('#module-tree [data-module]')].map((one) => "
                               "one.getAttribute('data-module'))"))  # fmt: skip

    before = names()
    opened.ask("document.querySelector('[data-module=\"llama/model/layers.3\"]').focus()")
    opened.press("ArrowRight")
    assert set(names()) - set(before) >= {"llama/model/layers.3/self_attn", "llama/model/layers.3/mlp"}
    opened.press("ArrowLeft")
    assert names() == before
    opened.press("Enter")
    assert all(row[3].startswith("llama/model/layers.3") for row in rows(opened))
    assert 3 < count(opened) < 20
    assert opened.ask("document.querySelectorAll('#roofline-chart .point.dim').length") > 50
    opened.click("#table-module")
    assert count(opened) == 124


def test_the_tree_adds_up(opened: Browser, decoder: Analysis) -> None:
    cells = opened.ask("[...document.querySelector('#module-tree tbody tr').cells].map((cell) => cell.textContent)")
    assert cells[2:4] == ["2.114 G", "4.249 G"]
    assert decoder.summary.counts.macs == 2113929216
    optimum = next(one for one in decoder.model.whole(PlacementSummary).alternatives if one.name == "optimum")
    assert cells[5] == format_si(optimum.kernel_s, "s")  # without transfers


def test_the_graph_opens_boxes_and_goes_back(opened: Browser) -> None:
    inside = "document.querySelector('#graph-controls [disabled]').textContent"
    assert opened.ask(inside) == "model"
    opened.ask("[...document.querySelectorAll('#graph-chart [data-place]')].find((one) => "
               "one.getAttribute('aria-label').startsWith('layers.3')).focus()")  # fmt: skip
    opened.press("Enter")
    assert opened.ask(inside) == "layers.3"
    assert opened.ask("document.activeElement.hasAttribute('data-place')")
    opened.press("Backspace")
    assert opened.ask(inside) == "model"
    assert opened.ask("document.querySelectorAll('#graph-chart .edge').length") > 8


def test_the_theme_follows_the_system_and_the_button(browser: Browser, page: Path) -> None:
    back = "getComputedStyle(document.body).backgroundColor"
    browser.open(page)
    light = browser.ask(back)
    browser.click("#theme")
    dark = browser.ask(back)
    assert light != dark
    browser.open(page, dark=True)
    assert browser.ask(back) == dark
    browser.click("#theme")
    assert browser.ask(back) == light


def test_what_is_printed_is_light_and_nothing_covers_anything(browser: Browser, page: Path) -> None:
    ink = "getComputedStyle(document.body).color"
    browser.open(page, width=760)
    light = browser.ask(ink)
    browser.click("#theme")
    assert browser.ask(ink) != light
    browser.print()
    assert browser.ask(ink) == light
    chart = browser.ask("document.querySelector('#roofline-chart svg').getBoundingClientRect().bottom")
    assert chart <= browser.ask("document.querySelector('#roofline-chart ~ p').getBoundingClientRect().top")
    assert browser.ask("getComputedStyle(document.querySelector('.bar .gpu')).printColorAdjust") == "exact"


def test_the_timeline_zooms_and_every_span_is_drawn(opened: Browser, decoder: Analysis) -> None:
    spans = timeline(decoder)
    assert opened.ask("document.querySelectorAll('#timeline-chart .span').length") == len(spans)
    width = opened.ask("document.querySelector('#timeline-chart svg').clientWidth")
    opened.click("#timeline-controls button")
    assert opened.ask("document.querySelector('#timeline-chart svg').clientWidth") == pytest.approx(2 * width, abs=2)
    opened.ask("(() => { const one = document.querySelector('#timeline-which'); one.value = '1'; "
               "one.dispatchEvent(new Event('change')); })()")  # fmt: skip
    assert opened.ask("document.querySelectorAll('#timeline-chart .span').length") == len(overlapped(decoder))
    assert opened.errors == []


def test_names_that_attack_are_text(browser: Browser, tmp_path: Path) -> None:
    names = ["x", *ATTACKS]
    nodes = [helper.make_node("Relu", [a], [b], name=f"{b}/{b}") for a, b in pairwise(names)]
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, (4,)) for name in (names[0], names[-1])]
    proto = helper.make_model(helper.make_graph(nodes, ATTACKS[0], ends[:1], ends[1:]), producer_name=ATTACKS[1])
    onnx.save(proto, tmp_path / "<b onclick=x>@DATA@ @STYLE@&quot;.onnx")
    analysis = analyze(tmp_path / "<b onclick=x>@DATA@ @STYLE@&quot;.onnx", Settings(backend="none"))
    page = written(analysis, tmp_path / "page.html")
    browser.open(page)
    assert browser.errors == []
    assert browser.requests == [page.resolve().as_uri()]
    assert browser.ask("window.attacked") is None
    assert browser.ask("document.querySelectorAll('img, iframe, object, link, b[onclick], [onload]').length") == 0
    assert browser.ask("document.scripts.length") == 2
    assert count(browser) == len(ATTACKS)
    assert any("<img src=x onerror=window.attacked=1>" in row[1] for row in rows(browser))
    for kernel in range(len(ATTACKS)):
        browser.click(f"#table-rows tr[data-kernel='{kernel}']")
    browser.press("Escape")
    assert browser.errors == []


def test_the_policy_blocks_what_is_not_of_the_page(opened: Browser) -> None:
    opened.ask("document.body.insertAdjacentHTML('beforeend', '<img src=\"https://example.com/x.png\" onerror=\"1\">')")
    opened.ask("(() => { const s = document.createElement('script'); s.textContent = 'window.ran = 1'; "
               "document.body.append(s); })()")  # fmt: skip
    opened.ask("new Promise((done) => setTimeout(done, 100))")
    assert opened.ask("window.ran") is None
    assert any("Content Security Policy" in error for error in opened.errors)
    assert opened.blocked == ["csp"]


@pytest.mark.slow
def test_a_large_model_is_small_and_quick(browser: Browser, tmp_path: Path) -> None:
    """A decoder of 100 layers with 3,600 ops."""
    onnx.save(layers(100), tmp_path / "large.onnx")
    analysis = analyze(tmp_path / "large.onnx", Settings(system="a100-attacc", assume_dtype="float16"))
    assert analysis.summary.ops >= 3600
    page = written(analysis, tmp_path / "large.html")
    assert page.stat().st_size < 2_500_000
    browser.open(page)
    paint = browser.ask("""new Promise((done) => {
        const told = (list) => list.getEntriesByName('first-contentful-paint').forEach((one) => done(one.startTime));
        new PerformanceObserver(told).observe({ type: 'paint', buffered: true });
    })""")
    assert paint < 1500
    slowest = browser.ask("""(() => {
        const took = [];
        const time = (action) => {
          const start = performance.now();
          action();
          document.body.offsetHeight;  // lays the page out
          took.push(performance.now() - start);
        };
        const filter = document.querySelector('#table-filter');
        for (const text of ['matmul', 'layers.77', 'nothing of that name', '']) {
          time(() => { filter.value = text; filter.dispatchEvent(new Event('input')); });
        }
        const kind = document.querySelector('#table-kind');
        time(() => { kind.value = 'ops'; kind.dispatchEvent(new Event('change')); });
        time(() => document.querySelector('[data-sort=macs]').click());
        return Math.max(...took);
    })()""")
    assert slowest < 100
    assert browser.errors == []


def test_a_sweep_is_under_a_slider(browser: Browser, tmp_path: Path) -> None:
    settings = Settings(dims={"past_sequence": 1023}, system="a100-attacc", assume_dtype="float16")
    path = ROOT / "sample_models/llama_decode.onnx"
    found = sweep(path, settings, {"batch": (1, 8, 32)})
    page = tmp_path / "page.html"
    page.write_text("".join(write_page(analyze(path, settings), found)), "utf-8")
    browser.open(page)
    notes = []
    for point in range(3):
        browser.ask(f"(() => {{ const one = document.querySelector('#whatif-slider'); one.value = {point}; "
                    "one.dispatchEvent(new Event('input')); })()")  # fmt: skip
        notes.append(browser.ask("document.querySelector('#whatif-note').textContent").split()[0])
        shown = browser.ask("[...document.querySelector('#whatif-table tbody').rows].map((row) => "
                            "row.cells[0].textContent)")  # fmt: skip
        assert shown == list(found.points[point].placements)
    assert [int(note) for note in notes] == [point.on_pim for point in found.points]
    assert len(set(notes)) > 1, "the slider changes something"
    assert browser.ask("document.querySelector('#whatif-value').textContent") == "batch = 32"
    browser.click("#whatif-flips button")
    assert chosen(browser)["row"] is not None
    assert browser.errors == []
    browser.open(written(analyze(path, settings), page))
    assert browser.ask("document.querySelector('#whatif').hidden")


def test_a_sweep_over_systems_has_a_slider_more(browser: Browser, tmp_path: Path) -> None:
    path = ROOT / "sample_models/llama_decode.onnx"
    found = sweep(path, Settings(), {"batch": (1, 8), "system": ("a100-attacc", "h100-sxm"), "past_sequence": (127,)})
    first = Settings(dims={"batch": 1, "past_sequence": 127}, system="a100-attacc")
    page = tmp_path / "page.html"
    page.write_text("".join(write_page(analyze(path, first), found)), "utf-8")
    browser.open(page)
    for place, wanted in enumerate((1, 1, 0)):
        which = "whatif-slider" if not place else f"whatif-slider-{place}"
        browser.ask(f"(() => {{ const one = document.querySelector('#{which}'); one.value = {wanted}; "
                    "one.dispatchEvent(new Event('input')); })()")  # fmt: skip
    shown = browser.ask("document.querySelector('#whatif-value').textContent")
    assert shown == "batch = 8, system = h100-sxm, past_sequence = 127"
    names = browser.ask(
        "[...document.querySelector('#whatif-table tbody').rows].map((row) => row.cells[0].textContent)"
    )
    assert names == ["optimum"]  # one device alone
    assert browser.ask("document.querySelector('#whatif-note').textContent").startswith("0 of ")
    assert browser.errors == []


def test_a_system_of_one_device_has_a_page(browser: Browser, tmp_path: Path) -> None:
    path = ROOT / "sample_models/llama_decode.onnx"
    settings = Settings(dims={"past_sequence": 1023}, system="h100-sxm", assume_dtype="float16")
    found = sweep(path, settings, {"batch": (1, 8)})
    analysis = analyze(path, replace(settings, dims={"past_sequence": 1023, "batch": 1}))
    page = tmp_path / "page.html"
    page.write_text("".join(write_page(analysis, found)), "utf-8")
    browser.open(page)
    assert browser.errors == []
    assert count(browser) == len([key for key, kernel in analysis.model.column(Kernel).items() if kernel.id == key])
    titles = browser.ask("[...document.querySelectorAll('#table-rows th')].map((one) => one.textContent)")
    assert [title for title in titles if title.startswith("on ")] == ["on h100-sxm"]
    assert browser.ask("[...document.querySelectorAll('[data-roof]')].map((one) => one.getAttribute('data-roof'))") == [
        "gpu matrix", "gpu vector", "gpu DRAM", "gpu L2"]  # fmt: skip
    browser.click("#table-rows tr.row:nth-child(2)")
    assert "h100-sxm" in browser.ask("document.querySelector('#details').textContent")
    shown = browser.ask("document.querySelector('main').innerText")
    assert "PIM" not in shown.replace("PIM time model", "")
    assert browser.errors == []


def test_a_model_without_a_kernel_has_a_page(browser: Browser, tmp_path: Path) -> None:
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, (4,)) for name in "xy"]
    graph = helper.make_graph([helper.make_node("Identity", ["x"], ["y"])], "g", ends[:1], ends[1:])
    onnx.save(helper.make_model(graph), tmp_path / "m.onnx")
    browser.open(written(analyze(tmp_path / "m.onnx"), tmp_path / "page.html"))
    assert browser.errors == []
    assert count(browser) == 0


def test_what_is_unknown_is_a_question_mark_and_never_0(browser: Browser, tmp_path: Path) -> None:
    """Nobody knows what Mystery makes, so that nothing is known of what follows it; the graph is known all the same."""
    text = """<ir_version: 10, opset_import: ["": 21, "nobody": 1]>
    g (float[4, 4] x) => (z) { y = nobody.Mystery (x) z = MatMul (y, x) }"""
    onnx.save(parser.parse_model(text), tmp_path / "m.onnx")
    browser.open(written(analyze(tmp_path / "m.onnx"), tmp_path / "page.html"))
    assert browser.errors == []
    titles = browser.ask("[...document.querySelectorAll('#table-rows th')].map((one) => one.textContent)")
    for row in rows(browser):
        cells = dict(zip(titles, row, strict=True))
        assert [cells[title] for title in ("MACs", "FLOPs", "time ▼", "place", "status")] == [
            "?", "?", "?", "not placed", "unknown"]  # fmt: skip
    cards = browser.ask("[...document.querySelectorAll('.card')].map((one) => [...one.children].map((part) => "
                        "part.textContent))")  # fmt: skip
    shown = {name: value for name, value, _ in cards}
    assert [shown[name] for name in ("placed", "on teaching-gpu", "MACs", "naive", "moved")] == ["?"] * 5
    placements = browser.ask("[...document.querySelectorAll('#placements tbody tr')].map((one) => "
                             "[...one.cells].slice(1, 3).map((cell) => cell.textContent).join())")  # fmt: skip
    assert set(placements) == {"?,?"}
    module = browser.ask("[...document.querySelector('#module-tree tbody tr').cells].map((one) => "
                         "one.textContent.trim())")  # fmt: skip
    assert module[1:7] == ["2", "?", "?", "?", "?", "?"]
    boxes = browser.ask("[...document.querySelectorAll('#graph-chart [data-place]')].map((one) => "
                        "one.querySelector('text.soft').textContent)")  # fmt: skip
    assert boxes == ["?, ?"] * 2
    assert browser.ask("[...document.querySelectorAll('#graph-chart .edge title')].map((one) => one.textContent)") == [
        "of unknown size"]  # fmt: skip


def test_json_in_the_page_is_the_data(page: Path) -> None:
    (text,) = re.findall(r'<script type="application/json" id="data">(.*?)</script>', page.read_text("utf-8"), re.S)
    found = json.loads(text)
    assert found["head"]["macs"] == 2113929216
    assert not {"<", ">", "&"} & set(text)
