#!/usr/bin/env python3
# ruff: noqa: T201 - a script that prints
"""An independent judge of shapes: runs a model once in onnxruntime and reports what every tensor really is.

    python tests/real/judge.py MODEL [--dim batch=1] [--shape x=1,3,224,224] [--value sr=16000] [-o FILE]

All graph optimisations are off and every tensor of the main graph is an output, so that each node's own results are
seen. The model runs in a child process with a time and a memory limit. Nothing of the analyser under test is used here.

What it does not see: tensors inside the bodies of If, Loop and Scan, and tensors that onnxruntime can't hand out
(sequences, maps, absent optionals), which are counted. Sizes that depend on values (NonZero, NonMaxSuppression) are
those of the values it made up.
"""

import argparse
import json
import math
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

TIME_LIMIT_S = 60
# Address space, not resident memory: the largest model of the manifest needs about a third of it.
MEMORY_LIMIT_BYTES = 8 << 30

Shapes = Mapping[str, tuple[int, ...]]
# A number fills the whole tensor; a list is the tensor, flat or nested.
Values = Mapping[str, float | int | bool | str | list]


class JudgeError(Exception):
    """The judge can't say: the model does not run, or not within the limits."""


@dataclass(frozen=True)
class Verdict:
    """What one run showed: dtype and shape of each tensor by name, and the tensors that could not be seen, with why."""

    tensors: dict[str, tuple[str, tuple[int, ...]]]
    skipped: dict[str, str] = field(default_factory=dict)
    # How the inputs were filled in the run that succeeded, and what had to be left aside; for people to read.
    remarks: tuple[str, ...] = ()


def true_shapes(
    path: str | Path, input_shapes: Shapes, input_values: Values | None = None
) -> dict[str, tuple[str, tuple[int, ...]]]:
    """{tensor: (dtype, shape)} of the main graph's inputs, intermediates and outputs; initializers are not among them.

    Raises: JudgeError.
    """
    return judge(path, input_shapes, input_values).tensors


def judge(
    path: str | Path,
    input_shapes: Shapes,
    input_values: Values | None = None,
    *,
    time_limit_s: float = TIME_LIMIT_S,
    memory_limit_bytes: int = MEMORY_LIMIT_BYTES,
) -> Verdict:
    """The verdict of one run in a child process. Raises JudgeError."""
    request = {
        "path": str(path),
        "shapes": {name: list(shape) for name, shape in input_shapes.items()},
        "values": dict(input_values or {}),
        "memory_limit_bytes": memory_limit_bytes,
    }
    try:
        done = subprocess.run(
            [sys.executable, __file__, "--child"],
            input=json.dumps(request), capture_output=True, text=True, timeout=time_limit_s, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise JudgeError(f"{path}: not done within {time_limit_s} s") from None
    if done.returncode != 0:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise JudgeError(f"{path}: exit code {done.returncode}: {last}")
    answer = json.loads(done.stdout.splitlines()[-1])
    if "error" in answer:
        raise JudgeError(f"{path}: {answer['error']}")
    return Verdict(
        tensors={name: (dtype, tuple(shape)) for name, (dtype, shape) in answer["tensors"].items()},
        skipped=answer["skipped"],
        remarks=tuple(answer["remarks"]),
    )


def bind(path: str | Path, dims: Mapping[str, int]) -> dict[str, tuple[int, ...]]:
    """Concrete shapes of the main graph's inputs, symbolic dims replaced. Raises JudgeError for a missing dim."""
    shapes, missing = {}, []
    for value in _fed_inputs(_parse(path)):
        if not value.type.HasField("tensor_type"):
            shapes[value.name] = ()
            continue
        if not value.type.tensor_type.HasField("shape"):
            missing.append(f"{value.name} (no shape declared: use --shape)")
            continue
        shape = []
        for axis, dim in enumerate(value.type.tensor_type.shape.dim):
            if dim.HasField("dim_value") and dim.dim_value >= 0:
                shape.append(dim.dim_value)
            elif dim.dim_param in dims:
                shape.append(dims[dim.dim_param])
            else:
                missing.append(f"{value.name}[{axis}] ({dim.dim_param or 'unnamed'})")
        shapes[value.name] = tuple(shape)
    if missing:
        raise JudgeError(f"{path}: no size given for {', '.join(missing)}")
    return shapes


def _parse(path: str | Path) -> Any:
    """The model without external weights. Raises JudgeError."""
    import onnx

    try:
        return onnx.load(str(path), load_external_data=False)
    except Exception as error:  # the parser's error has no public name
        raise JudgeError(f"{path}: not readable: {_first_line(error)}") from error


def _fed_inputs(model: Any) -> list[Any]:
    """Inputs of the main graph that have no initializer."""
    weights = {tensor.name for tensor in model.graph.initializer}
    weights |= {tensor.values.name for tensor in model.graph.sparse_initializer}
    return [value for value in model.graph.input if value.name not in weights]


# From here on: the child process.


def _child(request: Mapping[str, Any]) -> dict[str, Any]:
    """The answer of one run, as plain data."""
    try:
        import resource
    except ImportError:  # not on every system; the time limit is left
        pass
    else:
        limit = request["memory_limit_bytes"]
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))

    path = Path(request["path"])
    remarks: list[str] = []
    try:
        model = _parse(path)
        _load_external(model, path.parent, remarks)
        session, outputs, skipped = _open_any_opset(model, remarks)
        tensors = _run(session, model, outputs, request["shapes"], request["values"], skipped, remarks)
    except JudgeError as error:
        return {"error": str(error)}
    except MemoryError:
        return {"error": "out of memory"}
    except Exception as error:
        return {"error": f"{type(error).__name__}: {_first_line(error)}"}
    return {"tensors": tensors, "skipped": skipped, "remarks": remarks}


