"""The documents are true: commands print what is printed, figures come out of them, links and tables are current.

`ONNX_ROOFLINE_UPDATE=1 python -m pytest tests/test_docs.py` rewrites the outputs, the generated lines and the pictures.
"""

import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import onnx
import pytest
from msgspec import Meta

from onnx_roofline.load import Limits
from onnx_roofline.ops.cost.lookup import all_rules
from onnx_roofline.report import contract

ROOT = Path(__file__).resolve().parents[1]
DOCUMENTS = ("README.md", *(f"docs/{path.name}" for path in sorted((ROOT / "docs").glob("*.md"))))
UPDATE = os.environ.get("ONNX_ROOFLINE_UPDATE") == "1"
# A line of a printed output that stands for any number of lines.
CUT = "..."
# Lines of an `sh` block: what prepares a machine. Make targets are looked up, the others are not run.
PREPARES = re.compile(r"(make [a-z-]+|pip install .+|python3? -m venv .+|\. .+/bin/activate)(\s+#.*)?")
TIMEOUT_S = 120


@dataclass(frozen=True)
class Block:
    """A fenced block: its language, its lines, where they start in the file, and the line of text above it."""

    language: str
    lines: tuple[str, ...]
    start: int
    above: str


@dataclass(frozen=True)
class Step:
    """A command of a console block and the lines that it is said to print."""

    command: str
    output: tuple[str, ...]


def blocks_of(text: str) -> list[Block]:
    lines, found = text.splitlines(), []
    position = 0
    while position < len(lines):
        opened = re.fullmatch(r"```(\w*)", lines[position])
        position += 1
        if opened is None:
            continue
        end = lines.index("```", position)
        above = next((line for line in reversed(lines[: position - 1]) if line.strip()), "")
        found.append(Block(opened[1], tuple(lines[position:end]), position, above))
        position = end + 1
    return found


def steps_of(block: Block) -> Iterator[Step]:
    """`$ ` starts a command; it goes on after a backslash and inside double quotes."""
    command: list[str] = []
    output: list[str] = []
    for line in block.lines:
        if line.startswith("$ "):
            if command:
                yield Step("\n".join(command), tuple(output))
            command, output = [line[2:]], []
        elif command and not output and ("\n".join(command).count('"') % 2 or command[-1].endswith("\\")):
            command.append(line)
        else:
            output.append(line)
    if command:
        yield Step("\n".join(command), tuple(output))


def trimmed(text: str) -> list[str]:
    """Lines without what a page does not show: blanks at the end of a line, empty lines around."""
    lines = [line.rstrip() for line in text.splitlines()]
    while lines and not lines[0]:
        lines.pop(0)
    while lines and not lines[-1]:
        lines.pop()
    return lines


def agrees(expected: tuple[str, ...], found: list[str]) -> bool:
    """Whether the lines are the same, where a `...` line stands for any lines."""
    parts = [r"(?:.*\n)*" if line == CUT else re.escape(line) + r"\n" for line in expected]
    return re.fullmatch("".join(parts), "".join(f"{line}\n" for line in found)) is not None


def renewed(expected: tuple[str, ...], found: list[str]) -> list[str]:
    """The found lines, cut where the expected ones were: as many lines before the first cut and after the last."""
    if CUT not in expected:
        return found
    before = expected.index(CUT)
    after = len(expected) - 1 - before
    assert CUT not in expected[before + 1 :], "one cut an output can be renewed"
    return [*found[:before], CUT, *found[len(found) - after :]] if before + after < len(found) else found


