"""A pattern's name is for people: no figure hangs on it."""

from pathlib import Path

import pytest

from onnx_roofline.analysis.analyze import Analysis, analyze
from onnx_roofline.analysis.settings import Settings
from onnx_roofline.base.errors import ProfileError
from onnx_roofline.fusion.backends import load_backend
from onnx_roofline.fusion.patterns import PATTERNS
from onnx_roofline.ir.placed_records import Placement
from onnx_roofline.ir.records import Kernel, Reuse

ROOT = Path(__file__).resolve().parents[2]
PACK = ROOT / "onnx_roofline" / "fusion" / "packs" / "compiler.yaml"
ATTENTION = PATTERNS["attention"].templates[0]


def pack(folder: Path, entry: str) -> str:
    """The compiler's pack with another entry in place of its attention."""
    path = folder / "renamed.yaml"
    path.write_text(PACK.read_text("utf-8").replace("  - attention\n", f"  - {entry}\n"), "utf-8")
    return str(path)


def figures(analysis: Analysis) -> list[object]:
    """What moves and where each kernel runs, with every time and reason, without the pattern's name."""
    model = analysis.model
    kernels, placements, reuses = model.column(Kernel), model.column(Placement), model.column(Reuse)
    return [
        (
            key,
            kernel.members,
            kernel.role,
            {slug: (moved.moved_bytes, moved.refetched_bytes) for slug, moved in reuses[key].devices.items()},
            placements[key].device,
            placements[key].reason,
            placements[key].time_s,
            {slug: (entry.time_s, entry.bound, entry.reason) for slug, entry in placements[key].devices.items()},
        )
        for key, kernel in kernels.items()
        if kernel.id == key
    ]


@pytest.mark.parametrize("name", ["llama_decode.onnx", "gpt2.onnx", "vit_b_16.onnx"])
@pytest.mark.parametrize(
    "entry",
    [
        f'{{name: flash_sdpa, match: ["{ATTENTION}"]}}',
        f'{{name: flash_sdpa, role: attention, match: ["{ATTENTION}"]}}',
        f'{{name: softmax_of_mine, match: ["{ATTENTION}"]}}',
    ],
    ids=["renamed", "with a role", "under a misleading name"],
)
@pytest.mark.parametrize("on_chip", ["", "131072"], ids=["as the profile", "128 KiB"])
def test_renaming_a_pattern_changes_nothing(name: str, entry: str, on_chip: str, tmp_path: Path) -> None:
    settings = {"system": "a100-attacc", "assume_dtype": "float16", "on_chip": on_chip}
    path = ROOT / "sample_models" / name
    shipped = analyze(path, Settings(**settings))
    renamed = analyze(path, Settings(backend=pack(tmp_path, entry), **settings))
    assert any(kernel.role == "attention" for kernel in shipped.model.column(Kernel).values())
    assert figures(renamed) == figures(shipped)


def test_a_pack_may_say_that_a_kernel_is_no_attention(tmp_path: Path) -> None:
    entry = f'{{name: attention, role: none, match: ["{ATTENTION}"]}}'
    analysis = analyze(ROOT / "sample_models" / "gpt2.onnx", Settings(backend=pack(tmp_path, entry)))
    assert {kernel.role for kernel in analysis.model.column(Kernel).values()} == {"none"}


def test_a_role_is_one_of_a_few(tmp_path: Path) -> None:
    entry = f'{{name: mine, role: attentoin, match: ["{ATTENTION}"]}}'
    with pytest.raises(ProfileError, match=r"renamed\.yaml:\d+: .*attentoin"):
        load_backend(pack(tmp_path, entry))
