"""Hardware profiles: exact ridges, sources for every figure, and a message with its line for every kind of bad file."""

import json
import os
import time
from pathlib import Path
from typing import get_args

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from onnx_roofline.base import strict_yaml, yaml_nodes
from onnx_roofline.base.errors import ProfileError, UsageError
from onnx_roofline.base.units import DTYPE_BITS
from onnx_roofline.cli.main import main
from onnx_roofline.hardware import (
    Alignment,
    Device,
    DramTiming,
    Label,
    OpSupport,
    PimModel,
    lint,
    load_device,
    load_system,
    profile_kind,
    shipped_profiles,
)
from onnx_roofline.report.encoding import encode
from onnx_roofline.report.system import device_record, system_record

PROFILES = shipped_profiles()
DEVICES = [slug for slug, kind, _ in PROFILES if kind != "system"]
SYSTEMS = [slug for slug, kind, _ in PROFILES if kind == "system"]

GOOD = """\
schema: 1
name: Test card
kind: gpu
peak_tflops: {float16: 312, float32: 19.5}
bandwidth_gb_per_s: {external: 2039}
capacity_gb: 80
launch_us: 0
sources:
  all: {source: "a test", label: assumed}
"""
PIM = GOOD.replace("kind: gpu", "kind: pim").replace("external: 2039", "internal: 6000")
SYSTEM = """\
schema: 1
name: Test system
kind: system
gpu: gpu.yaml
pim: pim.yaml
link: {gb_per_s: 64, latency_us: 1.5}
sources:
  link: {source: "a test", label: assumed}
"""


def write(folder: Path, text: str | bytes, name: str = "card.yaml") -> Path:
    path = folder / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def refusal(path: Path) -> str:
    with pytest.raises(ProfileError) as caught:
        load_device(path)
    return str(caught.value).replace(str(path), path.name)


# Shipped profiles ----------------------------------------------------------------------------------------------------


def test_teaching_ridges_are_those_of_the_exercise():
    gpu, pim = load_system().devices
    assert gpu.ridge("float32") == 250.0  # 200e12 / 800e9
    assert pim.ridge("float32") == 20 / 6  # 20e12 / 6000e9
    assert gpu.peak_flops_per_s("float16") == gpu.peak_flops_per_s("int8") == 200e12
    assert pim.bandwidth_bytes_per_s == 6000e9
    assert pim.external_bytes_per_s == 800e9


def test_the_teaching_pair_can_place_every_dtype():
    gpu, pim = load_system("teaching").devices
    assert {gpu.peak_flops_per_s(dtype) for dtype in DTYPE_BITS} == {200e12}
    assert {pim.peak_flops_per_s(dtype) for dtype in DTYPE_BITS} == {20e12}


@pytest.mark.parametrize("slug", DEVICES)
def test_every_shipped_device_agrees_with_itself(slug):
    device = load_device(slug)
    assert lint(device) == ()
    assert device.slug == slug
    assert all(figure.source and figure.label in get_args(Label) for figure in device.figures.values())
    stated = {f"peak_tflops.{dtype}" for dtype in device.peaks_flops_per_s}
    assert stated <= device.figures.keys()


@pytest.mark.parametrize("slug", [slug for slug in DEVICES if not slug.startswith("teaching")])
def test_every_real_device_states_what_its_figures_are_recomputed_from(slug):
    figures = load_device(slug).figures
    assert "check.bus_bits" in figures
    assert any(path.startswith(("check.flop_per_clk_per_sm.", "check.flop_per_byte.")) for path in figures)


@pytest.mark.parametrize("slug", SYSTEMS)
def test_every_shipped_system_loads(slug):
    system = load_system(slug)
    assert system.pim.kind == "pim"
    assert system.pim.bandwidth_bytes_per_s == system.pim.internal_bytes_per_s
    assert system.link.transfer_s(0) == system.link.latency_s


@pytest.mark.parametrize(
    ("slug", "dtype", "ridge"),
    [
        ("a100-sxm-80gb", "float16", 312e12 / 2039e9),
        ("h100-sxm", "float16", 989e12 / 3350e9),
        ("hbm-pim", "float16", 1.0),  # one MAC (2 FLOP) per streamed 2-byte element
        ("aim", "bfloat16", 1.0),
        ("attacc", "float16", 1.0),
        ("attacc-1-stack", "float16", 1.0),
        ("ianus-pim", "bfloat16", 1.0),
        ("newton-16ch", "float16", 1.0),
        ("papi-fc-pim", "float16", 4.0),  # four units a bank
    ],
)
def test_ridges_of_real_devices(slug, dtype, ridge):
    assert load_device(slug).ridge(dtype) == ridge


def test_an_unsupported_dtype_has_no_peak_and_no_ridge():
    pim = load_device("hbm-pim")
    assert pim.peak_flops_per_s("float32") is None
    assert pim.ridge("float32") is None


def test_units_are_rounded_once():
    assert load_device("a100-sxm-80gb").launch_s == 2.8e-06
    assert load_device("a100-sxm-80gb").peak_flops_per_s("float32") == 19.5e12
    assert load_device("a100-sxm-80gb").dram_j_per_byte == 2.872e-11  # 8 * 3.59 pJ
    assert load_device("a100-sxm-80gb").capacity_bytes == 80_000_000_000
    assert load_device("teaching-gpu").cache_bytes is None  # unknown, not 0


def test_records_are_frozen_and_hashable():
    device = load_device("l4")
    with pytest.raises(AttributeError, match="immutable type"):
        device.launch_s = 1.0  # type: ignore[misc]
    assert {device: 1}[load_device("l4")] == 1


