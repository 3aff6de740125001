"""Formulas: the closed forms of known networks come out, and every formula is what an analysis at a point finds."""

import json
import random
from fractions import Fraction
from itertools import product
from pathlib import Path

import jsonschema
import onnx
import pytest
from hypothesis import given, settings, strategies
from onnx import parser

from onnx_roofline.analysis.analyze import Analysis, analyze
from onnx_roofline.analysis.settings import Settings
from onnx_roofline.base.errors import ProfileError, UsageError
from onnx_roofline.cli.main import main
from onnx_roofline.report.contract import schema_of
from onnx_roofline.what_if.formula.fit import fit_over, parse_over
from onnx_roofline.what_if.formula.pieces import Fit, Formula
from onnx_roofline.what_if.formula.polynomial import interpolated, polynomial
from onnx_roofline.what_if.formula.sampling import Key

SAMPLES = Path(__file__).resolve().parents[2] / "sample_models"
HEAD = '<ir_version: 10, opset_import: ["": 21]>\n'

# 12 layers of s (4 h^2 + 2 h f) + 2 s^2 h with h = 768, f = 3072
_ENCODER = {(1, 2): 12 * 2 * 768, (1, 1): 12 * (4 * 768**2 + 2 * 768 * 3072)}
# 8 layers of s (2 h^2 + 2 h h_kv + 3 h f) + 2 s^2 h with h = 576, h_kv = 192, f = 1536, and the head h V, V = 49152
_LLAMA = 8 * (2 * 576**2 + 2 * 576 * 192 + 3 * 576 * 1536) + 576 * 49152
# 6 + 6 layers, h = 512, f = 2048: encoder s (4 h^2 + 2 h f) + 2 s^2 h; decoder the same of t, a second attention of
# t (2 h^2) + s (2 h^2) + 2 s t h
_H, _F = 512, 2048
_SEQ2SEQ = {
    (1, 2, 0): 6 * 2 * _H,
    (1, 1, 1): 6 * 2 * _H,
    (1, 0, 2): 6 * 2 * _H,
    (1, 1, 0): 6 * (4 * _H**2 + 2 * _H * _F) + 6 * 2 * _H**2,
    (1, 0, 1): 6 * (6 * _H**2 + 2 * _H * _F),
}
# Sample -> the dims, and the MACs by exponents.
CLOSED_FORMS = {
    # the pooler is one product of h x h for each sequence
    "bert_base": ("batch,sequence", {**_ENCODER, (1, 0): 768**2}),
    "bert_base.torchscript": ("batch,sequence", {**_ENCODER, (1, 0): 768**2}),
    # the head on every position: h V with V = 50257
    "gpt2": ("batch,sequence", {**_ENCODER, (1, 1): _ENCODER[1, 1] + 768 * 50257}),
    "llama_prefill": ("batch,sequence", {(1, 2): 8 * 2 * 576, (1, 1): _LLAMA}),
    # one token with a context of past_sequence + 1
    "llama_decode": ("batch,past_sequence", {(1, 1): 8 * 2 * 576, (1, 0): _LLAMA + 8 * 2 * 576}),
    "t5_small": (
        "batch=2..5,encoder_sequence=8..64,decoder_sequence=2..64",
        {**_SEQ2SEQ, (1, 0, 1): _SEQ2SEQ[1, 0, 1] + _H * 32128},
    ),
    # the same with a vocabulary of 37,000
    "transformer_encoder_decoder": (
        "batch=2..5,source_sequence=2..64,target_sequence=2..64",
        {**_SEQ2SEQ, (1, 0, 1): _SEQ2SEQ[1, 0, 1] + _H * 37000},
    ),
    # T steps of 4 H (I + H) with I = 128, H = 256
    "lstm.torchscript": ("x.0", {(1,): 4 * 256 * (128 + 256)}),
    # torchvision's count for one image of 224 x 224
    "resnet50.torchscript": ("image.0", {(1,): 4_089_184_256}),
    # the original network on 572 x 572: 150.4 GMACs
    "unet_572": ("image.0", {(1,): 150_428_424_448}),
    # 6 filters of 5 x 5 on 28 columns and n - 4 rows
    "conv_layer": ("image.2", {(1,): 6 * 25 * 28, (0,): -4 * 6 * 25 * 28}),
    "linear": ("x.0", {(1,): 128 * 128}),
    # a table is looked up
    "embedding": ("batch,sequence", {}),
}
FITS: dict[str, Fit] = {}


def fit_of(name: str) -> Fit:
    """The fit of a sample, once."""
    if name not in FITS:
        FITS[name] = fit_over(SAMPLES / f"{name}.onnx", Settings(), CLOSED_FORMS[name][0])
    return FITS[name]


