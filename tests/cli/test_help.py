"""What `--help` lists, and what a shell completes."""

import argparse
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from onnx_roofline.cli.main import main
from onnx_roofline.cli.option_groups import GROUP_OF, GROUPS
from onnx_roofline.cli.options import SHELLS, command_parser


def commands(parser: argparse.ArgumentParser, name: str = "") -> Iterator[tuple[str, argparse.ArgumentParser]]:
    below = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    if not below:
        yield name.strip(), parser
    for action in below:
        for word, found in action.choices.items():
            yield from commands(found, f"{name} {word}")


COMMANDS = dict(commands(command_parser()))


def sections(name: str, capsys: pytest.CaptureFixture[str]) -> dict[str, list[str]]:
    """The options under each title of a command's help."""
    assert main([*name.split(), "--help"]) == 0
    found: dict[str, list[str]] = {}
    title = ""
    for line in capsys.readouterr().out.splitlines():
        if line.endswith(":") and not line.startswith(" "):
            title = line[:-1]
        elif line.startswith("  -"):
            found.setdefault(title, []).append(re.findall(r"--?[a-z-]+", line)[: 2 if ", --" in line else 1][-1])
    return found


def test_every_option_of_analyze_stands_in_a_section(capsys: pytest.CaptureFixture[str]) -> None:
    found = sections("analyze", capsys)
    assert found.pop("options") == ["--help"]
    # Sections of shared options that analyze has, in their order.
    assert list(found) == list(GROUPS)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_lists_an_option_once_and_in_its_section(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    found = sections(name, capsys)
    listed = [option for options in found.values() for option in options]
    assert len(listed) == len(set(listed))
    assert {option for title, options in found.items() if title != "options" for option in options} <= set(GROUP_OF)
    for title, options in found.items():
        assert all(GROUP_OF.get(option, "options") == title for option in options)


@pytest.mark.parametrize(
    ("name", "usage"),
    [
        ("analyze", "usage: onnx-roofline analyze [options] MODEL [MODEL ...]"),
        ("formula", "usage: onnx-roofline formula [options] --over NAME[=LOW..HIGH],... MODEL"),
        ("explain", "usage: onnx-roofline explain [options] MODEL [NODE ...]"),
    ],
)
def test_the_usage_names_what_is_required(name: str, usage: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([name, "--help"]) == 0
    assert " ".join(capsys.readouterr().out.split("\n\n")[0].split()) == usage


# Completion ----------------------------------------------------------------------------------------------------------


def completed(script: str, *words: str) -> list[str]:
    """What bash offers for the last of some words."""
    line = " ".join(f"'{word}'" for word in words)
    asked = f"COMP_WORDS=({line}); COMP_CWORD={len(words) - 1}; {FUNCTION}"
    code = f"{script}\n{asked}\nprintf '%s\\n' \"${{COMPREPLY[@]}}\"\n"
    done = subprocess.run(["bash", "--norc", "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.split()


FUNCTION = "_shtab_onnx_roofline"


def test_bash_completes_commands_options_and_names(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", "bash"]) == 0
    script = capsys.readouterr().out
    assert {"analyze", "check", "completion"} <= set(completed(script, "onnx-roofline", ""))
    assert completed(script, "onnx-roofline", "analyze", "--sens") == ["--sensitivity"]
    assert completed(script, "onnx-roofline", "analyze", "--system", "h100") == [
        "h100-hbm-pim",
        "h100-pcie",
        "h100-sxm",
    ]
    assert completed(script, "onnx-roofline", "analyze", "--objective", "energy") == ["energy", "energy-delay"]


def test_bash_completes_files_where_one_is_wanted(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main(["completion", "bash"]) == 0
    script = capsys.readouterr().out
    (tmp_path / "model.onnx").touch()
    monkeypatch.chdir(tmp_path)
    assert completed(script, "onnx-roofline", "analyze", "mod") == ["model.onnx"]
    assert completed(script, "onnx-roofline", "analyze", "--json", "mod") == ["model.onnx"]


@pytest.mark.parametrize("shell", SHELLS)
def test_every_shell_has_a_script_with_every_command(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", shell]) == 0
    script = capsys.readouterr().out
    assert all(word in script for name in COMMANDS for word in name.split())


def test_without_the_extra_it_is_named(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "shtab", None)
    assert main(["completion", "bash"]) == 2
    assert "pip install 'onnx-roofline[completion]'" in capsys.readouterr().err


@pytest.mark.parametrize("option", ["--sytem", "--sytem=h100"])
def test_a_misspelled_option_is_named_with_the_one_that_it_resembles(
    option: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["analyze", "model.onnx", option]) == 2
    err = capsys.readouterr().err
    assert "found no option --sytem" in err
    assert "--system" in err
    assert "onnx-roofline analyze --help" in err
    assert err.count("\n") == 1
