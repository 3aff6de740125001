"""Fusion packs: what is refused, all of it in one message with lines, and what a pack of one's own can say."""

import re
from pathlib import Path

import pytest
from onnx_roofline.passes.fusion import FusionPass

from onnx_roofline.base.errors import ProfileError
from onnx_roofline.fusion.backends import Backend, load_backend, shipped_backends
from onnx_roofline.fusion.patterns import PATTERNS
from onnx_roofline.fusion.template import TemplateError, parse_template

from .conftest import Build

HEAD = "schema: 1\nname: Mine\nabout: a test\nsource: none\n"


def refusal(folder: Path, text: str) -> list[str]:
    """The lines of the message about a pack, without the folder."""
    path = folder / "pack.yaml"
    path.write_text(text, "utf-8")
    with pytest.raises(ProfileError) as caught:
        load_backend(path)
    return [line.removeprefix(f"{path}:") for line in str(caught.value).splitlines()]


def test_all_problems_of_a_pack_are_told_at_once(tmp_path: Path) -> None:
    text = HEAD + (
        "general_rule: tmv\nmax_grop: 3\nresidual_add: yes\npatterns:\n  - layer_nrom\n  - attention\n  - attention\n"
        "  - name: conv_epilogue\n    types: {atc: [Relu]}\n"
        "kinds: {elementwise: [Cast], opaque: [Cast], magic: [Add]}\n"
    )
    assert refusal(tmp_path, text) == [
        "5: general_rule: found 'tmv', wanted one of off, tvm; did you mean 'tvm'?",
        "6: max_grop: found an unknown key; did you mean 'max_group'?",
        "7: residual_add: found 'yes', wanted true or false",
        "9: patterns[0]: found the unknown pattern 'layer_nrom'; did you mean 'layer_norm'?; or give it a match",
        "11: patterns[2]: found the pattern 'attention' again; keep one of the two",
        "13: patterns[3].types.atc: found an unknown key; did you mean 'act'?",
        "14: kinds.magic: found an unknown key; known: elementwise, broadcast, injective, reduction, contraction, "
        "opaque",
        "14: kinds.opaque[0]: found Cast again (it is elementwise already); keep one of the two",
    ]


def test_absent_keys_and_another_schema_are_told(tmp_path: Path) -> None:
    assert refusal(tmp_path, "schema: 2\nname: n\npatterns: []\n") == [
        "1: found no 'about', 'source', 'general_rule', which must be there; add it",
        "1: schema: found 2, wanted 1; this version reads no other form of pack",
    ]


def test_a_template_that_is_not_one_is_told_with_its_line(tmp_path: Path) -> None:
    text = (
        HEAD
        + 'general_rule: "off"\npatterns:\n  - name: mine\n    match:\n'
        + '      - "Relu(Conv(_)"\n      - "Relu(@nothing)"\n'
    )
    assert refusal(tmp_path, text) == [
        "9: patterns[0].match[0]: found the end of 'Relu(Conv(_)', wanted more",
        "10: patterns[0].match[1]: found no part @nothing (in 'Relu(@nothing)')",
    ]


def test_a_check_that_nobody_knows_is_told(tmp_path: Path) -> None:
    text = HEAD + 'general_rule: "off"\npatterns:\n  - name: mine\n    match: ["Add:skpi(_, _)"]\n'
    assert refusal(tmp_path, text) == ["8: patterns[0].match[0]: found the unknown check 'skpi'; did you mean 'skip'?"]


def test_an_unknown_backend_is_told_with_the_shipped_ones() -> None:
    with pytest.raises(
        ProfileError, match=r"found no shipped backend 'otr'; did you mean 'ort'\? \(shipped: compiler, none, ort"
    ):
        load_backend("otr")


def test_a_pack_of_ones_own_names_templates_and_types(tmp_path: Path, build: Build) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(
        HEAD + 'general_rule: "off"\npatterns:\n'
        "  - name: conv_epilogue\n    types: {act: [Sigmoid]}\n"
        '  - name: twice\n    types: {one: [Sin, Cos]}\n    match: ["$one($one(_))"]\n',
        "utf-8",
    )
    backend = load_backend(path)
    assert (str(backend), backend.name) == ("mine", "Mine")
    model = build("a = Conv(x, w)\nb = Sigmoid(a)\nc = Sin(b)\ny = Cos(c)", {"x": (1, 4, 8, 8)}, {"w": (4, 4, 3, 3)})
    rows = FusionPass(backend).run(model).rows
    assert [row.pattern for row in rows.values()] == ["conv_epilogue"] * 2 + ["twice"] * 2  # type: ignore[attr-defined]


def test_transposes_are_absorbed_where_the_pack_says_so(tmp_path: Path, build: Build) -> None:
    text = "t = Transpose<perm=[0,2,1]>(k)\nm = MatMul(q, t)\np = Softmax<axis=-1>(m)\ny = MatMul(p, v)"
    inputs = dict.fromkeys("qkv", (2, 16, 8))
    model = build(text, inputs)
    sizes = []
    for switch in ("true", "false"):
        path = tmp_path / f"{switch}.yaml"
        path.write_text(HEAD + f'general_rule: "off"\npatterns: [attention]\nabsorb_transposes: {switch}\n', "utf-8")
        rows = FusionPass(load_backend(path)).run(model).rows
        sizes.append(sum(row.pattern == "attention" for row in rows.values()))  # type: ignore[attr-defined]
    assert sizes == [4, 3]


def test_shipped_packs_are_valid_and_say_where_they_come_from() -> None:
    assert [slug for slug, _, _ in shipped_backends()] == ["compiler", "none", "ort"]
    for slug, name, about in shipped_backends():
        backend: Backend = load_backend(slug)
        assert name
        assert about
        assert backend.source
        assert {pattern.name for pattern in backend.patterns} <= set(PATTERNS)


@pytest.mark.parametrize(
    "text", ["", "Relu?", "Relu(_) A", "Relu(_", "Relu(_;_)", "Relu(!)", "$act(_)", "?x=", "[_; ]"]
)
def test_a_malformed_template_is_refused(text: str) -> None:
    with pytest.raises(TemplateError):
        parse_template(text)


def test_the_page_on_traffic_has_every_key_of_a_pack(tmp_path: Path) -> None:
    """A refused key is answered with those that there are."""
    (line,) = (
        line for line in refusal(tmp_path, HEAD + 'general_rule: "off"\npatterns: []\nall: 1\n') if "all" in line
    )
    keys = re.findall(r"\w+", line.partition("known: ")[2])
    page = (Path(__file__).parents[2] / "docs" / "traffic.md").read_text("utf-8")
    assert "appends_in_place" in keys
    assert [key for key in keys if f"`{key}`" not in page] == []
