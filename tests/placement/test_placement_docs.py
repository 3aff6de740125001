"""The page on placement says of its table what the table holds."""

import re
from pathlib import Path

import pytest

PAGE = (Path(__file__).resolve().parents[2] / "docs/placement.md").read_text("utf-8")
SYSTEMS = ("teaching", "a100-attacc")
NETWORKS = 9
# all GPU, all PIM, greedy, roofline pick, optimum; then the schedule, where there is one
BASELINES = 4


def rows_of(system: str) -> dict[str, list[float]]:
    """Microseconds by network, in the order of the columns."""
    (part,) = re.findall(rf"^{system}, .*?\n(.*?)(?:\n\n|```)", PAGE, re.DOTALL | re.MULTILINE)
    rows = {}
    for line in part.splitlines()[1:]:
        cells = re.sub(r"\(\d+\)", "", line[24:])
        rows[line[:24].strip()] = [float(cell.replace(",", "")) for cell in cells.split()]
    return rows


@pytest.mark.parametrize("system", SYSTEMS)
def test_the_optimum_is_no_dearer_than_any_simple_placement(system: str) -> None:
    rows = rows_of(system)
    assert len(rows) == NETWORKS
    for name, seconds in rows.items():
        optimum, schedules = seconds[BASELINES], seconds[BASELINES + 1 :]
        assert optimum <= min(seconds[:BASELINES]), name
        assert all(schedule <= optimum for schedule in schedules), name


def test_what_the_page_says_of_the_teaching_pair() -> None:
    rows = rows_of("teaching")
    assert all(seconds[2] == seconds[BASELINES] for seconds in rows.values()), "greedy is already the optimum"
    assert int(max(seconds[3] / seconds[BASELINES] for seconds in rows.values())) == 28
    decode = rows["LLaMA decode, past 1023"]
    assert round(decode[0] / decode[BASELINES], 1) == 6.8
    assert len({*decode[1:]}) == 1, "every placement but the first finds that"


def test_what_the_page_says_of_the_a100_with_attacc() -> None:
    rows = rows_of("a100-attacc")
    decode, bert = rows["LLaMA decode, past 1023"], rows["BERT-base 32 x 128"]
    (counts,) = re.findall(r"^LLaMA decode, past 1023 .*\(65\).*$", PAGE, re.MULTILINE)
    assert re.findall(r"\((\d+)\)", counts) == ["65", "41", "65", "33"]
    assert "Greedy moves 41," in PAGE
    assert round(100 * (1 - decode[BASELINES] / decode[0])) == 11
    assert round(100 * (decode[2] / decode[BASELINES] - 1)) == 2, "greedy pays for more crossings"
    assert int(bert[1] / bert[0]) == 7