def of_model(found: Fit, metric: str) -> Formula:
    return next(one for one in found.formulas if one.key == Key("model", "", metric))


@pytest.mark.parametrize("name", CLOSED_FORMS)
def test_the_macs_are_the_closed_form(name: str) -> None:
    found = fit_of(name)
    formula = of_model(found, "macs")
    assert not formula.reason
    (piece,) = formula.pieces
    assert dict(piece.formula.terms) == {exponents: Fraction(n) for exponents, n in CLOSED_FORMS[name][1].items()}
    assert piece.step == (1,) * len(found.ranges)


def figures(analysis: Analysis) -> dict[str, int | None]:
    """What an analysis finds, by the names of the formulas."""
    summary = analysis.summary
    return {
        "macs": summary.counts.macs,
        "flops": summary.counts.flops,
        "parameters": summary.parameters,
        "weight_bytes": summary.weight_bytes,
        "naive_bytes": summary.naive_bytes,
        "compulsory_bytes": summary.compulsory_bytes,
        "activation_bytes": summary.peak_activation_bytes,
    }


def assert_equal_at_random_points(name: str, count: int) -> None:
    found = fit_of(name)
    drawn = random.Random(name)
    for _ in range(count):
        point = tuple(drawn.randint(one.low, one.high) for one in found.ranges)
        sizes = {one.dim: size for one, size in zip(found.ranges, point, strict=True)}
        for metric, value in figures(analyze(SAMPLES / f"{name}.onnx", Settings(dims=sizes))).items():
            formula = of_model(found, metric)
            assert formula.at(point) == value or (formula.reason and formula.at(point) is None), (point, metric)


@pytest.mark.parametrize("name", CLOSED_FORMS)
def test_formulas_are_what_an_analysis_finds_at_other_points(name: str) -> None:
    assert_equal_at_random_points(name, 3)


@pytest.mark.slow
@pytest.mark.parametrize("name", CLOSED_FORMS)
def test_formulas_are_what_an_analysis_finds_at_fifty_points(name: str) -> None:
    assert_equal_at_random_points(name, 50)


@pytest.mark.parametrize("kind", ["module", "kernel"])
def test_modules_and_kernels_add_up_to_the_model(kind: str) -> None:
    found = fit_of("bert_base")
    for metric in ("macs", "flops", "naive_bytes", "compulsory_bytes"):
        parts = [one for one in found.formulas if one.key.kind == kind and one.key.metric == metric]
        for point in ((3, 40), (1, 17), (5, 1), (1, 1)):
            assert sum(one.at(point) for one in parts) == of_model(found, metric).at(point)


def saved(text: str, folder: Path) -> Path:
    onnx.save(parser.parse_model(HEAD + text), folder / "m.onnx")
    return folder / "m.onnx"


