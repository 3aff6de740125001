"""What one real run of a model shows: true types of its tensors, trip counts of its loops, branches that it takes.

The run is asked for by --observe and happens in a child process with a time and a memory limit; nothing else of this
package runs a model or starts a process. The inputs come from an .npz file, whose shapes then bind the dims, or are
made up from a fixed seed.
"""

import difflib
import importlib.util
import json
import math
import os
import re
import signal
import subprocess
import sys
import tempfile
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from fractions import Fraction
from typing import Any

from msgspec import Struct, field
from msgspec.structs import replace

from onnx_roofline.analysis.options import check_allowance
from onnx_roofline.base.errors import MissingExtraError, UsageError
from onnx_roofline.base.units import DTYPE_BITS, dtype_name, dtype_number
from onnx_roofline.ir.graph import GraphInput, Model, Notice, TensorType
from onnx_roofline.load import DimOptions, ParsedModel
from onnx_roofline.load.files import open_regular
from onnx_roofline.load.names import shown, shown_path

RANDOM = "random"
# Seconds and bytes (decimal) that a run may take; a BERT with every tensor kept takes 3 s and 2 GB of address space.
TIME_LIMIT_S, MEMORY_LIMIT_GB = 60.0, 8.0
# Libraries that the child imports; it runs isolated, so their folders are handed over.
_LIBRARIES = ("onnxruntime", "onnx", "numpy", "ml_dtypes", "google.protobuf", "typing_extensions")
# What the child keeps of the environment: where programs, libraries and temporary files are. Settings that a runtime
# would take from it, or let a model make (ORT_LOAD_CONFIG_FROM_MODEL), are not among them.
_KEPT_ENVIRONMENT = (
    "PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "SYSTEMROOT", "WINDIR", "TMPDIR", "TEMP", "TMP", "LANG", "LC_ALL",
)  # fmt: skip
_LAUNCH = "import sys; sys.path.insert(0, sys.argv[1]); from onnx_roofline.analysis.observe.child import main; main()"


class RunLimits(Struct, frozen=True):
    """What a run may take: `time_s` of wall clock, `memory_gb` of address space."""

    time_s: float = TIME_LIMIT_S
    memory_gb: float = MEMORY_LIMIT_GB


class Observation(Struct, frozen=True):
    """What one run showed.

    `tensors` is scope -> tensor -> type; the main graph's scope is "". A tensor in a body whose shape changed from one
    run of the body to the next has its largest dims and is not `exact`; its dtype is "" where only its shape was seen.
    `runs` is scope of a body -> how often it ran per run of its op.
    """

    tensors: Mapping[str, Mapping[str, TensorType]] = field(default_factory=dict)
    runs: Mapping[str, Fraction] = field(default_factory=dict)
    notices: tuple[Notice, ...] = ()


_DEFAULT_LIMITS = RunLimits()


def observe(model: Model, source: str, limits: RunLimits = _DEFAULT_LIMITS) -> Observation:
    """Runs a model with bound dims once, with the inputs in `source`, an .npz file or "random".

    Raises UsageError where the model can't be run or reaches a limit, MissingExtraError without onnxruntime.
    """
    check_allowance("--observe-limit-s", limits.time_s)
    check_allowance("--observe-limit-gb", limits.memory_gb)
    if importlib.util.find_spec("onnxruntime") is None:
        raise MissingExtraError("onnxruntime", "ort", "--observe")
    with tempfile.TemporaryDirectory(prefix="onnx-roofline-observe-", ignore_cleanup_errors=True) as folder:
        answer = _ask(build_request(model, source, folder, limits), model, limits)
    return read_answer(answer, model, source, limits)


# The child process.


def child_command() -> list[str]:
    """The command line of the child, which answers one request a line."""
    root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    return [sys.executable, "-I", "-B", "-c", _LAUNCH, root]


