"""Settings refuse from Python what the command line refuses, in the same words, and keep one form of every value."""

import pickle
from collections import OrderedDict
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from msgspec.structs import fields, replace

from onnx_roofline.analysis.analyze import analyze
from onnx_roofline.analysis.options import (
    check_switch,
    parse_branch,
    parse_cache,
    parse_dim,
    parse_input_shape,
    parse_trip,
    parse_value,
)
from onnx_roofline.analysis.settings import _CHECKS, Settings
from onnx_roofline.base.errors import RooflineError, UsageError
from onnx_roofline.cli.main import main
from onnx_roofline.hardware import load_system
from onnx_roofline.ir.placed_records import OBJECTIVES, PlacementSummary
from onnx_roofline.load import Limits
from onnx_roofline.what_if.sensitivity import sensitivities

SAMPLES = Path(__file__).resolve().parents[2] / "sample_models"
LENET = SAMPLES / "lenet5.onnx"


def refusal(**settings: Any) -> str:
    """The message with which the settings are refused: one printable line."""
    with pytest.raises(UsageError) as refused:
        Settings(**settings)
    message = str(refused.value)
    assert message.isprintable(), message
    assert len(message) < 500
    return message


# What the command line is given, the settings that say the same, and what both must say.
SAME = [
    (["--objective", "Energy"], {"objective": "Energy"}, "latency, energy or energy-delay; did you mean 'energy'?"),
    (["--objective", ""], {"objective": ""}, "--objective '': wanted latency, energy or energy-delay"),
    (["--pim-model", "bogus"], {"pim_model": "bogus"}, "--pim-model 'bogus': wanted roofline or full"),
    (["--pim-model", "ful"], {"pim_model": "ful"}, "; did you mean 'full'?"),
    (["--on-chip=-5"], {"on_chip": "-5"}, "--on-chip -5: '-5' is not a number with a unit"),
    (["--on-chip=-5"], {"on_chip": -5}, "--on-chip -5: '-5' is not a number with a unit"),
    (["--on-chip", "1e300P"], {"on_chip": "1e300P"}, "'1e300P' is too large a number, or unlimited"),
    (["--on-chip", "Unlimited"], {"on_chip": "Unlimited"}, "or unlimited"),
    (["--assume-dtype", "int8"], {"assume_dtype": "int8"}, "--assume-dtype int8: wanted a floating-point type"),
    (["--assume-dtype", "flaot16"], {"assume_dtype": "flaot16"}, "; did you mean 'float16'?"),
    (["--dim", "batch=-5"], {"dims": {"batch": -5}}, "--dim 'batch=-5': wanted NAME=SIZE with a whole number"),
    (["--dim", "batch=1.5"], {"dims": {"batch": 1.5}}, "--dim 'batch=1.5': wanted NAME=SIZE"),
    (["--dim", f"a={10**18}"], {"dims": {"a": 10**18}}, "wanted NAME=SIZE"),
    (["--dim", "=3"], {"dims": {"": 3}}, "--dim '=3': wanted NAME=SIZE"),
    (["--dim", "a\n=-3"], {"dims": {"a\n": -3}}, r"--dim 'a\n=-3'"),
    (["--input-shape", "x=1x-3"], {"input_shapes": {"x": (1, -3)}}, "--input-shape 'x=1x-3': wanted NAME=1x3x224x224"),
    (["--trip", "1:Loop=-1"], {"trips": {"1:Loop": -1}}, "--trip '1:Loop=-1': wanted NODE=N with a whole number"),
    (["--trip", f"x={10**18}"], {"trips": {"x": 10**18}}, "of up to 18 digits"),
    (["--branch", "then=2"], {"branches": {"then": 2}}, "--branch 'then=2': wanted then=P or NODE.then=P with P"),
    (["--branch", "then=1.01"], {"branches": {"then": 1.01}}, "--branch 'then=1.01'"),
    (["--branch", "then=3/2"], {"branches": {"then": Fraction(3, 2)}}, "--branch 'then=3/2'"),
    (["--branch", "then=nan"], {"branches": {"then": float("nan")}}, "--branch 'then=nan'"),
    (["--branch", "0:If=0.5"], {"branches": {"0:If": 0.5}}, "--branch '0:If=0.5': wanted then=P or NODE.then=P"),
    (["--value", f"past={10**19}"], {"values": {"past": 10**19}}, "wanted NAME=N or NAME=N,N,... with whole numbers"),
    (["--value", "past=1,2.5"], {"values": {"past": (1, 2.5)}}, "--value 'past=1,2.5': wanted NAME=N"),
    (["--value", "past="], {"values": {"past": ()}}, "--value 'past=': wanted NAME=N"),
    (["--cache", "past="], {"caches": {"past": ""}}, ": wanted IN=OUT, an input and an output, such as --cache past_k"),
    (["--cache", "=present"], {"caches": {"": "present"}}, ": wanted IN=OUT"),
    (["--limit", "nodes=0"], {"limits": {"nodes": 0}}, "--limit nodes=0: found '0', wanted a positive whole number"),
    (["--limit", "depth=3"], {"limits": {"depth": 3}}, "--limit depth=3: found no limit named 'depth'"),
    (["--observe-limit-s", "0"], {"observe_limit_s": 0}, "--observe-limit-s 0: wanted a number above 0"),
    (["--observe-limit-s", "soon"], {"observe_limit_s": "soon"}, "--observe-limit-s 'soon': wanted a number above 0"),
    (["--observe-limit-gb", "nan"], {"observe_limit_gb": float("nan")}, "--observe-limit-gb nan: wanted a number"),
    (["--observe-limit-gb", "inf"], {"observe_limit_gb": float("inf")}, "--observe-limit-gb inf: wanted a number"),
]  # fmt: skip