@pytest.mark.parametrize(("slug", "kind"), [(slug, kind) for slug, kind, _ in PROFILES])
def test_documents_are_json_with_a_source_beside_every_figure(slug, kind):
    record = system_record(load_system(slug)) if kind == "system" else device_record(load_device(slug))
    document = json.loads(encode(record))
    assert msgspec.convert(document, type(record)) == record
    for device in document["devices"].values() if kind == "system" else [document]:
        assert all(set(figure) == {"value", "source", "label"} for figure in device["figures"].values())


# Refusals ------------------------------------------------------------------------------------------------------------

REFUSED = {
    "duplicate key": (GOOD + "name: again\n", "card.yaml:10: found the key 'name' again (first at line 2)"),
    "duplicate dtype": (GOOD.replace("float32:", "float16:"), "card.yaml:4: found the key 'float16' again"),
    "unknown key": (GOOD + "capacity_gib: 80\n", "card.yaml:10: capacity_gib: found an unknown key; did you mean"),
    "unknown dtype": (GOOD.replace("float32", "fp32"), "card.yaml:4: peak_tflops.fp32: found an unknown key"),
    "misspelt dtype": (GOOD.replace("float32", "flaot32"), "did you mean 'float32'?"),
    "absent key": (GOOD.replace("name: Test card\n", ""), "card.yaml:1: found no 'name', which must be there"),
    "anchor": (GOOD.replace("Test card", "&n Test card"), "card.yaml:2: found the anchor &n; write the value out"),
    "alias": (GOOD.replace("Test card", "*n"), "card.yaml:2: found the alias *n; write the value out"),
    "merge key": (GOOD + "<<: {cache_mb: 1}\n", "card.yaml:10: found the merge key <<; write the entries out"),
    "tag": (GOOD.replace("Test card", "!!str x"), "card.yaml:2: found the tag 'tag:yaml.org,2002:str'"),
    "python tag": (GOOD.replace("Test card", "!!python/object/apply:os.system [x]"), "card.yaml:2: found the tag"),
    "two documents": (GOOD + "---\n" + GOOD, "card.yaml:10: found a second document, wanted one"),
    "empty file": ("", "card.yaml:1: found an empty file, wanted a mapping"),
    "only a comment": ("# nothing\n", "card.yaml:1: found an empty file"),
    "null root": ("---\n", "found nothing, wanted a mapping"),
    "list root": ("- a\n", "card.yaml:1: found a list, wanted a mapping"),
    "scalar root": ("hello\n", "card.yaml:1: found 'hello', wanted a mapping"),
    "not UTF-8": (GOOD.encode() + b"# caf\xe9\n", "card.yaml:10: found byte 0xe9, which is not UTF-8"),
    "UTF-16": (GOOD.encode("utf-16"), "card.yaml:1: found byte 0xff, which is not UTF-8"),
    "control character": (GOOD + "# \x07\n", "card.yaml:10: found a control character"),
    "escaped control character": (GOOD.replace("Test card", '"a\\x1b[31m"'), "card.yaml:2: name: found the quoted"),
    "broken syntax": (GOOD + "  a: [1\n", "card.yaml:11: is not YAML: while parsing a flow sequence"),
    "tab": (GOOD + "\tx: 1\n", "card.yaml:10: is not YAML"),
    "escape out of range": ('name: "\\UFFFFFFFF"\n', "is not YAML: found an escape sequence"),
    "too large": (b"#" * (strict_yaml.MAX_FILE_BYTES + 1), "card.yaml: found more than 262144 bytes"),
    "too many values": ("[" + "1," * 20_000 + "]", "card.yaml:1: found more than 10000 values"),
    "deep flow nesting": ("[" * 100_000, "card.yaml:1: found values nested over 32 deep"),
    "deep block nesting": ("".join(" " * i + "a:\n" for i in range(40)), "card.yaml:33: found values nested over 32"),
    "key is a list": (GOOD + "? [a]\n: 1\n", "card.yaml:10: found a list as a key, wanted a text"),
    "long key": (GOOD + "? " + "k" * 300 + "\n: 1\n", "card.yaml:10: found the key"),
    "schema": (GOOD.replace("schema: 1", "schema: 2"), "card.yaml:1: schema: found 2, wanted 1"),
    "kind": (GOOD.replace("kind: gpu", "kind: gup"), "card.yaml:3: kind: found 'gup', wanted one of gpu, pim, cpu"),
    "name is a list": (GOOD.replace("Test card", "[a]"), "card.yaml:2: name: found a list, wanted a text"),
    "name is empty": (GOOD.replace("Test card", ""), "card.yaml:2: name: found nothing, wanted a text"),
    "peaks are a number": (
        GOOD.replace("{float16: 312, float32: 19.5}", "312"),
        "card.yaml:4: peak_tflops: found '312', wanted a mapping",
    ),
    "no peak": (GOOD.replace("float16: 312, float32: 19.5", ""), "card.yaml:4: peak_tflops: found no dtype"),
    "GPU without external bandwidth": (
        GOOD.replace("external", "internal"),
        "card.yaml:5: bandwidth_gb_per_s: found no 'external'",
    ),
    "GPU with internal bandwidth": (
        GOOD.replace("2039}", "2039, internal: 1}"),
        "card.yaml:5: bandwidth_gb_per_s.internal: found for no PIM",
    ),
    "PIM without internal bandwidth": (
        GOOD.replace("kind: gpu", "kind: pim"),
        "card.yaml:5: bandwidth_gb_per_s: found no 'internal'",
    ),
    "figure without source": (
        GOOD.replace("all:", "peak_tflops:"),
        "card.yaml:5: bandwidth_gb_per_s.external: found no source; add bandwidth_gb_per_s.external",
    ),
    "source of nothing": (
        GOOD + "  cache_mb: {source: x, label: read}\n",
        "card.yaml:10: sources.cache_mb: found a source for no figure",
    ),
    "label": (GOOD.replace("assumed", "guess"), "card.yaml:9: sources.all.label: found 'guess', wanted one of read"),
    "source without label": (GOOD.replace(", label: assumed", ""), "card.yaml:9: sources.all: found no 'label'"),
    "note about nothing": (GOOD + "notes: {cache_mb: x}\n", "card.yaml:10: notes.cache_mb: found a note about a key"),
    "unknown check": (GOOD + "check: {sms: 3}\n", "card.yaml:10: check.sms: found an unknown key"),
    "system": (SYSTEM, "card.yaml:3: found a system, wanted one device"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_bad_files_are_refused_with_the_line(case, tmp_path):
    text, expected = REFUSED[case]
    start = time.process_time()
    message = refusal(write(tmp_path, text))
    assert expected in message
    assert time.process_time() - start < 5
    assert all(line.startswith("card.yaml:") for line in message.splitlines())


NOT_A_NUMBER = {
    "312_000": "write the number without separators",
    "12:30": "write the number without colons",
    "0x10": "write the number in decimal",
    "0o17": "write the number in decimal",
    "017": "leave out the leading zero",
    "yes": "a switch is not a number",
    "true": "a switch is not a number",
    ".inf": "a figure must be finite",
    "-.inf": "a figure must be finite",
    ".nan": "a figure must be finite",
    "nan": "a figure must be finite",
    "1e999": "between 1e-06 and 1e+18",
    "0": "wanted a number greater than 0",
    "-5": "wanted a number greater than 0",
    "1e-30": "between 1e-06 and 1e+18",
    "80 GB": "leave out the unit",
    "2 TB": "leave out the unit",
    "'312'": "leave out the quotes",
    "null": "wanted a number",
    "~": "wanted a number",
    "": "found nothing",
    "[1]": "found a list",
    "{a: 1}": "found a mapping",
    "٣١٢": "wanted a number",
    "2001-01-01": "wanted a number",
}


@pytest.mark.parametrize("text", NOT_A_NUMBER)
def test_what_is_not_a_positive_number_is_refused(text, tmp_path):
    message = refusal(write(tmp_path, GOOD.replace("capacity_gb: 80", f"capacity_gb: {text}")))
    assert message.startswith("card.yaml:6: capacity_gb: found ")
    assert NOT_A_NUMBER[text] in message


@pytest.mark.parametrize(
    ("text", "value"),
    [("312e12", 312e12), ("1e3", 1000.0), ("3.12e+14", 3.12e14), ("312", 312.0), ("+5", 5.0), (".5", 0.5), ("7.", 7.0)],
)
def test_numbers_that_are_accepted(text, value, tmp_path):
    device = load_device(write(tmp_path, GOOD.replace("float16: 312", f"float16: {text}")))
    assert device.figures["peak_tflops.float16"].value == value


def test_launch_may_be_zero_and_an_absent_one_is_labelled(tmp_path):
    assert load_device(write(tmp_path, GOOD)).launch_s == 0
    silent = load_device(write(tmp_path, GOOD.replace("launch_us: 0\n", "")))
    assert silent.launch_s == 0
    assert silent.figures["launch_us"].label == "assumed"
    assert "launch_us" in silent.assumed


def test_all_problems_come_at_once_sorted_by_line(tmp_path):
    text = GOOD.replace("schema: 1", "schema: one").replace("float16: 312", "float16: yes").replace("80", "-80")
    message = refusal(write(tmp_path, text + "colour: red\nname: again\n"))
    assert [line.split(":")[1] for line in message.splitlines()] == ["1", "4", "6", "10", "11"]


def test_a_flood_of_problems_is_cut(tmp_path):
    lines = refusal(write(tmp_path, "".join("- &a b\n" for _ in range(2000)))).splitlines()
    assert len(lines) == yaml_nodes.MAX_PROBLEMS_SHOWN + 1
    assert lines[-1].endswith("more")


def test_messages_hold_no_control_characters(tmp_path):
    message = refusal(write(tmp_path, GOOD + '"a\\x1b]0;x\\x07": 1\n"\\ud800": 2\n'))
    assert message.replace("\n", "").isprintable()


def test_a_byte_order_mark_is_accepted(tmp_path):
    assert load_device(write(tmp_path, b"\xef\xbb\xbf" + GOOD.encode())).name == "Test card"


def test_fifo_folder_device_and_absent_file_are_refused_at_once(tmp_path):
    fifo = tmp_path / "fifo.yaml"
    os.mkfifo(fifo)
    start = time.process_time()
    assert "found a FIFO, wanted a regular YAML file" in refusal(fifo)
    assert time.process_time() - start < 1
    assert "found a folder, wanted a regular YAML file" in refusal(tmp_path)
    assert "found a device or socket" in refusal(Path("/dev/zero"))
    assert "cannot be read: No such file" in refusal(tmp_path / "none.yaml")
    assert "cannot be read" in refusal(Path("a\0b.yaml"))


def test_an_unknown_name_lists_what_there_is():
    with pytest.raises(
        ProfileError, match=r"no shipped profile 'h100-smx'; did you mean 'h100-sxm'\? \(onnx-roofline hw list"
    ):
        load_device("h100-smx")
    with pytest.raises(ProfileError, match="no shipped profile 'zzz' "):
        load_system("zzz")


def test_a_device_is_no_system_and_a_system_no_device():
    with pytest.raises(ProfileError, match=r"teaching\.yaml:4: found a system, wanted one device"):
        load_device("teaching")
    with pytest.raises(ProfileError, match=r"attacc\.yaml:\d+: found a PIM alone, wanted a GPU, a CPU or a system"):
        load_system("attacc")


def test_a_system_may_be_one_device():
    system = load_system("l4")
    assert (system.slug, system.pim, system.link, system.concurrency) == ("l4", None, None, "exclusive")
    assert system.devices == (load_device("l4"),)


# Systems from files --------------------------------------------------------------------------------------------------


def test_a_system_file_names_its_devices_relative_to_itself(tmp_path, monkeypatch):
    write(tmp_path, GOOD, "gpu.yaml")
    write(tmp_path, PIM, "pim.yaml")
    monkeypatch.chdir("/")
    system = load_system(write(tmp_path, SYSTEM, "system.yaml"))
    assert [device.slug for device in system.devices] == ["gpu", "pim"]
    assert system.link.bandwidth_bytes_per_s == 64e9
    assert system.link.latency_s == 1.5e-06
    assert system.concurrency == "exclusive"  # the default: the only one that needs no special memory
    assert load_system(write(tmp_path, SYSTEM.replace("gpu.yaml", "l4"), "mixed.yaml")).gpu == load_device("l4")


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (("gpu: gpu.yaml", "gpu: pim.yaml"), "system.yaml:4: gpu: found 'pim.yaml', a pim, wanted a gpu or cpu"),
        (("pim: pim.yaml", "pim: l4"), "system.yaml:5: pim: found 'l4', a gpu, wanted a pim"),
        (("pim: pim.yaml", "pim: hbm-pmi"), "system.yaml:5: pim: found no shipped profile 'hbm-pmi'; did you mean"),
        (("pim: pim.yaml", "pim: absent.yaml"), "absent.yaml: cannot be read"),
        (("pim: pim.yaml", "pim: bad.yaml"), "bad.yaml:4: peak_tflops.float16: found 'no'"),
        (("pim: pim.yaml", "pim: system.yaml"), "system.yaml:3: found a system, wanted one device"),
        (("pim: pim.yaml", "pim: other/gpu.yaml"), "system.yaml:5: pim: found the name 'gpu' for both devices"),
        (("gb_per_s: 64", "gb_per_s: 0"), "system.yaml:6: link.gb_per_s: found '0', wanted a number greater than 0"),
        ((", latency_us: 1.5", ""), "system.yaml:6: link: found no 'latency_us'"),
        (("kind: system", "kind: sytem"), "system.yaml:3: kind: found 'sytem', wanted one of system; did you mean"),
        (("sources", "concurrency: both\nsources"), "concurrency: found 'both', wanted one of exclusive, partitioned"),
        (("pim: pim.yaml\n", ""), "found no 'pim', which must be there"),
    ],
)
def test_bad_systems_are_refused(change, expected, tmp_path):
    write(tmp_path, GOOD, "gpu.yaml")
    write(tmp_path, PIM, "pim.yaml")
    write(tmp_path, PIM.replace("312", "no"), "bad.yaml")
    (tmp_path / "other").mkdir()
    write(tmp_path / "other", PIM, "gpu.yaml")
    path = write(tmp_path, SYSTEM.replace(*change), "system.yaml")
    with pytest.raises(ProfileError) as caught:
        load_system(path)
    assert expected in str(caught.value).replace(f"{tmp_path}{os.sep}", "")


