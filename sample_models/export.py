"""Exports the sample models, weightless, and writes what is known of each to reference.json.

    python sample_models/export.py [NAME ...]

Each system is built with random weights, counted by torch, exported, run in onnxruntime against torch's own result,
counted again on the exported graph, and stripped of its weights. The two counts and the literature's must agree to the
last MAC.
"""

import argparse
import contextlib
import inspect
import io
import json
import logging
import math
import re
import sys
import tempfile
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path

import graph_macs
import numpy as np
import onnx
import torch
import weightless
from onnx import ModelProto
from systems import DYNAMO, SYSTEMS, TORCHSCRIPT, Inputs, System
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

HERE = Path(__file__).resolve().parent
REFERENCE = HERE / "reference.json"
OPSETS = {DYNAMO: 18, TORCHSCRIPT: 17}
SUFFIXES = {DYNAMO: ".onnx", TORCHSCRIPT: ".torchscript.onnx"}
LIBRARIES = ("onnx", "onnxruntime", "onnxscript", "torch", "torch_geometric", "transformers")
# Two float32 programs that add in another order; relative to the largest output.
TOLERANCE = 1e-3
LARGEST_FILE_BYTES = 1_000_000


def main(arguments: Sequence[str]) -> int:
    """Exports the named systems, all without a name."""
    parser = argparse.ArgumentParser(description="Export the weightless sample models.")
    parser.add_argument("names", nargs="*", metavar="NAME", help="system to export (default: all)")
    names = parser.parse_args(arguments).names or list(SYSTEMS)
    unknown = [name for name in names if name not in SYSTEMS]
    if unknown:
        parser.error(f"no system named {', '.join(unknown)}; there are {', '.join(SYSTEMS)}")
    prepare_torch()
    for name in names:
        started = time.monotonic()
        models, failures = export_system(name)
        update_reference(name, models, failures)
        for file, entry in models.items():
            print(f"{file:45} {entry['macs']:>16,} MACs {entry['bytes']:>9,} B {time.monotonic() - started:6.1f} s")
        for file, error in failures.items():
            print(f"{file:45} failed: {error}", file=sys.stderr)
    return 0


def prepare_torch() -> None:
    """Plain operators where the framework would take a fast path that neither counts nor exports."""
    torch.backends.mha.set_fastpath_enabled(False)
    warnings.filterwarnings("ignore")
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)


def export_system(name: str) -> tuple[dict[str, dict[str, object]], dict[str, str]]:
    """The reference entries of the files written, and one line for each export that failed."""
    system = SYSTEMS[name]
    module, inputs = build(system), make_inputs(system, system.dims)
    expected, macs = measure(system, module, inputs)
    parameters = sum(parameter.numel() for parameter in module.parameters())
    check_published(name, system, macs, parameters)
    models: dict[str, dict[str, object]] = {}
    failures: dict[str, str] = {}
    for exporter in system.exporters:
        file = name + SUFFIXES[exporter]
        try:
            model = EXPORT[exporter](system)
            onnx.checker.check_model(model)
            counted_in_graph = check_run(file, model, inputs, expected)
        except Exception as error:
            # Whatever an exporter raises, or its file on its first run, is its answer about this system.
            if exporter not in system.known_failures:
                raise
            failures[file] = one_line(error)
            continue
        if counted_in_graph != macs:
            raise AssertionError(f"{file}: {counted_in_graph:,} MACs in the graph, {macs:,} in torch")
        models[file] = {
            "system": name,
            "exporter": exporter,
            "opset": OPSETS[exporter],
            "dims": dict(system.dims),
            "inputs": {key: described(value) for key, value in flat(inputs).items()},
            "macs": macs,
            "macs_by": "formula" if system.macs_by_formula is not None else "counter",
            "parameters": parameters,
            "nodes": len(model.graph.node),
            "notes": list(system.notes),
            **published_entry(system),
            **write(file, model),
        }
    return models, failures


def one_line(error: Exception) -> str:
    """The first line of what an exporter or a run said, without terminal colours."""
    return re.sub("\x1b\\[[0-9;]*m", "", f"{type(error).__name__}: {error}").splitlines()[0][:500]


