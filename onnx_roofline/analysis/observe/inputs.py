"""What a run of a model is fed, in the child process of --observe: weights from other files, and inputs."""

import math
import os
import re
import stat
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import onnx

Request = Mapping[str, Any]

# Bytes of absent weights that are made up, so that the model with them stays below protobuf's 2 GiB.
FILL_LIMIT_BYTES = 1 << 30
# Types that numpy has itself.
NATIVE = frozenset(
    [f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)]
    + ["bool", "float16", "float32", "float64", "complex64", "complex128"]
)
# Ops that hand ids on as they are.
_KEEPS_VALUES = frozenset({"Cast", "Identity", "Reshape", "Squeeze", "Unsqueeze", "Flatten", "Transpose", "Clip"})


class RunRefusedError(Exception):
    """Why there is no answer: `kind` is external, absent, inputs, load, run or memory."""

    def __init__(self, kind: str, reason: str) -> None:
        super().__init__(reason)
        self.kind = kind


def _tensors(model: "onnx.ModelProto") -> "Iterator[onnx.TensorProto]":
    """Every tensor of the file, in every graph, attribute and function."""
    nodes = [node for function in model.functions for node in function.node]
    attributes = [a for function in model.functions for a in function.attribute_proto]
    graphs = [model.graph]
    while graphs or nodes or attributes:
        if graphs:
            graph = graphs.pop()
            yield from graph.initializer
            for sparse in graph.sparse_initializer:
                yield from (sparse.values, sparse.indices)
            nodes += graph.node
        elif nodes:
            attributes += nodes.pop().attribute
        else:
            attribute = attributes.pop()
            yield from (*([attribute.t] if attribute.HasField("t") else ()), *attribute.tensors)
            single = [attribute.sparse_tensor] if attribute.HasField("sparse_tensor") else []
            for sparse in (*single, *attribute.sparse_tensors):
                yield from (sparse.values, sparse.indices)
            graphs += [*([attribute.g] if attribute.HasField("g") else ()), *attribute.graphs]


def read_external(model: "onnx.ModelProto", request: Request) -> int:
    """Puts external weights into the model and returns how many absent ones were made up.

    Only regular files inside the model's folder are read, reached without links and with no other name.
    """
    external = [tensor for tensor in _tensors(model) if tensor.data_location == tensor.EXTERNAL]
    problems: dict[str, str] = {}
    absent: dict[str, int] = {}
    for tensor in external:
        location = _entries(tensor).get("location", "")
        problem = problems.get(location) or _problem(request["model_folder"], location)
        if problem == "absent":
            absent[location] = absent.get(location, 0) + _payload_bytes(tensor)
        elif problem:
            problems[location] = problem
    if problems:
        listed = "; ".join(f"{location!r:.200} {problem}" for location, problem in list(problems.items())[:4])
        raise RunRefusedError("external", listed)
    size = sum(absent.values())
    if absent and request["npz"]:
        raise RunRefusedError("absent", ", ".join(f"{location!r:.200}" for location in list(absent)[:4]))
    if size > FILL_LIMIT_BYTES:
        raise RunRefusedError("fill", f"{size:,} bytes of absent weights, the limit is {FILL_LIMIT_BYTES:,}")
    filled = 0
    for tensor in external:
        location = _entries(tensor).get("location", "")
        filled += location in absent
        tensor.raw_data = _made_up(tensor) if location in absent else _payload(request["model_folder"], tensor)
        tensor.data_location = tensor.DEFAULT
        del tensor.external_data[:]
    return filled


def _entries(tensor: "onnx.TensorProto") -> dict[str, str]:
    return {entry.key: entry.value for entry in tensor.external_data}


def _problem(folder: str, location: str) -> str:
    """Why a location is not read: "absent", a reason, or "" where it may be."""
    parts = re.split(r"[/\\]", location)
    if not location or "\0" in location or location[0] in "/\\" or ".." in parts or ":" in parts[0]:
        return "is not the path of a file inside the model's folder"
    path = folder
    for position, part in enumerate(parts):
        path = os.path.join(path, part)
        try:
            found = os.lstat(path)
        except FileNotFoundError:
            return "absent"
        except OSError as error:
            return f"cannot be opened: {error.strerror}"
        if stat.S_ISLNK(found.st_mode):
            return "is a symbolic link" if position + 1 == len(parts) else "is reached through a symbolic link"
    return _wrong_kind(found)


def _wrong_kind(found: os.stat_result) -> str:
    if not stat.S_ISREG(found.st_mode):
        return "is not a regular file"
    return f"has {found.st_nlink} names (hard links)" if found.st_nlink != 1 else ""