WITHIN = """\
schema: 1
extends: a100-attacc
name: A100 with a PIM of mine
pim:
  name: My PIM
  peak_tflops: {float16: 8}
  bandwidth_gb_per_s: {internal: 8000, external: 1600}
  launch_us: 2
  capacity_gb: 32
  sources: {all: {source: "what if", label: assumed}}
"""


def test_a_device_may_stand_in_the_file_of_its_system(tmp_path):
    system = load_system(write(tmp_path, WITHIN))
    assert (system.gpu, system.link) == (load_device("a100-sxm-80gb"), load_system("a100-attacc").link)
    text = WITHIN[WITHIN.index("  name: My PIM") :]
    alone = "schema: 1\nkind: pim\n" + "".join(line[2:] for line in text.splitlines(keepends=True))
    assert system.pim == load_device(write(tmp_path, alone, "my-pim.yaml"))
    assert load_system(tmp_path / "card.yaml", {"my-pim.launch_us": 2.0}).pim.launch_s == 4e-6


def test_a_device_in_a_file_may_start_from_another(tmp_path):
    text = WITHIN[: WITHIN.index("  name: My PIM")] + "  extends: attacc\n  name: Faster\n  launch_us: 1\n"
    system = load_system(write(tmp_path, text + '  sources: {launch_us: {source: "what if", label: assumed}}\n'))
    parent = load_device("attacc")
    assert (system.pim.slug, system.pim.launch_s, system.pim.pim) == ("faster", 1e-6, parent.pim)
    assert {path for path, one in system.pim.figures.items() if one != parent.figures[path]} == {"launch_us"}


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (("launch_us: 2", "launch_us: no"), "card.yaml:8: launch_us: found 'no', wanted 0 or a number"),
        (("sources: {all", "notes: {all"), "card.yaml:4: found no 'sources', which must be there"),
        (("  name: My PIM\n", ""), "card.yaml:4: found no 'name', which must be there"),
        (("name: My PIM", "name: A100 SXM-80GB"), "card.yaml:4: pim: found the name 'a100-sxm-80gb' for both devices"),
        (("name: My PIM", "kind: gpu\n  name: My PIM"), "internal: found for no PIM"),
        (
            (WITHIN[WITHIN.index("  name: My") :], "  {extends: l4, name: A card}\n"),
            "card.yaml:4: pim: found a gpu, wanted a pim",
        ),
        (("name: My PIM", "name: My PIM\n  colour: red"), "card.yaml:6: colour: found an unknown key"),
    ],
)
def test_bad_devices_in_the_file_of_a_system_are_refused(change, expected, tmp_path):
    path = write(tmp_path, WITHIN.replace(*change))
    with pytest.raises(ProfileError) as caught:
        load_system(path)
    assert expected in str(caught.value).replace(f"{tmp_path}{os.sep}", "")