def _load_external(model: Any, folder: Path, remarks: list[str]) -> None:
    """Weights in other files are read; where the file is missing they become ones: large weights decide no shapes."""
    from onnx import external_data_helper
    from onnx.checker import ValidationError

    absent = 0
    for tensor in external_data_helper._get_all_tensors(model):
        if not external_data_helper.uses_external_data(tensor):
            continue
        try:
            external_data_helper.load_external_data_for_tensor(tensor, str(folder))
        except (OSError, ValueError, ValidationError):
            absent += 1
            tensor.raw_data = _ones(tensor)
        tensor.data_location = type(tensor).DEFAULT
        del tensor.external_data[:]
    if absent:
        remarks.append(f"{absent} weights whose external data is missing are ones")


def _ones(tensor: Any) -> bytes:
    import numpy as np
    from onnx import helper

    count = math.prod(tensor.dims)
    if tensor.DataType.Name(tensor.data_type) in {"INT4", "UINT4", "FLOAT4E2M1"}:  # two in a byte
        return b"\x11" * -(-count // 2)
    return np.ones(count, helper.tensor_dtype_to_np_dtype(tensor.data_type)).tobytes()


# onnxruntime's kernels begin with this opset, in which broadcasting became implicit.
OLDEST_OPSET = 7


def _open_any_opset(model: Any, remarks: list[str]) -> tuple[Any, list[str], dict[str, str]]:
    """As _open; a model older than onnxruntime's first opset is converted, what the converter adds is not reported."""
    from onnx import version_converter

    opsets = [entry.version for entry in model.opset_import if entry.domain in {"", "ai.onnx"}]
    opset = min(opsets, default=OLDEST_OPSET)
    if opset >= OLDEST_OPSET:
        return _open(model, remarks)
    original = {name for node in model.graph.node for name in node.output}
    converted = version_converter.convert_version(model, OLDEST_OPSET)
    session, outputs, skipped = _open(converted, remarks)
    remarks.append(f"converted from opset {opset} to {OLDEST_OPSET}")
    return session, [name for name in outputs if name in original], skipped


def _open(model: Any, remarks: list[str]) -> tuple[Any, list[str], dict[str, str]]:
    """A session with as many tensors as outputs as onnxruntime takes, their names, and those left out."""
    import onnxruntime

    graph = model.graph
    # Declared shapes of intermediates are claims of the exporter; the judge does not listen to them.
    del graph.value_info[:]
    # Names of nodes mean nothing here, and onnxruntime refuses some models in which they repeat.
    for node in graph.node:
        node.name = ""
    declared = {value.name: value for value in graph.output}
    produced = [name for node in graph.node for name in node.output if name]
    read = set(_names_read(graph))
    every = list(dict.fromkeys([*produced, *declared]))
    used = [name for name in every if name in read or name in declared]
    weights = {value.name for value in graph.initializer} | {value.name for value in graph.input}

    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 4
    options.intra_op_num_threads = 2
    options.enable_cpu_mem_arena = False
    options.enable_mem_pattern = False

    problem: Exception | None = None
    attempts = (
        (every, ""),
        (used, "results that nobody reads are not seen"),
        (list(declared), "only outputs are seen"),
    )
    for names, why in attempts:
        _set_outputs(graph, names, declared, weights)
        try:
            session = onnxruntime.InferenceSession(
                model.SerializeToString(), options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:
            problem = problem or error
            continue
        if why:
            remarks.append(f"{why}: {_first_line(problem)}")
        kinds = {output.name: output.type for output in session.get_outputs()}
        skipped = dict.fromkeys(set(every) - set(names), why)
        skipped |= {name: kinds[name] for name in names if not kinds[name].startswith("tensor(")}
        return session, [name for name in names if name not in skipped], skipped
    raise JudgeError(f"does not load: {_first_line(problem)}")


def _set_outputs(graph: Any, names: list[str], declared: Mapping[str, Any], weights: set[str]) -> None:
    """Makes `names` the outputs, without types, which onnxruntime infers; passed-through inputs keep theirs."""
    from onnx import ValueInfoProto

    values = [declared[name] if name in declared and name in weights else ValueInfoProto(name=name) for name in names]
    del graph.output[:]
    graph.output.extend(values)


def _names_read(graph: Any) -> Iterator[str]:
    """Names that a node of the graph or of a nested body reads."""
    stack = [graph]
    while stack:
        current = stack.pop()
        for node in current.node:
            yield from node.input
            for attribute in node.attribute:
                stack += [*attribute.graphs, *([attribute.g] if attribute.HasField("g") else [])]
        if current is not graph:
            yield from (value.name for value in current.output)


def _run(
    session: Any, model: Any, outputs: list[str], shapes: Mapping[str, list[int]], values: Values,
    skipped: dict[str, str], remarks: list[str],
) -> dict[str, tuple[str, list[int]]]:  # fmt: skip
    """Dtype and shape of each tensor in the first run that succeeds, over several ways to fill the inputs."""
    problem: Exception | None = None
    for fill in ("likely", "ones", "zeros"):
        try:
            feeds = _feeds(model, shapes, values, fill)
            tensors = {name: _describe(array) for name, array in feeds.items() if not isinstance(array, list)}
            tensors |= _results(session, outputs, feeds, model, skipped)
        except JudgeError:
            raise
        except Exception as error:
            problem = problem or error
            continue
        remarks.append(f"inputs filled: {fill}")
        return tensors
    raise JudgeError(f"does not run: {_first_line(problem)}")


def _results(
    session: Any, outputs: list[str], feeds: Mapping[str, Any], model: Any, skipped: dict[str, str]
) -> dict[str, tuple[str, list[int]]]:
    """Dtype and shape of each output of one run."""
    import onnxruntime

    kinds = {value.name: value.type.tensor_type.elem_type for value in model.graph.input}
    plain = all(not isinstance(array, list) and array.dtype.kind != "O" for array in feeds.values())
    if not plain:  # sequences and strings: only the numpy way takes them
        found = session.run(outputs, dict(feeds))
        return {name: _describe(array) for name, array in zip(outputs, found, strict=True)}

    # The other way keeps the types that numpy does not have (bfloat16, the float8s, 4-bit integers).
    boxed = {}
    for name, array in feeds.items():
        native = array.dtype.kind in "biufc" and array.dtype.name in _NUMPY_NAMES
        boxed[name] = (
            onnxruntime.OrtValue.ortvalue_from_numpy(array)
            if native
            else onnxruntime.OrtValue.ortvalue_from_numpy_with_onnx_type(array.view(f"u{array.itemsize}"), kinds[name])
        )
    found = {}
    for name, value in zip(outputs, session.run_with_ort_values(outputs, boxed), strict=True):
        if not value.has_value():
            skipped[name] = "absent optional"
        elif value.is_tensor():
            found[name] = (_dtype_name(value.element_type()), list(value.shape()))
        else:
            skipped[name] = value.data_type()
    return found


_NUMPY_NAMES = frozenset(
    [f"{kind}int{bits}" for kind in ("", "u") for bits in (8, 16, 32, 64)]
    + ["bool", "float16", "float32", "float64", "complex64", "complex128"]
)
_RENAMED = {"float": "float32", "double": "float64"}


def _dtype_name(element_type: int) -> str:
    """numpy's name of a TensorProto.DataType: float32, int64, bfloat16, float8e4m3fn, string."""
    from onnx import TensorProto

    name = TensorProto.DataType.Name(element_type).lower()
    return _RENAMED.get(name, name)


def _describe(array: Any) -> tuple[str, list[int]]:
    from onnx import helper

    if array.dtype.kind in "OSU":
        return "string", list(array.shape)
    return _dtype_name(helper.np_dtype_to_tensor_dtype(array.dtype)), list(array.shape)


def _feeds(model: Any, shapes: Mapping[str, list[int]], values: Values, fill: str) -> dict[str, Any]:
    """An array for each input. Floats are random; integers are ids within the embedding they index, else ones."""
    import numpy as np
    from onnx import helper

    random = np.random.default_rng(0)
    bounds = _id_bounds(model)
    feeds: dict[str, Any] = {}
    for value in _fed_inputs(model):
        name = value.name
        kind = value.type.WhichOneof("value")
        if kind == "sequence_type" and value.type.sequence_type.elem_type.HasField("tensor_type"):
            item = value.type.sequence_type.elem_type.tensor_type
            shape = shapes.get(name) or [max(1, dim.dim_value) for dim in item.shape.dim]
            dtype = helper.tensor_dtype_to_np_dtype(item.elem_type)
            feeds[name] = [np.ones(shape, dtype) for _ in range(3)]
            continue
        if kind == "optional_type":
            continue
        if kind != "tensor_type":
            raise JudgeError(f"input {name} is a {kind}, which the judge can't make")
        if name not in shapes:
            raise JudgeError(f"no shape given for input {name}")
        shape, element = shapes[name], value.type.tensor_type.elem_type
        dtype = helper.tensor_dtype_to_np_dtype(element)
        if name in values:
            given = np.asarray(values[name])
            whole = np.full(shape, given) if given.ndim == 0 else given.reshape(shape)
            feeds[name] = whole.astype(object if dtype.kind in "OSU" else dtype)
        elif dtype.kind in "OSU":
            feeds[name] = np.full(shape, "word", object)
        elif fill == "zeros" or dtype.kind == "b":
            feeds[name] = np.full(shape, fill != "zeros").astype(dtype)
        elif _is_float(element):
            feeds[name] = np.ones(shape, dtype) if fill == "ones" else random.uniform(-1, 1, shape).astype(dtype)
        elif fill == "likely" and name in bounds:
            feeds[name] = random.integers(0, max(1, bounds[name]), shape).astype(dtype)
        else:
            feeds[name] = np.ones(shape, dtype)
    return feeds


def _is_float(element_type: int) -> bool:
    name = _dtype_name(element_type)
    return "float" in name or "complex" in name


_KEEPS_VALUES = frozenset({"Cast", "Identity", "Reshape", "Squeeze", "Unsqueeze", "Flatten", "Transpose", "Clip"})


def _id_bounds(model: Any) -> dict[str, int]:
    """For each input that indexes a weight by Gather, perhaps after Cast or the like: the smallest number of rows."""
    sizes = {tensor.name: list(tensor.dims) for tensor in model.graph.initializer}
    for node in model.graph.node:
        for attribute in node.attribute:
            if node.op_type == "Constant" and attribute.name == "value":
                sizes[node.output[0]] = list(attribute.t.dims)
    origin = {value.name: value.name for value in model.graph.input}
    bounds: dict[str, int] = {}
    for node in model.graph.node:
        if node.op_type in _KEEPS_VALUES:
            if node.input[0] in origin:
                origin[node.output[0]] = origin[node.input[0]]
        elif node.op_type == "Gather" and node.input[0] in sizes and node.input[1] in origin:
            axis = next((attribute.i for attribute in node.attribute if attribute.name == "axis"), 0)
            name, rows = origin[node.input[1]], sizes[node.input[0]][axis]
            bounds[name] = min(rows, bounds.get(name, rows))
    return bounds


def _first_line(error: BaseException | None) -> str:
    """The error in one line of at most 400 characters."""
    return " ".join(str(error).split())[:400]


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Run a model once; print each tensor's real dtype and shape as JSON.")
    parser.add_argument("model", nargs="?")
    parser.add_argument("--dim", action="append", default=[], metavar="NAME=N", help="size of a symbolic dim")
    parser.add_argument("--shape", action="append", default=[], metavar="INPUT=N,N", help="shape of an input")
    parser.add_argument("--value", action="append", default=[], metavar="INPUT=JSON", help="a number or a list")
    parser.add_argument("-o", "--output", metavar="FILE", help="write the JSON here instead of to the terminal")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.child:
        print("\n" + json.dumps(_child(json.load(sys.stdin))))
        return 0
    if not options.model:
        parser.error("a model file is needed")
    try:
        dims = {name: int(size) for name, size in (_pair(text) for text in options.dim)}
        given = {
            name: tuple(int(size) for size in sizes.split(",") if size.strip())
            for name, sizes in (_pair(text) for text in options.shape)
        }
        values = {name: json.loads(value) for name, value in (_pair(text) for text in options.value)}
    except ValueError as error:
        parser.error(str(error))
    try:
        shapes = given if _covers(options.model, given) else {**bind(options.model, dims), **given}
        verdict = judge(options.model, shapes, values)
    except JudgeError as error:
        print(error, file=sys.stderr)
        return 2
    document = {
        "tensors": {name: {"dtype": dtype, "shape": list(shape)} for name, (dtype, shape) in verdict.tensors.items()},
        "skipped": verdict.skipped,
        "remarks": list(verdict.remarks),
    }
    text = json.dumps(document, indent=1, sort_keys=True)
    if options.output:
        Path(options.output).write_text(text + "\n", encoding="utf-8")
    else:
        print(text)
    return 0


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.rpartition("=")
    if not equals:
        raise ValueError(f"{text!r} is not of the form NAME=VALUE")
    return name, value


def _covers(path: str, shapes: Shapes) -> bool:
    return {value.name for value in _fed_inputs(_parse(path))} <= shapes.keys()


if __name__ == "__main__":
    sys.exit(main())
