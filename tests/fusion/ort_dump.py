"""onnxruntime's optimised graph of a model, without its weights: what it fused, as the file that it writes itself."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import onnx
from onnx import external_data_helper, helper

# A model over this is not dumped: protobuf's limit of a file in one piece.
MAX_BYTES = 2 * 2**30
TIME_LIMIT_S = 300
LEVELS = ("basic", "extended", "all")


def dump(
    path: Path,
    target: Path,
    level: str,
    dims: Mapping[str, int] | None = None,
    shapes: Mapping[str, Sequence[int]] | None = None,
) -> str:
    """Writes the optimised graph of `path` to `target`; "" or, in one line, why there is none.

    `dims` are symbolic dims by name, `shapes` whole inputs: what is not known, onnxruntime fuses less.
    """
    request = {"path": str(path), "target": str(target), "level": level, "dims": dict(dims or {})}
    request["shapes"] = {name: list(shape) for name, shape in (shapes or {}).items()}
    command = [sys.executable, __file__, json.dumps(request)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=TIME_LIMIT_S, check=False)
    except subprocess.TimeoutExpired:
        return f"took over {TIME_LIMIT_S} s"
    if done.returncode == 0:
        return ""
    return (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1][:200]


def _fill(model: onnx.ModelProto, folder: Path) -> None:
    """Weights in files that are absent become small positive numbers, no two tensors alike."""
    block = np.random.default_rng(0).uniform(0.01, 0.1, 65_537)
    tensors = [t for t in external_data_helper._get_all_tensors(model) if external_data_helper.uses_external_data(t)]
    sizes = [
        int(np.prod(t.dims, dtype=np.int64)) * helper.tensor_dtype_to_np_dtype(t.data_type).itemsize for t in tensors
    ]
    if sum(sizes) > MAX_BYTES:
        raise SystemExit(f"weights of {sum(sizes)} bytes are over the limit of {MAX_BYTES}")
    for position, tensor in enumerate(tensors):
        try:
            external_data_helper.load_external_data_for_tensor(tensor, str(folder))
        except (OSError, ValueError, onnx.checker.ValidationError):
            dtype = helper.tensor_dtype_to_np_dtype(tensor.data_type)
            tensor.raw_data = np.resize(np.roll(block, position), tuple(tensor.dims)).astype(dtype).tobytes()
        tensor.data_location = onnx.TensorProto.DEFAULT
        del tensor.external_data[:]


def _bind(model: onnx.ModelProto, shapes: Mapping[str, Sequence[int]]) -> None:
    """Inputs get their shapes, and what the file declares of inner tensors goes: it may say less."""
    for value in model.graph.input:
        if value.name in shapes:
            del value.type.tensor_type.shape.dim[:]
            for size in shapes[value.name]:
                value.type.tensor_type.shape.dim.add().dim_value = size
    if shapes:
        del model.graph.value_info[:]


def _child(path: Path, target: Path, level: str, dims: Mapping[str, int], shapes: Mapping[str, Sequence[int]]) -> None:
    import onnxruntime

    model = onnx.load(path, load_external_data=False)
    if os.path.getsize(path) > MAX_BYTES:
        raise SystemExit(f"the file is over the limit of {MAX_BYTES} bytes")
    _fill(model, path.parent)
    _bind(model, shapes)
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = {
        "basic": onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC,
        "extended": onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED,
        "all": onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL,
    }[level]
    options.log_severity_level = 4
    options.enable_cpu_mem_arena = False
    for name, size in dims.items():
        options.add_free_dimension_override_by_name(name, size)
    with tempfile.TemporaryDirectory() as folder:
        written = Path(folder) / "optimized.onnx"
        options.optimized_model_filepath = str(written)
        options.add_session_config_entry("session.optimized_model_external_initializers_file_name", "weights.bin")
        options.add_session_config_entry("session.optimized_model_external_initializers_min_size_in_bytes", "256")
        onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(written.read_bytes())


if __name__ == "__main__":
    asked = json.loads(sys.argv[1])
    _child(Path(asked["path"]), Path(asked["target"]), asked["level"], asked["dims"], asked["shapes"])