# Lint ----------------------------------------------------------------------------------------------------------------

HOPPER = """\
schema: 1
name: Hopper from the datasheet page
kind: gpu
peak_tflops: {float16: 1979, int8: 3958, float32: 67}
bandwidth_gb_per_s: {external: 3350}
check:
  sm_count: 132
  boost_mhz: 1980
  quoted_mhz: {float16: 1830, int8: 1830}
  flop_per_clk_per_sm: {float16: 4096, int8: 8192, float32: 256}
  memory_mhz: 1313
  transfers_per_clock: 4
  bus_bits: 5120
sources: {all: {source: "the datasheet page", label: read}}
"""


def findings(folder: Path, text: str) -> list[tuple[str, str]]:
    return [(finding.code, finding.path) for finding in lint(load_device(write(folder, text)))]


def test_lint_names_the_sparse_peaks_of_the_h100(tmp_path):
    found = lint(load_device(write(tmp_path, HOPPER)))
    assert [(f.code, f.path) for f in found] == [
        ("sparse-peak", "peak_tflops.float16"),
        ("sparse-peak", "peak_tflops.int8"),
    ]
    assert found[0].message == (
        "peak_tflops.float16 is 1979 TFLOP/s, but 132 units x 4096 FLOP/clock x 1830 MHz = 989.4: "
        "twice the dense peak, the figure with 2:4 sparsity; write the dense one"
    )