class Desk:
    """A folder like the checkout in which the commands of one document run, in order."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "checkout"
        self.folder.mkdir()
        for name in ("sample_models", "hw_profiles", "Makefile"):
            (self.folder / name).symlink_to(ROOT / name)
        (self.folder / "docs").mkdir()
        programs = folder / "bin"
        programs.mkdir()
        for name, arguments in (("onnx-roofline", "-m onnx_roofline"), ("python", "")):
            script = programs / name
            script.write_text(f'#!/bin/sh\nexec "{sys.executable}" {arguments} "$@"\n', "utf-8")
            script.chmod(0o755)
        self.environment = {
            **{name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES", "FORCE_COLOR")},
            "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]),
            "PYTHONIOENCODING": "utf-8",
            "LC_ALL": "C.UTF-8",
        }

    def run(self, arguments: list[str]) -> tuple[int, list[str]]:
        """Exit code, then what a terminal shows: messages, then results."""
        done = subprocess.run(
            arguments, cwd=self.folder, env=self.environment, capture_output=True, encoding="utf-8", timeout=TIMEOUT_S
        )
        return done.returncode, trimmed(done.stderr + done.stdout)


def replayed(name: str, text: str, desk: Desk) -> list[str]:
    """Run a document's blocks in order; its lines with every output as it is now."""
    lines = text.splitlines()
    found_blocks = blocks_of(text)
    for position in range(len(found_blocks)):
        block = blocks_of("\n".join(lines))[position]
        new = list(block.lines)
        if block.language == "console":
            new = _replayed_console(name, block, desk)
        elif block.language in ("yaml", "python") and (file := re.fullmatch(r"`([\w.-]+)`:", block.above)):
            (desk.folder / file[1]).write_text("\n".join(block.lines) + "\n", "utf-8")
        elif block.language == "python":
            code, printed = desk.run([sys.executable, "-c", "\n".join(block.lines)])
            assert code == 0, f"{name}: a Python block ends with {code}:\n" + "\n".join(printed)
            after = blocks_of("\n".join(lines))[position + 1 : position + 2]
            expected = after[0].lines if after and after[0].language == "text" else ()
            if not agrees(expected, printed):
                assert UPDATE, f"{name}: a Python block prints\n" + "\n".join(printed)
                assert after, f"{name}: a Python block that prints needs a text block after it"
                lines[after[0].start : after[0].start + len(expected)] = printed
        lines[block.start : block.start + len(block.lines)] = new
    return lines


def _replayed_console(name: str, block: Block, desk: Desk) -> list[str]:
    steps = list(steps_of(block))
    lines: list[str] = []
    code = 0
    for position, step in enumerate(steps):
        if step.command == "echo $?":
            printed = [str(code)]
            code = 0
        else:
            code, printed = desk.run(["bash", "-c", step.command])
            is_shown = position + 1 < len(steps) and steps[position + 1].command == "echo $?"
            assert is_shown or code == 0, f"{name}: {step.command}: exit code {code}\n" + "\n".join(printed)
        expected = step.output
        if not agrees(tuple(trimmed("\n".join(expected))), printed):
            assert UPDATE, f"{name}: {step.command}: prints\n" + "\n".join(printed)
            expected = tuple(renewed(expected, printed))
        first, *more = step.command.splitlines()
        lines += [f"$ {first}", *more, *expected]
    return lines


@pytest.mark.parametrize("name", DOCUMENTS)
def test_commands_print_what_the_document_says(name: str, tmp_path: Path) -> None:
    path = ROOT / name
    text = path.read_text("utf-8")
    desk = Desk(tmp_path)
    lines = replayed(name, text, desk)
    drawn = [file.name for file in (desk.folder / "docs").iterdir()]
    if not UPDATE:
        assert [file for file in drawn if not (ROOT / "docs" / file).exists()] == []
    else:
        path.write_text("\n".join(lines) + "\n", "utf-8")
        for file in drawn:
            shutil.copyfile(desk.folder / "docs" / file, ROOT / "docs" / file)


@pytest.mark.parametrize("name", DOCUMENTS)
def test_preparing_commands_exist(name: str) -> None:
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)
    text = (ROOT / name).read_text("utf-8")
    for block in blocks_of(text):
        assert block.language, f"{name}: a block without a language: {block.lines[:1]}"
        for line in block.lines if block.language == "sh" else ():
            assert PREPARES.fullmatch(line), f"{name}: {line}: neither make nor pip install; use a console block"
    for target in re.findall(r"(?:`|^)make ([a-z-]+)", text, re.MULTILINE):
        assert target in targets