def build(system: System) -> nn.Module:
    """The network, in inference mode, with the same random weights every time; no two of its tensors are equal.

    Fresh biases are all zeros and fresh norms all ones. The exporters would merge them; trained ones differ.
    """
    torch.manual_seed(0)
    module = system.build().eval()
    statistics = (buffer for name, buffer in module.named_buffers() if "running_" in name)
    with torch.no_grad():
        for tensor in (*module.parameters(), *statistics):
            if tensor.min() == tensor.max():
                tensor.add_(0.01 * torch.randn_like(tensor))
    return module


def make_inputs(system: System, dims: Mapping[str, int]) -> Inputs:
    """The same random inputs every time."""
    torch.manual_seed(1)
    return system.inputs(dims)


def flat(inputs: Inputs) -> dict[str, Tensor]:
    """Graph input name -> tensor; the members of a list of keys and values are named by layer."""
    named: dict[str, Tensor] = {}
    for name, value in inputs.items():
        if isinstance(value, Tensor):
            named[name] = value
            continue
        for index, tensor in enumerate(value):
            named[f"{name}.{index // 2}.{('key', 'value')[index % 2]}"] = tensor
    return named


def described(tensor: Tensor) -> dict[str, object]:
    return {"dtype": str(tensor.dtype).removeprefix("torch."), "shape": list(tensor.shape)}


def measure(system: System, module: nn.Module, inputs: Inputs) -> tuple[list[Tensor], int]:
    """Torch's outputs and MACs, half of the counter's FLOPs."""
    counter = FlopCounterMode(display=False)
    # The counter has no rule for the fused CPU kernel: attention has to be matrix products to be seen.
    with torch.no_grad(), sdpa_kernel(SDPBackend.MATH), counter:
        result = module(*inputs.values())
    macs, odd = divmod(counter.get_total_flops(), 2)
    if odd:
        raise AssertionError("an odd number of FLOPs")
    if system.macs_by_formula is not None:
        if macs:
            raise AssertionError("the counter has learnt this system: drop its formula")
        macs = system.macs_by_formula
    return torch.utils._pytree.tree_leaves(result), macs


def check_published(name: str, system: System, macs: int, parameters: int) -> None:
    """Raises where the network is not the one that the literature counts."""
    if system.published_parameters not in (None, parameters):
        raise AssertionError(f"{name}: {parameters:,} parameters, published {system.published_parameters:,}")
    if system.published_macs is None:
        return
    wanted = system.published_macs + sum(system.beyond_published.values())
    if macs != wanted:
        raise AssertionError(f"{name}: {macs:,} MACs in torch, {wanted:,} by {system.published_source}")


def published_entry(system: System) -> dict[str, object]:
    """What reference.json says of the literature: macs = published_macs + the sum of beyond_published."""
    entry: dict[str, object] = {}
    if system.published_parameters is not None:
        entry["published_parameters"] = system.published_parameters
    if system.published_macs is not None:
        entry |= {"published_macs": system.published_macs, "published_source": system.published_source}
    if system.beyond_published:
        entry["beyond_published"] = dict(system.beyond_published)
    return entry


def check_run(file: str, model: ModelProto, inputs: Inputs, expected: list[Tensor]) -> int:
    """The MACs of the exported graph; raises unless onnxruntime's outputs equal torch's."""
    feeds = {key: value.numpy() for key, value in flat(inputs).items()}
    outputs, macs = graph_macs.run(model, feeds)
    for (output, actual), wanted in zip(outputs.items(), expected, strict=True):
        wanted = wanted.numpy()
        if actual.shape != wanted.shape:
            raise AssertionError(f"{file}: {output} is {actual.shape} in onnxruntime, {wanted.shape} in torch")
        difference = float(np.abs(actual - wanted).max() / np.abs(wanted).max())
        if not difference <= TOLERANCE:
            raise AssertionError(f"{file}: {output} differs from torch by {difference:.1e} of its largest value")
    return macs