DENSE = HOPPER.replace("float16: 1979, int8: 3958", "float16: 989, int8: 1979")


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (("67", "67"), []),
        (("float16: 989", "float16: 1010"), [("peak", "peak_tflops.float16")]),  # 2.1 % over 989.4
        (("float16: 989", "float16: 1008"), []),  # 1.9 %
        (("float16: 989", "float16: 494.5"), [("mac-peak", "peak_tflops.float16")]),
        (("float16: 989", "float16: 989e12"), [("unit", "peak_tflops.float16"), ("ridge", "peak_tflops.float16"),
                                               ("int8-below-float16", "peak_tflops.int8")]),
        (("3350", "4800"), [("bandwidth", "bandwidth_gb_per_s.external")]),
        (("int8: 1979", "int8: 62"), [("peak", "peak_tflops.int8"), ("int8-below-float16", "peak_tflops.int8")]),
        (("float32: 67}", "float32: 67, float64: 0.00002}"), [("ridge", "peak_tflops.float64")]),
    ],
)  # fmt: skip
def test_lint_finds_figures_that_contradict_each_other(change, expected, tmp_path):
    assert findings(tmp_path, DENSE.replace(*change)) == expected


def test_a_note_explains_an_int8_peak_below_float16(tmp_path):
    slow = GOOD.replace("float32: 19.5", "int8: 62")
    assert findings(tmp_path, slow) == [("int8-below-float16", "peak_tflops.int8")]
    assert findings(tmp_path, slow + "notes: {peak_tflops.int8: no int8 tensor path}\n") == []


@pytest.mark.parametrize(
    ("bandwidth", "expected"),
    [
        ("internal: 6144, external: 1536", 0),
        ("internal: 6144, external: 8000", 2),  # swapped, and not four times the external one
        ("internal: 3072, external: 1536", 1),  # twice, not four times
    ],
)
def test_lint_checks_the_internal_bandwidth_of_a_pim(bandwidth, expected, tmp_path):
    text = PIM.replace("internal: 6000", bandwidth) + "check: {internal_ratio: 4}\n"
    assert findings(tmp_path, text) == [("internal-bandwidth", "bandwidth_gb_per_s.internal")] * expected


# The PIM part --------------------------------------------------------------------------------------------------------

DRAM = """\
  align: {k: 16, n: 16, row_elements: 1024}
  dram: {t_ccd_ns: 1, t_rcd_ns: 36, t_rp_ns: 30, lane_elements: 16, parallel_rows: 128, banks_per_channel: 16}
"""
MODEL = PIM.replace("internal: 6000", "internal: 4096").replace("float16: 312, float32: 19.5", "float16: 4.096") + (
    """\
pim:
  ops:
    MatMul: {resident: weight, max_batch: 8}
    Relu: {fused_only: true}
  reuse: 4
  mode_switch_us: 1.5
  fence_ns: 150
  replicate: channels_and_rows
  split_axes: [height, columns]
"""
    + DRAM
)


