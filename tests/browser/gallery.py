"""Takes the pictures of the gallery anew: `make pictures`, or this file with a folder to put them in.

Four models, each at a desktop's and a phone's width, in light and in dark: sixteen PNG files with few colours, so that
the repository stays small. It needs Chromium and Pillow, which comes with matplotlib.
"""

import io
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import onnx
from headless import CHROMIUM, Browser
from large_model import layers
from PIL import Image

from onnx_roofline.analysis.analyze import analyze
from onnx_roofline.analysis.settings import Settings
from onnx_roofline.report.html.page import write_page

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "docs/gallery"
# Name, width and height of a window; a phone's pixels are smaller than the page's, so twice as many of them are taken.
WINDOWS = (("desktop", 1280, 1120, 1), ("phone", 390, 800, 2))
# Bytes of one picture, and of all together.
MOST_BYTES, MOST_BYTES_IN_ALL = 150_000, 2_000_000
_COLOURS = 64


@dataclass(frozen=True)
class Subject:
    """A model under settings, and the part of its page that is shown; `row` of the table is chosen, 0 is none."""

    name: str
    model: str
    part: str
    settings: Settings = field(default_factory=Settings)
    row: int = 0


SUBJECTS = (
    Subject("resnet50", "resnet50.onnx", "#roofline", Settings(system="h100-hbm-pim", assume_dtype="float16")),
    Subject(
        "bert",
        "bert_base.onnx",
        "#modules",
        Settings(system="a100-hbm-pim", assume_dtype="float16", dims={"batch": 1, "sequence": 128}),
    ),
    Subject(
        "decoder",
        "llama_decode.onnx",
        "#summary",
        Settings(system="a100-attacc", assume_dtype="float16", dims={"batch": 32, "past_sequence": 1023}),
    ),
    Subject("large", "", "#timeline", Settings(system="a100-attacc", assume_dtype="float16"), row=3),
)


def page_of(subject: Subject, folder: Path) -> Path:
    """The report of a subject, in a file."""
    model = ROOT / "sample_models" / subject.model
    if not subject.model:
        model = folder / f"{subject.name}.onnx"
        onnx.save(layers(100), model)
    page = folder / f"{subject.name}.html"
    page.write_text("".join(write_page(analyze(model, subject.settings))), "utf-8")
    return page


def take(browser: Browser, subject: Subject, page: Path, folder: Path) -> None:
    """All pictures of one page."""
    for window, width, height, scale in WINDOWS:
        for theme in ("light", "dark"):
            browser.open(page, width=width, height=height, dark=theme == "dark")
            browser.resize(width, height, scale=scale)
            if subject.row:
                browser.click(f"#table-rows tr.row:nth-child({subject.row})")
                browser.ask("document.querySelector('#table-rows').scrollLeft = 0")
            browser.ask(f"document.querySelector('{subject.part}').scrollIntoView()")
            browser.ask("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
            assert browser.errors == [], browser.errors
            path = folder / f"{subject.name}-{window}-{theme}.png"
            browser.picture(path)
            path.write_bytes(with_few_colours(path.read_bytes()))


def with_few_colours(png: bytes) -> bytes:
    """The picture with a palette: a third of the bytes, and nobody sees it."""
    packed = io.BytesIO()
    Image.open(io.BytesIO(png)).convert("RGB").quantize(_COLOURS, dither=Image.Dither.NONE).save(
        packed, "PNG", optimize=True
    )
    return packed.getvalue()


def main(folder: Path) -> int:
    """Take them all and say how large they are."""
    if CHROMIUM is None:
        print("no Chromium; Debian has it as the package chromium", file=sys.stderr)
        return 2
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as made:
        browser = Browser(Path(made) / "profile")
        for subject in SUBJECTS:
            take(browser, subject, page_of(subject, Path(made)), folder)
        browser.close()
    sizes = {path.name: path.stat().st_size for path in sorted(folder.glob("*.png"))}
    for name, size in sizes.items():
        print(f"{size:>8,} B {name}")
    print(f"{sum(sizes.values()):>8,} B in all")
    return int(max(sizes.values()) > MOST_BYTES or sum(sizes.values()) > MOST_BYTES_IN_ALL)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER))
