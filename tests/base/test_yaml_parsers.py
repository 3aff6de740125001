"""libyaml and PyYAML's own parser read every profile to the same nodes, with the same lines and messages."""

from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from onnx_roofline.base import strict_yaml, yaml_nodes
from onnx_roofline.base.errors import ProfileError

ROOT = Path(__file__).resolve().parents[2]
SHIPPED = sorted([*ROOT.glob("hw_profiles/*.yaml"), *ROOT.glob("onnx_roofline/fusion/packs/*.yaml")])
needs_libyaml = pytest.mark.skipif(not yaml.__with_libyaml__, reason="this PyYAML was built without libyaml")

# Each differs between the two parsers, or did in some release.
HOSTILE = {
    "no end of line": "a: 'x'\n---",
    "carriage returns": "a: 1\rb: 2\rb: 3\r\n",
    "a next line character": "a: 1\x85b: 2\nb: 3\n",
    "a byte order mark inside": "a: 1\n\ufeffb: 2\n",
    "a tab": "a:\t1\nb: [1,\t2\n",
    "a comment behind the mark of a block scalar": "a: >#x\n  b\n",
    "a question mark in a flow mapping": "a: {b?: 1}\n",
    "a tag": "a: !b!'c' 1\n",
    "an absent value before a bracket": "a: {b: 1, c:\n}\n",
    "an absent value": "a:\nb:\nb: 1\n",
    "a repeated key": "a: 1\nb: {c: 1,\n c: 2}\n",
    "an anchor": "a: &b 1\nc: *b\n",
    "an unknown alias": "a: *b\n",
    "a merge key": "a: 1\n<<: {b: 2}\n",
    "a second document": "a: 1\n---\nb: 1\n",
    "a version": "%YAML 1.3\n---\na: 1\n",
    "a repeated version": "%YAML 1.1\n%YAML 1.1\n---\na: 1\n",
    "an unclosed bracket": "a: [1,\n  2\nb: 3\n",
    "an unclosed quote": "a: 'b\nc: 1\n",
    "an escape": 'a: "\\x4"\n',
    "an escape out of range": 'a: "\\UFFFFFFFF"\n',
    "a wrong indent": "a:\n    b: 1\n  c: 2\n",
    "a control character": "a: \x01\n",
    "deep nesting": "a: " + "[" * 40 + "]" * 40 + "\n",
    "a long key": "k" * 2000 + ": 1\n",
    "nothing": "",
    "a lone comment": "# a\n",
}
TOKENS = (
    ": ", "- ", "? ", "\n  ", "\n    ", "\n", "# c", "---", "...", "%YAML 1.1\n", "|", "|-\n", ">+2\n", "'", '"', "[",
    "]", "{", "}", ", ", "&a ", "*a", "!t ", "<<", "a", "b: 1", "12:30", "'x'", '"y\\n"', '"a\\\n b"', "key: ",
    "\t", "\r", "\u00e9", "\u2028", "@", "`", "\\", "~", "=",
)  # fmt: skip


def _tree(node: yaml_nodes.Node) -> tuple[object, ...]:
    entries = {key: _tree(entry) for key, entry in node.entries.items()}
    return (node.kind, node.line, node.path, node.characters, node.quoted, entries, [_tree(i) for i in node.items])


def _read(text: str) -> object:
    try:
        root = strict_yaml.parse(text.encode(), "f.yaml")
    except ProfileError as error:
        return str(error)
    return _tree(root), root.problems.lines()


def _assert_same(text: str) -> None:
    found = _read(text)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(yaml, "__with_libyaml__", False)
        assert found == _read(text)


@needs_libyaml
@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_shipped_files_read_the_same(path: Path) -> None:
    _assert_same(path.read_text("utf-8"))


@needs_libyaml
@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_libyaml_reads_the_shipped_files(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """None of them is left to the slower parser."""
    monkeypatch.delattr(yaml, "SafeLoader")
    strict_yaml.read(path)


@needs_libyaml
@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_hostile_files_read_the_same(text: str) -> None:
    _assert_same(text)


@needs_libyaml
@given(st.lists(st.sampled_from(TOKENS), max_size=14).map("".join), st.booleans())
def test_any_text_reads_the_same(text: str, has_end: bool) -> None:
    _assert_same(text + "\n" * has_end)


@needs_libyaml
@given(st.data())
def test_a_broken_profile_reads_the_same(data: st.DataObject) -> None:
    text = data.draw(st.sampled_from(SHIPPED)).read_text("utf-8")
    position = data.draw(st.integers(0, len(text)))
    token, dropped = data.draw(st.sampled_from(TOKENS)), data.draw(st.integers(0, 3))
    _assert_same(text[:position] + token + text[position + dropped :])