def test_the_pim_part_is_read_into_base_units(tmp_path):
    device = load_device(write(tmp_path, MODEL))
    assert device.pim == PimModel(
        dtypes=("float16",),
        ops={"MatMul": OpSupport(resident="weight", max_batch=8), "Relu": OpSupport(fused_only=True)},
        reuse=4,
        align=Alignment(k=16, n=16, row_elements=1024),
        dram=DramTiming(
            t_ccd_s=1e-9, t_rcd_s=36e-9, t_rp_s=30e-9, lane_elements=16, parallel_rows=128, banks_per_channel=16
        ),
        mode_switch_s=1.5e-6,
        fence_s=1.5e-7,
        replicate="channels_and_rows",
        split_axes=("height", "columns"),
    )
    assert device.figures["pim.dram.t_rcd_ns"].value == 36
    assert device.figures["pim.reuse"].label == "assumed"
    assert {"pim.reuse", "pim.fence_ns", "pim.dram.t_ccd_ns", "pim.align.k"} <= set(device.assumed)
    assert {path: fact.value for path, fact in device.facts.items()} == {
        "pim.ops.MatMul": "resident: weight, max_batch: 8",
        "pim.ops.Relu": "fused_only: true",
        "pim.replicate": "channels_and_rows",
        "pim.split_axes": "height, columns",
    }
    document = json.loads(encode(device_record(device)))
    assert document["pim"]["dram"]["t_rcd_s"] == 36e-9
    assert lint(device) == ()


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (("reuse: 4", "reuse: 0"), "card.yaml:14: pim.reuse: found '0', wanted a whole number of at least 1"),
        (("resident: weight", "resident: wieght"), "pim.ops.MatMul.resident: found 'wieght', wanted one of weight, kv"),
        (("max_batch: 8", "max_batch: 1.5"), "pim.ops.MatMul.max_batch: found '1.5', wanted a whole number"),
        (("max_batch", "max_bacth"), "pim.ops.MatMul.max_bacth: found an unknown key; did you mean 'max_batch'?"),
        (("fused_only: true", "fused_only: yes"), "pim.ops.Relu.fused_only: found 'yes', wanted true or false"),
        (("t_rcd_ns: 36, ", ""), "pim.dram: found no 't_rcd_ns', which must be there"),
        (("t_ccd_ns: 1,", "t_ccd_ns: 0,"), "pim.dram.t_ccd_ns: found '0', wanted a number greater than 0"),
        ((", row_elements: 1024", ""), "pim.dram: found no align.row_elements, which the row timings need"),
        (("parallel_rows: 128", "parallel_rows: 120"), "pim.dram: found parallel_rows that are no whole number"),
        (
            ("banks_per_channel: 16}", "banks_per_channel: 16, refresh_share: 1.5}"),
            "refresh_share: found 1.5, wanted a",
        ),
        (("banks_per_channel: 16}", "banks_per_channel: 16, refresh_share: 1}"), "found a memory that only refreshes"),
        (("fence_ns: 150", "efficiency: {stream: 0.5}"), "pim.efficiency: found beside dram, whose times give"),
        (("height, columns", "hieght"), "pim.split_axes[0]: found 'hieght', wanted one of batch, rows"),
        (("split_axes: [height, columns]", "split_axes: height"), "pim.split_axes: found 'height', wanted a list"),
        ((DRAM, ""), "pim.replicate: found without dram"),
        (("kind: pim", "kind: gpu"), "pim: found for no PIM; leave it out or write kind: pim"),
        (("capacity_gb", "efficiency: {memory: 0.5}\ncapacity_gb"), "efficiency: found for a PIM; write pim:"),
        (("all:", "pim:"), "peak_tflops.float16: found no source"),
        (
            ("  all:", "  pim.ops.Mul: {source: x, label: read}\n  all:"),
            "pim.ops.Mul: found a source for no figure here",
        ),
    ],
)
def test_bad_pim_parts_are_refused(change, expected, tmp_path):
    assert change[0] in MODEL
    assert expected in refusal(write(tmp_path, MODEL.replace(*change)))


def test_every_statement_of_a_pim_part_needs_a_source(tmp_path):
    sources = "".join(
        f"  {path}: {{source: a test, label: read}}\n"
        for path in ("peak_tflops", "bandwidth_gb_per_s", "capacity_gb", "launch_us")
    )
    message = refusal(write(tmp_path, MODEL.replace('  all: {source: "a test", label: assumed}\n', sources)))
    for path in ("pim.reuse", "pim.ops.MatMul", "pim.ops.Relu", "pim.split_axes", "pim.dram.t_rp_ns", "pim.replicate"):
        assert f"{path}: found no source" in message


def test_no_ops_mean_every_op_but_an_empty_list_is_refused(tmp_path):
    assert load_device("teaching-pim").pim.ops is None
    empty = PIM + "pim: {ops: {}}\n"
    assert "pim.ops: found no op, wanted at least one" in refusal(write(tmp_path, empty))


def test_an_efficiency_is_a_share(tmp_path):
    device = load_device(write(tmp_path, GOOD + "efficiency: {compute: 0.8, memory: 0.85}\n"))
    assert (device.compute_efficiency, device.memory_efficiency) == (0.8, 0.85)
    assert (load_device("teaching-gpu").compute_efficiency, load_device("teaching-gpu").memory_efficiency) == (1, 1)
    message = refusal(write(tmp_path, GOOD + "efficiency: {compute: 80}\n"))
    assert message == "card.yaml:10: efficiency.compute: found 80, wanted a share of at most 1"


def test_idle_power_is_read(tmp_path):
    assert load_device(write(tmp_path, GOOD + "energy: {idle_w: 55}\n")).idle_w == 55
    assert load_device(write(tmp_path, GOOD)).idle_w is None


@pytest.mark.parametrize(
    ("change", "codes"),
    [
        (("t_ccd_ns: 1,", "t_ccd_ns: 2,"), ["dram-timing"]),  # 2048 of the 4096 GB/s
        (("row_elements: 1024", "row_elements: 1000"), ["pim-alignment"]),
    ],
)
def test_lint_checks_the_row_timings(change, codes, tmp_path):
    assert [code for code, _ in findings(tmp_path, MODEL.replace(*change))] == codes


@pytest.mark.parametrize(("internal", "codes"), [(1024, []), (2048, ["dram-timing"])])
def test_lint_checks_the_row_timings_of_a_pim_of_half_bytes(internal, codes, tmp_path):
    """128 rows x 16 elements of 4 bits every ns are 1024 GB/s."""
    text = MODEL.replace("float16: 4.096", "int4: 4.096").replace("internal: 4096", f"internal: {internal}")
    assert [code for code, _ in findings(tmp_path, text) if code == "dram-timing"] == codes


@pytest.mark.parametrize("slug", [slug for slug in DEVICES if load_device(slug).kind == "pim"])
def test_every_shipped_pim_has_a_model(slug):
    device = load_device(slug)
    assert device.pim is not None
    assert device.pim.dtypes == tuple(device.peaks_flops_per_s)
    assert slug == "teaching-pim" or device.facts


# The rest of a system ------------------------------------------------------------------------------------------------


def system_of(folder: Path, change: tuple[str, str] = ("", "")):
    write(folder, GOOD, "gpu.yaml")
    write(folder, PIM, "pim.yaml")
    text = SYSTEM.replace("link: {source", "all: {source").replace(", latency_us: 1.5}", (
        ", latency_us: 1.5, duplex: half, shared_memory: true}\n"
        "layout: {relayout_gb_per_s: 50, constants: offline}\n"
        "concurrency: partitioned\n"
        "gpu_bandwidth_share_when_active: 0.5"
    ))  # fmt: skip
    assert change[0] in text
    return load_system(write(folder, text.replace(*change), "system.yaml"))