def child_environment() -> dict[str, str]:
    """The environment of the child: few threads, no settings of the runtime."""
    kept = {name: os.environ[name] for name in _KEPT_ENVIRONMENT if name in os.environ}
    # The newest opset of the onnx library is one that onnxruntime runs in part; what it lacks, it says itself.
    return {**kept, "OMP_NUM_THREADS": "2", "OPENBLAS_NUM_THREADS": "2", "ALLOW_RELEASED_ONNX_OPSET_ONLY": "0"}


def build_request(model: Model, source: str, folder: str, limits: RunLimits) -> dict[str, Any]:
    """What the child is told; `folder` takes onnxruntime's profile of the run."""
    path = os.path.abspath(model.info.path)
    return {
        "path": path,
        "model_folder": os.path.dirname(path),
        "npz": "" if source == RANDOM else os.path.abspath(source),
        "inputs": [
            [i.name, dtype_number(i.type.dtype), _fed_shape(i), i.type.container, i.type.length]
            for i in _with_lengths(model, source)
        ],
        "folder": folder,
        "library_folders": _library_folders(),
        "memory_bytes": int(limits.memory_gb * 1e9),
        # All threads together, and a little for the start.
        "cpu_s": math.ceil(4 * limits.time_s + 10),
    }


def _fed_shape(graph_input: GraphInput) -> list[int]:
    """The bound shape; of the elements of a sequence, whose dims nobody binds, ones."""
    return [1 if dim is None else dim for dim in graph_input.type.shape or ()]


def _library_folders() -> list[str]:
    folders: dict[str, None] = {}
    for name in _LIBRARIES:
        try:
            spec = importlib.util.find_spec(name)
        except ModuleNotFoundError:
            continue
        if spec is None or spec.origin is None:
            continue
        folder = os.path.dirname(os.path.abspath(spec.origin))
        levels = name.count(".") + (os.path.basename(spec.origin) == "__init__.py")
        for _ in range(levels):
            folder = os.path.dirname(folder)
        folders[folder] = None
    return list(folders)