@pytest.mark.parametrize("name", [*DOCUMENTS, "CHANGES.md", "sample_models/README.md"])
def test_links_lead_somewhere(name: str) -> None:
    path = ROOT / name
    text = re.sub(r"```.*?```", "", path.read_text("utf-8"), flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"[a-z]+:", target):
            continue
        file, _, anchor = target.partition("#")
        found = (path.parent / file).resolve() if file else path
        assert found.exists(), f"{name}: {target}"
        if anchor:
            headings = re.findall(r"^#+ (.*)$", found.read_text("utf-8"), re.MULTILINE)
            assert anchor in {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def coverage_table(standard: set[tuple[str, str]], version: str) -> list[str]:
    """How many ops have a rule, by domain: of those that the onnx library defines, and others."""
    ruled = {(rule.domain, rule.op_type) for rule in all_rules()}
    lines = [
        f"| domain | ops that onnx {version} defines | of them with a rule | further ops with a rule |",
        "|---|---|---|---|",
    ]
    for domain in sorted({domain for domain, _ in standard | ruled}):
        defined, known = ({op for op in ops if op[0] == domain} for ops in (standard, ruled))
        lines.append(f"| `{domain or 'ai.onnx'}` | {len(defined)} | {len(known & defined)} | {len(known - defined)} |")
    return lines


def test_coverage_table_is_current() -> None:
    path = ROOT / "docs/conventions.md"
    text = path.read_text("utf-8")
    (written,) = re.findall(r"(?<=<!-- coverage -->\n).*?(?=<!-- /coverage -->)", text, re.DOTALL)
    version = ".".join(onnx.__version__.split(".")[:2])
    table = coverage_table({(schema.domain, schema.name) for schema in onnx.defs.get_all_schemas()}, version)
    if UPDATE:
        new = "\n".join(["<!-- coverage -->", "", *table, "", "<!-- /coverage -->"])
        path.write_text(text.replace(f"<!-- coverage -->\n{written}<!-- /coverage -->", new), "utf-8")
    elif f"onnx {version} " in written:
        assert written.split("\n") == ["", *table, "", ""], "run this test with ONNX_ROOFLINE_UPDATE=1"
    else:
        # Another onnx defines more or fewer ops: only the number of rules can be compared.
        counts = {domain: int(a) + int(b) for domain, a, b in re.findall(r"`(.*)` \| \d+ \| (\d+) \| (\d+)", written)}
        assert counts == Counter(domain or "ai.onnx" for domain, _ in {(r.domain, r.op_type) for r in all_rules()})


def test_limits_table_is_the_loaders() -> None:
    _, _, text = (ROOT / "docs/reader.md").read_text("utf-8").partition("| limit | default | of what |")
    rows = re.findall(r"^\| `(\w+)` \| ([\d,]+) \|", text, re.MULTILINE)
    assert {name: int(value.replace(",", "")) for name, value in rows} == Limits().as_dict()


def field_sections(schemas: Iterable[Mapping[str, Any]]) -> list[str]:
    """A heading and a table for each record that the schemas have, in their order."""
    records = {name: record for schema in schemas for name, record in schema["$defs"].items()}
    lines = []
    for name, record in records.items():
        lines += [f"### {name}", "", record["description"], "", "| field | type | content |", "|---|---|---|"]
        for field, about in record["properties"].items():
            type_ = type_text(about) + ("" if field in record["required"] else "; may be absent")
            lines.append(f"| `{field}` | {type_} | {about['description']} |")
        lines.append("")
    return lines


def type_text(part: Mapping[str, Any]) -> str:
    """A field's type as a reader says it: `integer or null`, `list of [Node](#node)`."""
    if "$ref" in part:
        name = part["$ref"].rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    if "enum" in part:
        return ", ".join(f"`{value}`" for value in part["enum"])
    if "anyOf" in part:
        *choices, last = dict.fromkeys(map(type_text, part["anyOf"]))
        return f"{', '.join(choices)} or {last}"
    if part["type"] == "array":
        return f"list of {type_text(part['items'])}"
    if part["type"] == "object":
        return f"map to {type_text(part['additionalProperties'])}"
    return {"string": "text", "boolean": "true or false"}.get(part["type"], part["type"])


def written_fields() -> tuple[str, str]:
    """The JSON page and the field tables in it."""
    text = (ROOT / "docs/json.md").read_text("utf-8")
    (written,) = re.findall(r"(?<=<!-- fields -->\n).*?(?=<!-- /fields -->)", text, re.DOTALL)
    return text, written


def test_json_page_has_the_fields_of_the_records() -> None:
    text, written = written_fields()
    fields = "\n".join(["", *field_sections(map(contract.schema_of, contract.DOCUMENTS)), ""])
    if UPDATE:
        new = text.replace(f"<!-- fields -->\n{written}", f"<!-- fields -->\n{fields}")
        (ROOT / "docs/json.md").write_text(new, "utf-8")
    else:
        assert written.splitlines() == fields.splitlines(), "run this test with ONNX_ROOFLINE_UPDATE=1"


def test_a_field_more_is_missed_on_the_json_page() -> None:
    class Edge(contract.Edge, frozen=True):
        """A tensor that one node makes and another reads."""

        weight: Annotated[int, Meta(description="bytes of the tensor")]

    known, more = contract.schema_of("edge", contract.Edge), contract.schema_of("edge", Edge)
    (before, after) = ("\n".join(field_sections([schema])) for schema in (known, more))
    _, written = written_fields()
    assert before in written
    assert after not in written
    assert set(more["$defs"]["Edge"]["required"]) - set(known["$defs"]["Edge"]["required"]) == {"weight"}


# What the teaching sheet asks for, by the section of the tutorial whose outputs must hold it.
SHEET = {
    "1": ("288", "1806336", "903168"),  # 3*3*32; 2 * 56*56 * 9 * 32; half of it
    # 4*128*128; 2*64*128*128; 2*64*64*128; 64*64; 64*64 - 64; 64*65/2
    "2": ("65536", "2097152", "1048576", "4096", "4032", "2,080", "524,800"),
    "3": ("250 FLOP/B",),  # 200e12 / 800e9
    "4": ("3.333 FLOP/B",),  # 20e12 / 6000e9
    # 1806336 / 803968; without the 1,152 B of weights; 2097152 / 131072; the two again at half the bytes;
    # 2097152 / 20e12 s; 64 * 65536 / 6e12 s; 3136 * 1152 / 6e12 s; tokens at which the roofs cross; 6000 / 800 tokens
    "5": (
        *("2.246775991084222", "2.25", "16.0", "4.493551982168444", "32.0"),
        *("1.048576e-07", "699.1 ns", "602.1 ns", "25.0", "7.5"),
    ),
    "6": ("7 steps", "10 steps", "393216 MACs", "1,024"),  # 4 * 256 * (128 + 256)
}


@pytest.mark.parametrize("section", SHEET)
def test_tutorial_prints_the_sheets_figures(section: str) -> None:
    text = (ROOT / "docs/tutorial.md").read_text("utf-8")
    (part,) = re.findall(rf"^## {section}\. .*?(?=^## |\Z)", text, re.DOTALL | re.MULTILINE)
    printed = [step.output for block in blocks_of(part) if block.language == "console" for step in steps_of(block)]
    printed += [block.lines for block in blocks_of(part) if block.language == "text"]
    shown = "\n".join(line for lines in printed for line in lines)
    assert [figure for figure in SHEET[section] if not re.search(rf"(?<![\d.]){re.escape(figure)}(?!\d)", shown)] == []


def test_cut_outputs_agree_and_are_renewed() -> None:
    assert agrees(("a", CUT, "d"), ["a", "b", "c", "d"])
    assert not agrees(("a", CUT, "d"), ["a", "b", "c"])
    assert not agrees(("a",), ["a", "b"])
    assert renewed(("a", CUT, "d"), ["e", "f", "g", "h"]) == ["e", CUT, "h"]