def test_link_layout_and_shares_of_a_system(tmp_path):
    system = system_of(tmp_path)
    assert (system.link.duplex, system.link.shared_memory) == ("half", True)
    assert system.link.transfer_s(1e9) == 1.5e-6  # one memory: nothing is copied
    assert system.layout.relayout_s(100e9) == 2.0
    assert system.layout.relayout_s(100e9, constant=True) == 0.0
    assert (system.concurrency, system.gpu_bandwidth_share) == ("partitioned", 0.5)
    assert {"link.gb_per_s", "layout.relayout_gb_per_s", "gpu.peak_tflops.float16", "pim.launch_us"} <= set(
        system.assumed
    )
    assert set(system.facts) == {"link.duplex", "link.shared_memory", "layout.constants"}
    record = system_record(system)
    assert msgspec.json.decode(encode(record), type=type(record)) == record


def test_a_shared_memory_needs_no_figures_of_a_link(tmp_path):
    shared = system_of(tmp_path, ("gb_per_s: 64, latency_us: 1.5, ", ""))
    assert (shared.link.bandwidth_bytes_per_s, shared.link.latency_s) == (None, 0.0)
    assert shared.link.transfer_s(1e9) == 0.0
    with pytest.raises(ProfileError, match="link: found no 'gb_per_s'"):
        system_of(tmp_path, ("gb_per_s: 64, latency_us: 1.5, duplex: half, shared_memory: true", "duplex: half"))


def test_constants_that_are_rearranged_in_every_run_cost_time(tmp_path):
    system = system_of(tmp_path, ("constants: offline", "constants: online"))
    assert system.layout.relayout_s(100e9, constant=True) == 2.0
    unknown = system_of(tmp_path, ("relayout_gb_per_s: 50, ", ""))
    assert unknown.layout.relayout_s(1) is None


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (("duplex: half", "duplex: both"), "link.duplex: found 'both', wanted one of half, full"),
        (("shared_memory: true", "shared_memory: 1"), "link.shared_memory: found '1', wanted true or false"),
        ((", constants: offline", ""), "layout: found no 'constants'"),
        (("share_when_active: 0.5", "share_when_active: 2"), "found 2, wanted a share of at most 1"),
    ],
)
def test_bad_parts_of_a_system_are_refused(change, expected, tmp_path):
    with pytest.raises(ProfileError) as caught:
        system_of(tmp_path, change)
    assert expected in str(caught.value)


# The strict reader ---------------------------------------------------------------------------------------------------


def test_the_reader_keeps_lines_paths_and_texts():
    root = strict_yaml.parse(b"a:\n  b: [1, no, 'x']\nc: true\n", "f.yaml")
    items = root.mapping()["a"].mapping()["b"].sequence()
    assert [(item.path, item.line, item.characters) for item in items] == [
        ("a.b[0]", 2, "1"),
        ("a.b[1]", 2, "no"),
        ("a.b[2]", 2, "x"),
    ]
    assert items[0].integer() == 1
    assert items[1].boolean() is None
    assert root.entries["c"].boolean() is True
    assert root.entries["a"].line == 1
    with pytest.raises(UsageError, match=r"^f\.yaml:2: a\.b\[1\]: found 'no', wanted true or false$"):
        root.problems.raise_if_any(UsageError)


@pytest.mark.parametrize("text", ["-1", "1.0", "01", "1e3", "'1'", "9" * 30])
def test_integers_are_plain_digits(text):
    node = strict_yaml.parse(text.encode(), "f")
    assert node.integer(minimum=1) is None
    assert "wanted a whole number of at least 1" in node.problems.lines()[0]


HOSTILE = {
    "blank lines": b"\n",
    "comments": b"#\n",
    "words": b"x ",
    "multi-line words": b" x\n",
    "flow list": b"1,",
    "open lists": b"[",
    "questions": b"? ",
    "dashes": b"- ",
    "directives": b"%X y\n",
    "anchors": b"- &a b\n",
    "tags": b"- !!x y\n",
}


@pytest.mark.parametrize("case", HOSTILE)
@pytest.mark.parametrize("start", [b"", b'a: "', b"a: ", b"[", b"a: |\n"])
def test_hostile_repetition_ends_soon(case, start, tmp_path):
    body = start + HOSTILE[case] * (strict_yaml.MAX_FILE_BYTES // len(HOSTILE[case]))
    path = write(tmp_path, body[: strict_yaml.MAX_FILE_BYTES])
    begin = time.process_time()
    with pytest.raises(ProfileError):
        load_device(path)
    assert time.process_time() - begin < 5  # about 0.5 s; five seconds would be a quadratic step


def test_an_alias_bomb_is_refused_without_unfolding(tmp_path):
    bomb = "a0: &a0 [x]\n" + "".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 30))
    assert "card.yaml:2: found the alias *a0" in refusal(write(tmp_path, bomb))


FRAGMENTS = st.sampled_from(
    ["schema: 1\n", "kind: gpu\n", "kind: system\n", "peak_tflops: {float16: ", "sources:\n", "  all: ", "312e12",
     "&a ", "*a", "<<: ", "!!int ", "---\n", "...\n", "%YAML 1.2\n", "[", "]", "{", "}", "? ", ": ", "- ", "\n", " ",
     "\t", "'", '"', "\\U0011FFFF", "|\n", ">\n", "#", ",", "name: ", "\ufeff", "\x85", "gpu: ../any.yaml\n", "0x1",
     "12:30", "}\n"]
)  # fmt: skip


def load_either(path: Path) -> None:
    for load in (load_device, load_system):
        start = time.process_time()
        try:
            load(path)
        except ProfileError as error:
            lines = str(error).splitlines()
            assert lines
            assert all(lines)
        assert time.process_time() - start < 5