def _ask(request: Mapping[str, Any], model: Model, limits: RunLimits) -> dict[str, Any]:
    """The child's one answer, or a refusal that says how it ended."""
    path = shown_path(model.info.path)
    process = subprocess.Popen(  # noqa: S603 - this interpreter and a script of this package
        child_command(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        env=child_environment(), text=True, encoding="utf-8", errors="replace", start_new_session=True,
    )  # fmt: skip
    try:
        output, errors = process.communicate(json.dumps(request) + "\n", timeout=limits.time_s)
    except subprocess.TimeoutExpired:
        raise UsageError(
            f"{path}: --observe: the run was stopped after {limits.time_s:g} s; "
            "raise the limit with --observe-limit-s if you trust the file"
        ) from None
    finally:
        if process.poll() is None:
            process.kill()
            process.communicate()
    lines = output.splitlines()
    if process.returncode == 0 and lines:
        answer: dict[str, Any] = json.loads(lines[-1])
        return answer
    if process.returncode == -getattr(signal, "SIGXCPU", 0):
        return {"kind": "run", "error": "it used up its processor time"}
    last = " ".join(errors.split())[-300:]
    is_memory = re.search("bad_alloc|MemoryError|Memory allocation|failed to map segment", errors)
    kind = "memory" if is_memory else "died"
    return {"kind": kind, "error": f"exit code {process.returncode}{': ' if last else ''}{last}"}


def read_answer(answer: Mapping[str, Any], model: Model, source: str, limits: RunLimits) -> Observation:
    """The child's answer as types. Raises UsageError for an answer that says why there was no run."""
    if "error" in answer:
        raise UsageError(f"{shown_path(model.info.path)}: --observe: {_refusal(answer, model, source, limits)}")
    tensors = {"": {name: _main_type(*kind) for name, kind in answer["tensors"].items()}}
    runs: dict[str, Fraction] = {}
    for body in answer["bodies"]:
        if body["of"]:
            runs[body["scope"]] = Fraction(body["runs"], body["of"])
            tensors[body["scope"]] = {
                name: TensorType("", tuple(shape), is_same)
                for name, (shape, is_same) in body["shapes"].items()
                if -1 not in shape
            }
    return Observation(tensors, runs, tuple(_notices(answer, source)))


def _main_type(
    element: int, shape: list[int] | None, container: str, length: int | None, exact: bool = True
) -> TensorType:
    return TensorType(dtype_name(element), None if shape is None else tuple(shape), exact, container, length)


def _refusal(answer: Mapping[str, Any], model: Model, source: str, limits: RunLimits) -> str:
    reason, kind = shown_path(answer["error"]), answer["kind"]
    if kind == "memory":
        return (f"the run needs more than {limits.memory_gb:g} GB ({reason}); "
                "raise the limit with --observe-limit-gb if you trust the file")  # fmt: skip
    if kind == "external":
        return f"refused to read its external data: {reason}; wanted regular files inside the model's folder, no links"
    if kind == "absent":
        return (f"its weights are not there ({reason}) and a run needs them: put them beside the model, "
                "or use --observe random, which makes them up")  # fmt: skip
    if kind == "fill":
        return f"its weights are not there and are too large to be made up: {reason}; put them beside the model"
    if kind == "died":
        return f"onnxruntime crashed on it ({reason})"
    assumed = [f"--dim {name}={dim.value}" for name, dim in model.dims.items() if dim.origin == "assumed"]
    hint = f"; dims were assumed, give the true ones: {' '.join(assumed[:4])}" if assumed else ""
    hint = hint or ("; give real inputs with --observe FILE.npz" if source == RANDOM else "")
    return f"onnxruntime can't run it: {reason}{hint}"


def _notices(answer: Mapping[str, Any], source: str) -> Iterator[Notice]:
    count = len(answer["tensors"])
    what = {"given": f"the inputs in {shown_path(os.path.basename(source))}", "random": "random inputs"}
    inputs = what.get(answer["fill"], f"inputs of {answer['fill']}, since random ones do not run")
    unseen = f"; {answer['unseen']:,} could not be seen" if answer["unseen"] else ""
    made_up = "" if answer["fill"] == "given" else "; what depends on values holds for these inputs only"
    yield Notice(
        "observed", "", f"the types of {count:,} tensors were observed in one run with {inputs}{unseen}{made_up}"
    )
    if answer["filled_tensors"]:
        yield Notice(
            "observed-weights", "",
            f"{answer['filled_tensors']:,} absent weights were made up for the run: "
            "what depends on their values is not that of the real model",
        )  # fmt: skip
    if not answer["is_whole"]:
        yield Notice("observed-bodies", "", "loops and branches ran too often to be followed; they are not observed")


# The .npz file.


@contextmanager
def _archive(path: str) -> Iterator[zipfile.ZipFile]:
    label = shown_path(path)
    with os.fdopen(open_regular(path, label), "rb") as file:
        try:
            with zipfile.ZipFile(file) as archive:
                yield archive
        except (zipfile.BadZipFile, RuntimeError, EOFError, OSError, zlib.error) as error:
            raise UsageError(f"--observe {label}: is not an .npz file ({error}); write one with numpy.savez") from None


def npz_types(path: str) -> dict[str, tuple[str, tuple[int, ...]]]:
    """(numpy dtype, shape) of each array, from the headers alone. Raises UsageError for what is no .npz file."""
    import numpy as np

    found: dict[str, tuple[str, tuple[int, ...]]] = {}
    with _archive(path) as archive:
        for entry in archive.infolist():
            name = entry.filename.removesuffix(".npy")
            try:
                with archive.open(entry) as file:
                    # Version 1.0 has a shorter length field than those after it.
                    is_first = np.lib.format.read_magic(file) == (1, 0)
                    read = np.lib.format.read_array_header_1_0 if is_first else np.lib.format.read_array_header_2_0
                    shape, _, dtype = read(file)
            except ValueError as error:
                raise UsageError(
                    f"--observe {shown_path(path)}: {shown(name)} is no array that numpy can read: {error}"
                ) from None
            if dtype.kind == "O":
                raise UsageError(f"--observe {shown_path(path)}: {shown(name)} holds Python objects, wanted plain ones")
            kind = {"U": "string", "S": "string", "V": f"raw{dtype.itemsize}"}.get(dtype.kind, dtype.name)
            found[name] = kind, tuple(int(size) for size in shape)
    return found


def bound_by_inputs(parsed: ParsedModel, source: str, options: DimOptions) -> DimOptions:
    """The options with the shapes of the arrays in `source`; "random" leaves them.

    Raises UsageError where names, dtypes or shapes do not fit the model, each other, or the options.
    """
    if source == RANDOM:
        return options
    arrays = npz_types(source)
    where = f"--observe {shown_path(source)}"
    _check_names(parsed, arrays, where)
    shapes = dict(options.input_shapes)
    sizes: dict[str, tuple[int, str]] = {name: (size, "--dim") for name, size in options.dims.items()}
    for graph_input in parsed.graph.inputs:
        name = graph_input.name
        if graph_input.type.container != "tensor":
            continue
        dtype, shape = arrays[name]
        _check_dtype(dtype, graph_input, where)
        if shapes.get(name, shape) != shape:
            raise UsageError(
                f"{where}: {shown(name)}: found shape {list(shape)}, --input-shape says {list(shapes[name])}"
            )
        shapes[name] = shape
        symbols = graph_input.symbols if graph_input.symbols is not None else (None,) * len(shape)
        if len(symbols) != len(shape):
            raise UsageError(f"{where}: {shown(name)}: found shape {list(shape)}, wanted {len(symbols)} dims")
        for axis, (symbol, size) in enumerate(zip(symbols, shape, strict=True)):
            key = f"{name}.{axis}" if symbol is None else symbol
            wanted, says = (key, "the model") if isinstance(key, int) else sizes.setdefault(key, (size, shown(name)))
            if wanted != size:
                dim = f"dim {axis}" if isinstance(key, int) else f"dim {shown(key)}"
                raise UsageError(f"{where}: {shown(name)}: {dim}: found {size}, {says} says {wanted}")
    return DimOptions(options.dims, shapes)


def _check_names(parsed: ParsedModel, arrays: Mapping[str, object], where: str) -> None:
    inputs = {i.name: i for i in parsed.graph.inputs}
    for name in arrays:
        owner = name.rpartition(".")[0]
        if name in inputs or (owner in inputs and inputs[owner].type.container == "sequence"):
            continue
        close = difflib.get_close_matches(name[:100], [known[:100] for known in list(inputs)[:1000]], n=1)
        hint = f"did you mean {shown(close[0])}? " if close else ""
        listed = ", ".join(shown(known) for known in list(inputs)[:12]) or "none"
        raise UsageError(f"{where}: found an array {shown(name)}, which is no input; {hint}its inputs are {listed}")
    missing = [shown(i.name) for i in parsed.graph.inputs if i.type.container == "tensor" and i.name not in arrays]
    if missing:
        raise UsageError(f"{where}: found no array for {', '.join(missing[:12])}; wanted one for each input")


def _check_dtype(found: str, graph_input: GraphInput, where: str) -> None:
    wanted = graph_input.type.dtype
    # Types that numpy lacks come as raw bytes or unsigned integers, each element in whole bytes.
    raw_bytes = -(-DTYPE_BITS.get(wanted, 0) // 8)
    is_native = re.fullmatch(r"bool|string|u?int(8|16|32|64)|float(16|32|64)|complex(64|128)", wanted)
    if not wanted or found == wanted or (not is_native and found in (f"raw{raw_bytes}", f"uint{8 * raw_bytes}")):
        return
    raise UsageError(f"{where}: {shown(graph_input.name)}: found {found}, wanted {wanted}")


def _with_lengths(model: Model, source: str) -> list[GraphInput]:
    """The inputs; a sequence with as many elements as the .npz file has for it."""
    if source == RANDOM or all(i.type.container != "sequence" for i in model.graph.inputs):
        return list(model.graph.inputs)
    names = list(npz_types(source))
    found = []
    for item in model.graph.inputs:
        if item.type.container == "sequence":
            length = 0
            while f"{item.name}.{length}" in names:
                length += 1
            item = replace(item, type=replace(item.type, length=length))
        found.append(item)
    return found