@pytest.mark.parametrize(("options", "settings", "said"), SAME)
def test_python_and_the_command_line_refuse_in_the_same_words(
    options: list[str], settings: dict[str, Any], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    message = refusal(**settings)
    assert said in message
    assert main(["analyze", str(LENET), *options]) == 2
    assert capsys.readouterr().err == f"onnx-roofline: {message}\n"


@pytest.mark.parametrize(
    ("options", "settings"),
    [
        (["--backend", "compilr"], {"backend": "compilr"}),
        (["--system", "teachin"], {"system": "teachin"}),
        (["--dim", "b=2"], {"dims": {"b": 2}}),
    ],
)
def test_what_only_a_file_can_refuse_is_refused_by_the_analysis(
    options: list[str], settings: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(RooflineError) as refused:
        analyze(str(LENET), Settings(**settings))
    assert main(["analyze", str(LENET), *options]) == 2
    assert capsys.readouterr().err == f"onnx-roofline: {refused.value}\n"


# Values of a type that no text of the command line stands for.
WRONG_TYPES = [
    ({"dims": [("batch", 8)]}, "--dim: found [('batch', 8)], wanted a mapping, such as dims={'batch': 8}"),
    ({"dims": None}, "--dim: found None, wanted a mapping"),
    ({"dims": {"batch": "8"}}, "--dim 'batch='8'': wanted NAME=SIZE"),
    ({"dims": {"batch": True}}, "--dim 'batch=True': wanted NAME=SIZE"),
    ({"dims": {"batch": None}}, "--dim 'batch=None': wanted NAME=SIZE"),
    ({"dims": {3: 8}}, "--dim '3=8': wanted NAME=SIZE"),
    ({"dims": {"a": 1 << 50_000}}, "--dim 'a=a number of 50,001 bits': wanted NAME=SIZE"),
    ({"dims": {"a": -(1 << 50_000)}}, "--dim 'a=a number of 50,001 bits': wanted NAME=SIZE"),
    ({"dims": {"x" * 100_000: -1}}, "…': wanted NAME=SIZE"),
    ({"input_shapes": {"x": "1x3"}}, "--input-shape 'x='1x3'': wanted NAME=1x3x224x224"),
    ({"input_shapes": {"x": 3}}, "--input-shape 'x=3': wanted NAME=1x3x224x224"),
    ({"input_shapes": {"x": ("1", 3)}}, "--input-shape 'x='1'x3': wanted NAME=1x3x224x224"),
    ({"input_shapes": {"x": np.ones((2, 2), np.int64)}}, "--input-shape 'x=[1, 1]x[1, 1]': wanted"),
    ({"trips": {"1:Loop": 2.0}}, "--trip '1:Loop=2.0': wanted NODE=N"),
    ({"branches": {"then": "0.5"}}, "--branch 'then='0.5'': wanted then=P"),
    ({"branches": {"then": True}}, "--branch 'then=True': wanted then=P"),
    ({"branches": {"then": 1j}}, "--branch 'then=1j': wanted then=P"),
    ({"values": {"past": b"\x01\x02"}}, "wanted NAME=N"),
    ({"values": {"past": {1: 2}}}, "--value 'past={1: 2}': wanted NAME=N"),
    ({"caches": {"past": 3}}, "--cache 'past=3': wanted IN=OUT"),
    ({"caches": ["past"]}, "--cache: found ['past'], wanted a mapping, such as caches={'past_k': 'present_k'}"),
    ({"no_caches": "past"}, "--no-cache: found 'past', wanted a list of names"),
    ({"no_caches": [3]}, "--no-cache: found [3], wanted a list of names"),
    ({"system": 5}, "--system: found 5, wanted the name of a shipped profile, a path, or a System"),
    ({"backend": None}, "--backend: found None, wanted the name of a shipped pack, or a path"),
    ({"observe": 5}, "--observe: found 5, wanted the path of an .npz file, or 'random'"),
    ({"observe_limit_s": "60"}, "--observe-limit-s '60': wanted a number above 0"),
    ({"observe_limit_s": 1 << 50_000}, "--observe-limit-s a number of 50,001 bits: wanted a number above 0"),
    ({"observe_limit_s": True}, "--observe-limit-s True: wanted a number above 0"),
    ({"residency": "no"}, "residency: found 'no', wanted True or False"),
    ({"residency": 0}, "residency: found 0, wanted True or False"),
    ({"limits": 5}, "--limit: found 5, wanted a mapping, such as limits={'nodes': 2_000_000}"),
    ({"limits": {"nodes": 1 << 50_000}}, "--limit nodes=a number of 50,001 bits: found"),
    ({"limits": {"nodes": True}}, "--limit nodes=True: found 'True', wanted a positive whole number"),
    ({"objective": None}, "--objective None: wanted latency, energy or energy-delay"),
    ({"pim_model": 1}, "--pim-model 1: wanted roofline or full"),
    ({"assume_dtype": np.float16}, "--assume-dtype <class 'numpy.float16'>: wanted a floating-point type"),
    ({"on_chip": None}, "--on-chip None: 'None' is not a number with a unit"),
    ({"on_chip": True}, "--on-chip True: 'True' is not a number with a unit"),
]


@pytest.mark.parametrize(("settings", "said"), WRONG_TYPES)
def test_a_value_of_another_type_is_refused(settings: dict[str, Any], said: str) -> None:
    assert said in refusal(**settings)


@pytest.mark.parametrize("wrong", [{"nodes": -1}, {"nodes": "5"}, {"rank": 1.5}, {"rank": True}])
def test_limits_are_positive_whole_numbers(wrong: dict[str, Any]) -> None:
    ((name, value),) = wrong.items()
    with pytest.raises(UsageError, match=f"--limit {name}={value}: found '{value}', wanted a positive whole number"):
        Limits(**wrong)


def test_every_setting_has_a_check_that_refuses_something() -> None:
    names = {one.name for one in fields(Settings)}
    assert set(_CHECKS) == names
    for name in names:
        assert refusal(**{name: object()})


def test_a_replaced_setting_is_checked_too() -> None:
    with pytest.raises(UsageError, match="--objective"):
        replace(Settings(), objective="Energy")


def test_values_are_kept_in_one_form() -> None:
    settings = Settings(
        dims=OrderedDict(batch=np.int32(8)),
        input_shapes={"x": np.array([1, 3])},
        branches={"then": 0.1, "1:If.else": 1, "2:If.then": np.float32(0.5)},
        values={"past": 128, "offsets": [0, np.int64(4)], "lengths": np.array([5, -6])},
        limits={"nodes": 5, "rank": np.int64(6)},
        on_chip=65536,
        observe=Path("inputs.npz"),
        observe_limit_s=3,
    )  # type: ignore[arg-type]
    assert settings == Settings(
        dims={"batch": 8},
        input_shapes={"x": (1, 3)},
        branches={"then": Fraction(1, 10), "1:If.else": Fraction(1), "2:If.then": Fraction(1, 2)},
        values={"past": (128,), "offsets": (0, 4), "lengths": (5, -6)},
        limits=Limits(nodes=5, rank=6),
        on_chip="64KiB",
        observe="inputs.npz",
        observe_limit_s=3.0,
    )
    assert type(settings.dims) is dict
    assert type(settings.dims["batch"]) is int
    assert settings.on_chip == "65536"  # 64 * 1024
    assert replace(settings) == settings
    assert pickle.loads(pickle.dumps(settings)) == settings


def test_a_mapping_that_changes_later_does_not_change_the_settings() -> None:
    dims = {"batch": 8}
    settings = Settings(dims=dims)
    dims["batch"] = -5
    assert settings.dims == {"batch": 8}


def test_settings_print_what_was_said() -> None:
    assert repr(Settings(dims={"batch": 8})) == "Settings(dims={'batch': 8})"


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_every_objective_is_the_one_that_the_placement_names(objective: Any) -> None:
    analysis = analyze(LENET, Settings(objective=objective, system="a100-attacc"))
    assert analysis.model.whole(PlacementSummary).objective_name == objective


def test_a_loaded_system_is_used_as_it_is() -> None:
    system = load_system("a100-attacc")
    faster = replace(system, gpu=replace(system.gpu, launch_s=0.0))
    assert analyze(LENET, Settings(system=faster)).system is faster
    with pytest.raises(UsageError, match="--sensitivity: found a System, wanted the name or the file of a profile"):
        sensitivities(analyze(LENET, Settings(system=faster)))


@pytest.mark.parametrize(
    "text", ["batch", "batch=", "=3", "batch=-1", "batch=1.5", "batch=1e3", "batch=" + "9" * 19, "a=²", ""]
)
def test_dim_option_of_another_form(text: str) -> None:
    with pytest.raises(UsageError, match=r"^--dim '.*': wanted NAME=SIZE"):
        parse_dim(text)


@pytest.mark.parametrize("text", ["x", "=1x3", "x=1x", "x=x3", "x=1 3", "x=-1", "x=1*3", "x=²"])
def test_input_shape_option_of_another_form(text: str) -> None:
    with pytest.raises(UsageError, match=f"^--input-shape '{text.replace('*', '[*]')}': wanted NAME=1x3x224x224"):
        parse_input_shape(text)


@pytest.mark.parametrize("text", ["x", "x=", "=1", "x=1,", "x=,1", "x=1.5", "x=--1", "x=²", "x=1x2"])
def test_value_option_of_another_form(text: str) -> None:
    with pytest.raises(UsageError, match=f"^--value '{text}': wanted NAME=N or NAME=N,N"):
        parse_value(text)


def test_option_forms() -> None:
    assert parse_dim("a=b=3") == ("a=b", 3)
    assert parse_input_shape("x=1,3,4") == ("x", (1, 3, 4))
    assert parse_input_shape("x=") == ("x", ())
    assert parse_trip("a=b=0") == ("a=b", 0)
    assert parse_value("offsets=0,-4") == ("offsets", (0, -4))
    assert parse_cache("past=a=b") == ("past", "a=b")
    assert parse_branch("a.then=1e-9") == ("a.then", Fraction(1, 10**9))
    assert check_switch("residency", False) is False


def test_what_the_command_line_takes_is_taken_again() -> None:
    """A probability of more digits than an option may have comes out of a short one."""
    name, share = parse_branch("then=1e-99")
    assert Settings(branches={name: share}).branches == {"then": Fraction(1, 10**99)}