def export_dynamo(system: System) -> ModelProto:
    """The model out of torch.export, the newer exporter."""
    inputs = make_inputs(system, system.traced_dims)
    symbols = {name: torch.export.Dim(name) for name in system.dims}
    # Keyed by the parameters of forward, which need not be called like the graph's inputs.
    shapes: list[object] = []
    for name, value in inputs.items():
        axes = {axis: symbol(symbols, dim) for axis, dim in system.axes.get(name, {}).items()}
        shapes.append([axes] * len(value) if isinstance(value, list) else axes)
    with silence():
        program = torch.onnx.export(
            build(system),
            tuple(inputs.values()),
            dynamo=True,
            opset_version=OPSETS[DYNAMO],
            input_names=list(flat(inputs)),
            output_names=list(system.outputs),
            dynamic_shapes=tuple(shapes) if system.axes else None,
            verbose=False,
        )
    return program.model_proto


def symbol(symbols: Mapping[str, object], dim: str) -> object:
    """The torch.export dim of "name" or "name + 1"."""
    name, plus, offset = dim.partition(" + ")
    return symbols[name] + int(offset) if plus else symbols[name]


def export_torchscript(system: System) -> ModelProto:
    """The model out of a trace, the older exporter."""
    inputs = make_inputs(system, system.traced_dims)
    axes = {name: dict(system.axes.get(name.split(".")[0], {})) for name in flat(inputs)}
    buffer = io.BytesIO()
    with silence():
        torch.onnx.export(
            build(system),
            tuple(inputs.values()),
            buffer,
            dynamo=False,
            opset_version=OPSETS[TORCHSCRIPT],
            input_names=list(flat(inputs)),
            output_names=list(system.outputs),
            dynamic_axes={name: dims for name, dims in axes.items() if dims},
        )
    return onnx.load_model_from_string(buffer.getvalue())


EXPORT = {DYNAMO: export_dynamo, TORCHSCRIPT: export_torchscript}


@contextlib.contextmanager
def silence() -> Iterator[None]:
    """Exporters print progress; here only results and failures are."""
    with torch.no_grad(), contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        yield


def write(file: str, model: ModelProto) -> dict[str, int]:
    """The sizes of the stripped model, which is now on disk and checked."""
    location = file.removesuffix(".onnx") + ".weights"
    elements = sum(
        math.prod(tensor.dims) for tensor in model.graph.initializer if tensor.data_type in weightless.FLOATING
    )
    weightless.strip_traces(model)
    stripped = weightless.strip_weights(model, location)
    data = model.SerializeToString(deterministic=True)
    if len(data) > LARGEST_FILE_BYTES:
        raise AssertionError(f"{file}: {len(data):,} B without weights, at most {LARGEST_FILE_BYTES:,} are wanted")
    for path in (str(HERE), sys.prefix, inspect.getfile(torch), "site-packages"):
        if path.encode() in data:
            raise AssertionError(f"{file}: names the path {path} of the exporting machine")
    check_with_sparse_weights(file, data, location, stripped)
    (HERE / file).write_bytes(data)
    return {"bytes": len(data), "stripped_bytes": stripped, "floating_initializer_elements": elements}


def check_with_sparse_weights(file: str, data: bytes, location: str, length: int) -> None:
    """Raises unless the onnx checker accepts the file beside a weights file of the right length, all holes."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / file
        path.write_bytes(data)
        with (Path(folder) / location).open("wb") as weights:
            weights.truncate(length)
        onnx.checker.check_model(path)


def update_reference(name: str, models: Mapping[str, object], failures: Mapping[str, str]) -> None:
    """Replaces one system's entries in reference.json, and drops what no system stands behind."""
    document = json.loads(REFERENCE.read_text()) if REFERENCE.exists() else {}
    current = {system + SUFFIXES[exporter] for system, entry in SYSTEMS.items() for exporter in entry.exporters}
    own = {name + suffix for suffix in SUFFIXES.values()}
    for key, new in (("models", models), ("failures", failures)):
        kept = {file: entry for file, entry in document.get(key, {}).items() if file in current - own}
        document[key] = {**kept, **new}
    document["versions"] = {library: version(library).partition("+")[0] for library in LIBRARIES}
    REFERENCE.write_text(json.dumps(document, indent=2, sort_keys=True) + "\n")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