def _payload_bytes(tensor: "onnx.TensorProto") -> int:
    from onnx import helper

    count: int = math.prod(tensor.dims)
    name = tensor.DataType.Name(tensor.data_type)
    per_byte = 2 if name in ("INT4", "UINT4", "FLOAT4E2M1") else 4 if name in ("INT2", "UINT2") else 1
    each = int(helper.tensor_dtype_to_np_dtype(tensor.data_type).itemsize)
    return -(-count // per_byte) if per_byte > 1 else count * each


def _payload(folder: str, tensor: "onnx.TensorProto") -> bytes:
    entries = _entries(tensor)
    location, wanted = entries["location"], _payload_bytes(tensor)
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    with os.fdopen(os.open(os.path.join(folder, *re.split(r"[/\\]", location)), flags), "rb") as file:
        # Once more, of what is open now.
        problem = _wrong_kind(os.fstat(file.fileno()))
        if problem:
            raise RunRefusedError("external", f"{location!r:.200} {problem}")
        file.seek(int(entries.get("offset") or 0))
        data = file.read(wanted)
    if len(data) < wanted:
        raise RunRefusedError("external", f"{location!r:.200} ends before the data of {tensor.name!r:.200}")
    return data


def _made_up(tensor: "onnx.TensorProto") -> bytes:
    """Small positive floats, so that variances and scales are sound; ones for all else."""
    import numpy as np
    from onnx import helper

    count, size = math.prod(tensor.dims), _payload_bytes(tensor)
    dtype = helper.tensor_dtype_to_np_dtype(tensor.data_type)
    if size != count * dtype.itemsize:
        return b"\x11" * size
    few = min(count, 4093)
    is_float = "float" in dtype.name
    block = np.random.default_rng(0).uniform(0.01, 0.05, few) if is_float else np.ones(few)
    pattern = block.astype(dtype).tobytes()
    return (pattern * (-(-size // max(1, len(pattern)))))[:size]


def id_bounds(graph: "onnx.GraphProto") -> dict[str, int]:
    """For each input that indexes a stored table by Gather, perhaps after a Cast or the like: the fewest rows."""
    sizes = {tensor.name: list(tensor.dims) for tensor in graph.initializer}
    origin = {value.name: value.name for value in graph.input}
    bounds: dict[str, int] = {}
    for node in graph.node:
        attributes = {attribute.name: attribute for attribute in node.attribute}
        if node.op_type == "Constant" and "value" in attributes:
            sizes[node.output[0]] = list(attributes["value"].t.dims)
        elif node.op_type in _KEEPS_VALUES and node.input[0] in origin:
            origin[node.output[0]] = origin[node.input[0]]
        elif node.op_type == "Gather" and sizes.get(node.input[0]) and node.input[1] in origin:
            axis = attributes["axis"].i if "axis" in attributes else 0
            table = sizes[node.input[0]]
            name, rows = origin[node.input[1]], table[axis] if -len(table) <= axis < len(table) else 1
            bounds[name] = min(rows, bounds.get(name, rows))
    return bounds


def make_feeds(request: Request, fill: str, bounds: Mapping[str, int]) -> dict[str, Any]:
    """An array for each input, a list of them for a sequence, None for an optional input."""
    import numpy as np

    random = np.random.default_rng(0)
    feeds: dict[str, Any] = {}
    if fill == "given":
        return _given(request)
    for name, element, shape, container, _ in request["inputs"]:
        if container == "optional":
            feeds[name] = None
        elif container == "sequence":
            feeds[name] = [_array(element, shape, fill, random, None) for _ in range(3)]
        elif container == "tensor":
            feeds[name] = _array(element, shape, fill, random, bounds.get(name))
        else:
            raise RunRefusedError("inputs", f"input {name!r:.200} is a {container}, which can't be made up")
    return feeds


def _array(element: int, shape: list[int], fill: str, random: Any, bound: int | None) -> Any:
    """Floats are random; integers are ids within the table that they index, else 0 or 1, and a lone one is 1."""
    import numpy as np
    from onnx import helper

    dtype = helper.tensor_dtype_to_np_dtype(element)
    if dtype.kind in "OSUT":
        return np.full(shape, "word", object)
    if fill != "random":
        return (np.zeros if fill == "zeros" else np.ones)(shape, dtype)
    if "float" in dtype.name or "complex" in dtype.name:
        return np.asarray(random.uniform(-1, 1, shape), np.float32).astype(dtype)
    if bound is None and math.prod(shape) == 1:
        return np.ones(shape, dtype)
    highest = 2 if bound is None else max(1, bound)
    is_wide = dtype.name in NATIVE and dtype.kind in "iu"
    highest = min(highest, int(np.iinfo(dtype).max) if is_wide else 2)
    return np.asarray(random.integers(0, highest, shape)).astype(dtype)


def _given(request: Request) -> dict[str, Any]:
    """The arrays of the .npz file, `name` or of a sequence `name.0`, `name.1` and so on."""
    import numpy as np

    feeds: dict[str, Any] = {}
    with np.load(request["npz"], allow_pickle=False) as archive:
        for name, element, _, container, length in request["inputs"]:
            if container == "sequence":
                feeds[name] = [_as_element(archive[f"{name}.{item}"], element) for item in range(length or 0)]
            elif name in archive.files:
                feeds[name] = _as_element(archive[name], element)
            else:
                feeds[name] = None
    return feeds


def _as_element(array: Any, element: int) -> Any:
    """The array in the model's element type; types that numpy lacks are stored as raw bytes of the same width."""
    from onnx import helper

    dtype = helper.tensor_dtype_to_np_dtype(element)
    if dtype.kind in "OSUT":
        return array.astype(str).astype(object) if array.dtype.kind != "S" else array.astype("U").astype(object)
    array = array.view(dtype) if array.dtype.kind == "V" or dtype.name not in NATIVE else array.astype(dtype)
    return array.copy() if not array.flags.c_contiguous else array