@settings(max_examples=300, deadline=None)
@given(text=st.one_of(st.text(), st.lists(FRAGMENTS, max_size=40).map("".join)))
def test_any_text_is_read_or_refused(text, tmp_path_factory):
    load_either(write(tmp_path_factory.getbasetemp(), text.encode("utf-8", "surrogatepass"), "any.yaml"))


@settings(max_examples=200, deadline=None)
@given(data=st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(data, tmp_path_factory):
    load_either(write(tmp_path_factory.getbasetemp(), data, "any.yaml"))


@settings(max_examples=200, deadline=None)
@given(place=st.integers(0, len(HOPPER)), count=st.integers(0, 12), junk=st.one_of(st.text(max_size=8), FRAGMENTS))
def test_a_damaged_profile_is_read_or_refused(place, count, junk, tmp_path_factory):
    damaged = (HOPPER[:place] + junk + HOPPER[place + count :]).encode("utf-8", "surrogatepass")
    path = write(tmp_path_factory.getbasetemp(), damaged, "any.yaml")
    load_either(path)
    try:
        device = load_device(path)
    except ProfileError:
        return
    assert isinstance(device, Device)
    encode(device_record(device))
    lint(device)


@given(peak=st.floats(1e-6, 1e18), bandwidth=st.floats(1e-6, 1e18))
def test_round_trip_of_any_figure(peak, bandwidth, tmp_path_factory):
    text = GOOD.replace("float16: 312", f"float16: {peak!r}").replace("external: 2039", f"external: {bandwidth!r}")
    device = load_device(write(tmp_path_factory.getbasetemp(), text, "any.yaml"))
    assert device.figures["peak_tflops.float16"].value == peak
    assert device.figures["bandwidth_gb_per_s.external"].value == bandwidth


VARIANT = """
schema: 1
extends: h100-sxm
name: An H100 that nobody sells
bandwidth_gb_per_s: {external: 4000}
sources: {bandwidth_gb_per_s.external: {source: a wish, label: assumed}}
"""


def test_a_profile_may_start_from_another(tmp_path):
    path = tmp_path / "variant.yaml"
    path.write_text(VARIANT)
    found, parent = load_device(str(path)), load_device("h100-sxm")
    assert found.external_bytes_per_s == 4e12
    assert found.figures["bandwidth_gb_per_s.external"].label == "assumed"
    # What it does not state comes with the other's source.
    assert found.peaks_flops_per_s == parent.peaks_flops_per_s
    assert found.figures["peak_tflops.float16"] == parent.figures["peak_tflops.float16"]
    assert found.gpu.l2_bytes_per_s == parent.gpu.l2_bytes_per_s
    assert found.gpu.dram_bytes_per_s == 4e12


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (("h100-sxm", "h100-smx"), "extends: found no shipped profile 'h100-smx'; did you mean 'h100-sxm'"),
        (("h100-sxm", "./variant.yaml"), "found a chain of more than 8 profiles; does one start from itself"),
        (("bandwidth_gb_per_s.external: {", "peak_tflops.float16: {"), "bandwidth_gb_per_s.external: found no source"),
    ],
)
def test_a_profile_that_can_not_start_from_another_is_refused(tmp_path, edit, message):
    path = tmp_path / "variant.yaml"
    path.write_text(VARIANT.replace(*edit))
    with pytest.raises(ProfileError, match=message):
        load_device(str(path))


def test_tiles_that_only_refresh_are_refused(tmp_path):
    path = tmp_path / "tiles.yaml"
    path.write_text(
        "schema: 1\nextends: hbm-pim\nname: X\npim: {tile: {refresh_share: 1}}\n"
        "sources: {pim.tile.refresh_share: {source: what if, label: assumed}}\n"
    )
    with pytest.raises(ProfileError, match=r":4: pim.tile.refresh_share: found a memory that only refreshes"):
        load_device(str(path))


def test_an_efficiency_above_what_the_rows_reach_is_found():
    device = load_device("hbm-pim")
    tile = device.pim.tile
    # 213.3 of 315 ns, 0.91 of the time without refresh.
    assert tile.stream_share == pytest.approx(213.3 / (213.3 + 26.7 + 56 + 19) * 0.91)
    assert lint(device) == ()
    bold = replace(device, pim=replace(device.pim, elementwise_efficiency=0.7))
    assert [(one.code, one.path) for one in lint(bold)] == [("pim-efficiency", "pim.efficiency.elementwise")]


@pytest.mark.parametrize("slug", ["h200-sxm", "a100-pcie-40gb", "hbm-pim", "a100-hbm-pim"])
def test_a_profile_printed_as_yaml_is_the_same_profile(slug, tmp_path, capsys):
    assert main(["hw", "show", slug, "--yaml"]) == 0
    path = tmp_path / f"{slug}.yaml"
    path.write_text(capsys.readouterr().out)
    load = load_system if profile_kind(slug) == "system" else load_device
    assert load(str(path)) == load(slug)


def test_a_system_with_its_device_in_it_printed_as_yaml_is_the_same(tmp_path, capsys):
    path = write(tmp_path, WITHIN)
    assert main(["hw", "show", str(path), "--yaml"]) == 0
    printed = capsys.readouterr().out
    before = load_system(path)
    assert "extends" not in printed
    assert load_system(write(tmp_path, printed)) == before


@pytest.mark.parametrize("arguments", [[], ["--from", "l4"], ["--from", "hbm-pim"]])
def test_a_new_profile_can_be_loaded(arguments, tmp_path, capsys):
    assert main(["hw", "new", *arguments]) == 0
    path = tmp_path / "new.yaml"
    path.write_text(capsys.readouterr().out)
    device = load_device(str(path))
    assert lint(device) == ()
    assert all(figure.source for figure in device.figures.values())