def test_what_strides_round_holds_on_sizes_of_one_remainder(tmp_path: Path) -> None:
    """A stride of 2 without padding: (n - 1) // 2 rows, of odd n exactly (n - 1) / 2."""
    text = """g (float[1, 1, n, 9] x, float[1, 1, 2, 1] w) => (y) { y = Conv <strides = [2, 1]> (x, w) }"""
    found = fit_over(saved(text, tmp_path), Settings(dims={}), "n=21..81")
    (piece,) = of_model(found, "macs").pieces
    # from 21 on every second size: rows of 9 columns, 2 taps each
    assert (piece.step, piece.remainder) in (((2,), (1,)), ((2,), (0,)))
    rest = piece.remainder[0]
    assert [piece.formula((n,)) for n in (40 + rest, 60 + rest)] == [(n // 2) * 9 * 2 for n in (40, 60)]
    assert of_model(found, "macs").at((41 - rest,)) is None


def test_a_figure_that_changes_its_formula_is_given_in_pieces(tmp_path: Path) -> None:
    """The most alive at once: x and its 10 columns while n is small, the product of 50 columns from then on."""
    text = """g (float[n, 4] x, float[4, 2] w, float[100, 7] q, float[7, 3] r) => (z, p) {
      y = MatMul (x, w) z = Exp (y) p = MatMul (q, r) }"""
    found = fit_over(saved(text, tmp_path), Settings(), "n=1..400")
    formula = of_model(found, "activation_bytes")
    assert len(formula.pieces) > 1
    assert not formula.reason
    edges = sorted((piece.low[0], piece.high[0]) for piece in formula.pieces)
    for n in {1, 400, *(size for edge in edges for size in edge)}:
        direct = analyze(tmp_path / "m.onnx", Settings(dims={"n": n})).summary.peak_activation_bytes
        assert formula.at((n,)) == direct


def test_a_product_of_dims_that_both_grow_has_every_term(tmp_path: Path) -> None:
    text = "g (float[m, k] a, float[k, n] b) => (y) { y = MatMul (a, b) }"
    found = fit_over(saved(text, tmp_path), Settings(), "m=1..9,k=1..9,n=1..9")
    (macs,) = of_model(found, "macs").pieces
    assert dict(macs.formula.terms) == {(1, 1, 1): 1}
    (naive,) = of_model(found, "naive_bytes").pieces
    assert dict(naive.formula.terms) == {(1, 1, 0): 4, (0, 1, 1): 4, (1, 0, 1): 4}


def test_a_range_ends_where_the_model_is_not_valid() -> None:
    """A kernel of 5 rows without padding makes no row of 3, and none of 4 is a row of nothing."""
    (found,) = fit_of("conv_layer").ranges
    assert (found.low, found.high) == (4, 64)
    assert of_model(fit_of("conv_layer"), "macs").at((3,)) is None


def test_unknown_is_no_formula(tmp_path: Path) -> None:
    text = """g (float[n, 4] x) => (y) { y = own.Mystery (x) }"""
    path = tmp_path / "m.onnx"
    onnx.save(parser.parse_model('<ir_version: 10, opset_import: ["": 21, "own": 1]>\n' + text), path)
    formula = of_model(fit_over(path, Settings(), "n"), "macs")
    assert (formula.pieces, formula.reason) == ((), "unknown: an op has no figure")


@pytest.mark.parametrize(
    ("name", "over", "options", "message"),
    [
        ("bert_base", "btach", {}, "found no such dim; did you mean 'batch'"),
        ("bert_base", "batch", {"batch": 3}, "--dim fixes it"),
        ("bert_base", "batch=5..2", {}, "wanted NAME or NAME=LOW..HIGH"),
        ("bert_base", "batch,batch", {}, "wanted NAME or NAME=LOW..HIGH"),
        ("resnet50", "image.0", {}, "hard-codes the size"),
    ],
)
def test_refusals_name_the_dim(name: str, over: str, options: dict, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        fit_over(SAMPLES / f"{name}.onnx", Settings(dims=options), over)


def test_a_figure_that_no_profile_has_is_refused() -> None:
    with pytest.raises(ProfileError, match="found no such figure"):
        fit_over(SAMPLES / "linear.onnx", Settings(figures={"nonsense.x": 1.0}), "batch")


def test_ranges_are_read() -> None:
    assert parse_over("a, b=2..10") == {"a": None, "b": (2, 10)}


@settings(max_examples=60, deadline=None)
@given(
    strategies.dictionaries(
        strategies.tuples(strategies.integers(0, 3), strategies.integers(0, 2)),
        strategies.fractions(-1000, 1000, max_denominator=12),
        max_size=6,
    )
)
def test_any_polynomial_is_found_again_from_its_values(terms: dict[tuple[int, int], Fraction]) -> None:
    original = polynomial(("a", "b"), terms)
    axes = ((2, 3, 5, 9), (1, 4, 6))
    values = {point: original(point) for point in product(*axes)}
    assert interpolated(("a", "b"), axes, values) == original


def test_the_command_prints_lines_and_writes_a_document(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target = tmp_path / "f.json"
    model = str(SAMPLES / "lstm.torchscript.onnx")
    assert main(["formula", model, "--over", "x.0", "--json", str(target)]) == 0
    out = capsys.readouterr().out
    assert "393,216 x.0\n" in out
    document = json.loads(target.read_text("utf-8"))
    jsonschema.Draft202012Validator(schema_of("formula")).validate(document)
    (macs,) = (one for one in document["formula"]["formulas"] if (one["kind"], one["figure"]) == ("model", "macs"))
    assert macs["pieces"][0]["terms"] == [{"exponents": [1], "numerator": 393216, "denominator": 1}]
    assert main(["formula", model, "--over", "x.0", "--json", "-"]) == 0
    assert json.loads(capsys.readouterr().out) == document


@pytest.mark.parametrize(("dtype", "size"), [("float32", 4), ("float16", 2)])
def test_caches_have_the_width_of_the_run(dtype: str, size: int) -> None:
    """8 layers of keys and values with 3 heads of 64."""
    dims = {"batch": 1}
    found = fit_over(SAMPLES / "llama_decode.onnx", Settings(dims=dims, assume_dtype=dtype), "past_sequence=8..64")
    (piece,) = of_model(found, "cache_bytes").pieces
    assert dict(piece.formula.terms) == {(1,): 8 * 2 * 3 * 64 * size}
