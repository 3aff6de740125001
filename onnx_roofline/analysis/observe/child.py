"""The child process of --observe: runs a model once in onnxruntime and tells what every tensor is.

The only importer of onnxruntime. It stands alone, is started by its path in Python's isolated mode, reads one request a
line and answers each with one line of JSON. Graph optimisations are off and every tensor of the main graph is an
output; what runs inside If, Loop and Scan is read off onnxruntime's own profile of the run.
"""

import json
import os
import re
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from msgspec import Struct, field

from onnx_roofline.analysis.observe.inputs import NATIVE, Request, RunRefusedError, id_bounds, make_feeds, read_external

if TYPE_CHECKING:
    import onnx

Answer = dict[str, Any]

# onnxruntime's kernels begin with this opset, in which broadcasting became implicit.
OLDEST_OPSET = 7
# onnxruntime's profile stops to record here. Source: profiler.h, max_num_events_.
MOST_EVENTS = 1_000_000
# Bytes of a profile of that many events, about 700 each; nothing else that the child writes comes near.
MOST_FILE_BYTES = 1 << 30
THREADS = 2
# How inputs are filled in turn until the model runs.
FILLS = ("random", "ones", "zeros")
_CONTROL_FLOW = frozenset({"If", "Loop", "Scan"})
_OUT_OF_MEMORY = re.compile(
    r"bad_alloc|allocate memory|MemoryError|Unable to allocate|out of memory|failed to map segment", re.IGNORECASE
)


def main() -> None:
    """Answer the requests on stdin until it ends."""
    # What a library prints must not get among the answers.
    descriptor = os.dup(1)
    os.dup2(2, 1)
    with os.fdopen(descriptor, "w", encoding="ascii") as answers:
        for line in sys.stdin:
            request = json.loads(line)
            sys.path += [folder for folder in request["library_folders"] if folder not in sys.path]
            _set_limits(request)
            answers.write(json.dumps(answer(request)) + "\n")
            answers.flush()


def _set_limits(request: Request) -> None:
    try:
        import resource
    except ImportError:  # Windows has none of these; the parent's clock is left
        return
    wanted = (
        (resource.RLIMIT_AS, int(request["memory_bytes"])),
        # A second line behind the parent's clock, should the parent be gone: all threads together.
        (resource.RLIMIT_CPU, int(request["cpu_s"])),
        (resource.RLIMIT_FSIZE, MOST_FILE_BYTES),
        (resource.RLIMIT_CORE, 0),
    )
    for kind, value in wanted:
        hard = resource.getrlimit(kind)[1]
        allowed = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(kind, (allowed, allowed))


def answer(request: Request) -> Answer:
    """What one run showed, or `error` and its kind."""
    try:
        return _observe(request)
    except RunRefusedError as refused:
        kind, reason = refused.kind, str(refused)
    except MemoryError:
        kind, reason = "memory", "out of memory"
    except Exception as error:
        kind, reason = "run", _first_line(error)
    return {"error": reason, "kind": "memory" if _OUT_OF_MEMORY.search(reason) else kind}


def _first_line(error: BaseException | None) -> str:
    """The error in one line of at most 500 characters."""
    text = " ".join(str(error).split()) or type(error).__name__
    text = re.sub(r"^\[ONNXRuntimeError\] : \d+ : \w+ : ", "", text)
    # Place and signature in onnxruntime's own source.
    return re.sub(r"/\S+\.(?:cc|h):\d+ .*?\)(?:>|\s\[[^]]*\])?\s(?=\w)", "", text)[:500]


class _Body(Struct):
    """A nested graph: what runs in it, by the names given to its nodes, and what the profile showed."""

    scope: str
    owner: str
    formals: frozenset[str]
    runs: int = 0
    # tensor -> largest shape, whether it was the same every time
    shapes: dict[str, tuple[list[int], bool]] = field(default_factory=dict)

    def see(self, name: str, shape: list[int]) -> None:
        """Notes one occurrence of a tensor; one whose rank changes is left open."""
        known = self.shapes.get(name)
        if known is None:
            self.shapes[name] = shape, True
        elif known[0] != shape:
            same_rank = len(known[0]) == len(shape)
            self.shapes[name] = (list(map(max, known[0], shape)) if same_rank else [-1], False)


class _Labels(Struct):
    """The names that nodes and bodies get, so that the profile's events can be told apart."""

    nodes: dict[str, "tuple[_Body | None, onnx.NodeProto]"] = field(default_factory=dict)
    bodies: dict[str, _Body] = field(default_factory=dict)
    # node -> how often it ran
    runs: dict[str, int] = field(default_factory=dict)


def _observe(request: Request) -> Answer:
    import onnx

    with open(request["path"], "rb") as file:
        model = onnx.ModelProto.FromString(file.read())
    # Neither is run, and metadata can configure onnxruntime.
    del model.training_info[:], model.metadata_props[:], model.graph.metadata_props[:]
    filled = read_external(model, request)
    bounds = id_bounds(model.graph)
    opset = min((e.version for e in model.opset_import if e.domain in ("", "ai.onnx")), default=OLDEST_OPSET)
    labels = _Labels()
    made = [name for node in model.graph.node for name in node.output if name]
    if opset < OLDEST_OPSET:
        from onnx import version_converter

        model = version_converter.convert_version(model, OLDEST_OPSET)
    else:
        labels = _label(model.graph)
    names = list(dict.fromkeys([*made, *(value.name for value in model.graph.output)]))
    problem: Exception | None = None
    for fill in ("given",) if request["npz"] else FILLS:
        session, wanted = _open(model, names, request["folder"] if labels.bodies else "")
        try:
            feeds = make_feeds(request, fill, bounds)
            tensors = _results(session, wanted, feeds, request)
        except RunRefusedError:
            raise
        except Exception as error:
            if _OUT_OF_MEMORY.search(str(error)):
                raise
            problem = problem or error
            continue
        is_whole = _read_profile(session.end_profiling(), labels) if labels.bodies else True
        return {
            "tensors": tensors,
            "unseen": sum(name not in tensors for name in names),
            "fill": fill,
            "filled_tensors": filled,
            "bodies": [
                {"scope": b.scope, "runs": b.runs, "of": labels.runs.get(b.owner, 0), "shapes": b.shapes}
                for b in labels.bodies.values()
            ] if is_whole else [],
            "is_whole": is_whole,
        }  # fmt: skip
    raise RunRefusedError("run", _first_line(problem))


# The session.


def _label(graph: "onnx.GraphProto") -> _Labels:
    """Gives every node the id that the analysis has for it, and each body a node that shows whenever the body runs."""
    from onnx import TensorProto, helper

    labels, zero = _Labels(), helper.make_tensor("", TensorProto.INT64, [], [0])
    pending: list[tuple[Any, _Body | None]] = [(graph, None)]
    while pending:
        current, body = pending.pop()
        prefix = body.scope if body else ""
        for index, node in enumerate(list(current.node)):
            node.name = f"{prefix}{index}:{node.op_type}"
            labels.nodes[node.name] = body, node
            if node.domain not in ("", "ai.onnx") or node.op_type not in _CONTROL_FLOW:
                continue
            for attribute in node.attribute:
                if attribute.HasField("g"):
                    scope = f"{prefix}{node.op_type.lower()}_{index}/{attribute.name}/"
                    inner = _Body(scope, node.name, frozenset(value.name for value in attribute.g.input))
                    labels.bodies[f"{scope}run"] = inner
                    pending.append((attribute.g, inner))
        if body is not None:
            label = f"{prefix}run"
            current.node.append(helper.make_node("Constant", [], [f"{label}/in"], value=zero))
            current.node.append(helper.make_node("Identity", [f"{label}/in"], [f"{label}/out"], name=label))
    return labels


def _onnxruntime() -> Any:
    import onnxruntime

    return onnxruntime


def _session(model: "onnx.ModelProto", options: Any) -> Any:
    """A session; of a newer IR version than onnxruntime reads, the graph is taken as the newest that it does."""
    make, providers = _onnxruntime().InferenceSession, ["CPUExecutionProvider"]
    try:
        return make(model.SerializeToString(), options, providers=providers)
    except Exception as error:
        newest = re.search(r"max supported IR version: (\d+)", str(error))
        if newest is None:
            raise
        model.ir_version = int(newest[1])
    return make(model.SerializeToString(), options, providers=providers)


def _open(model: "onnx.ModelProto", names: list[str], profile_folder: str) -> tuple[Any, list[str]]:
    """A session with as many tensors as outputs as onnxruntime takes, and their names."""
    from onnx import ValueInfoProto

    onnxruntime = _onnxruntime()
    graph = model.graph
    # Declared types of inner tensors are claims of the exporter; the run is to show what they are.
    del graph.value_info[:]
    declared = {value.name: ValueInfoProto.FromString(value.SerializeToString()) for value in graph.output}
    passed = {value.name for value in (*graph.initializer, *graph.input)}
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 4
    options.intra_op_num_threads, options.inter_op_num_threads = THREADS, 1
    options.enable_cpu_mem_arena = options.enable_mem_pattern = False
    if profile_folder:
        options.enable_profiling = True
        options.profile_file_prefix = os.path.join(profile_folder, "profile")
    problem: Exception | None = None
    for wanted in (names, list(declared)):
        del graph.output[:]
        graph.output.extend(
            declared[name] if name in declared and name in passed else ValueInfoProto(name=name) for name in wanted
        )
        try:
            return _session(model, options), wanted
        except Exception as error:
            problem = problem or error
        finally:
            del graph.output[:]
            graph.output.extend(declared.values())
    raise RunRefusedError("load", _first_line(problem))


def _results(session: Any, names: list[str], feeds: dict[str, Any], request: Request) -> dict[str, list[Any]]:
    """[element type, shape, container, length] of each tensor that one run showed; the run also sees its inputs."""
    from onnx import TensorProto

    elements = {name: element for name, element, *_ in request["inputs"]}
    kinds = {output.name: output.type for output in session.get_outputs()}
    native = {"tensor(float)", "tensor(double)", "tensor(string)"} | {f"tensor({name})" for name in NATIVE}
    found: dict[str, list[Any]] = {}
    for name, array in feeds.items():
        found |= {name: kind} if (kind := _described(array, elements[name])) else {}
    is_plain = all(not isinstance(array, list) and array is not None and array.dtype.kind != "O"
                   for array in feeds.values())  # fmt: skip
    if not is_plain or any(not kind.startswith("tensor(") for kind in kinds.values()):
        # Sequences and strings: only the numpy way takes them, and it has no types but numpy's own.
        names = [name for name in names if kinds[name] in native or not kinds[name].startswith("tensor(")]
        for name, value in zip(names, session.run(names, feeds), strict=True):
            found |= {name: kind} if (kind := _described(value, 0, kinds[name])) else {}
        return found
    make = _onnxruntime().OrtValue
    boxed = {
        name: make.ortvalue_from_numpy(array) if array.dtype.name in NATIVE
        else make.ortvalue_from_numpy_with_onnx_type(array.view(f"u{array.itemsize}"), elements[name])
        for name, array in feeds.items()
    }  # fmt: skip
    for name, value in zip(names, session.run_with_ort_values(names, boxed), strict=True):
        if value.has_value() and value.is_tensor() and value.element_type() != TensorProto.UNDEFINED:
            found[name] = [value.element_type(), list(value.shape()), "tensor", None]
    return found


def _described(value: Any, element: int, kind: str = "tensor(") -> list[Any] | None:
    """[element type, shape, container, length] of a value as onnxruntime's Python interface gives it."""
    from onnx import TensorProto, helper

    if value is None:
        return None
    if isinstance(value, list):
        items = [_described(item, element) for item in value]
        shapes = [item[1] for item in items if item is not None]
        if len(shapes) < len(items):
            return None
        element = next((item[0] for item in items if item is not None), element)
        largest = [max(sizes) for sizes in zip(*shapes, strict=True)] if len({*map(len, shapes)}) == 1 else None
        return [element, largest, "sequence", len(items), bool(shapes) and all(shape == shapes[0] for shape in shapes)]
    if not hasattr(value, "dtype"):
        return None
    if not element:
        is_text = value.dtype.kind in "OSUT"
        element = TensorProto.STRING if is_text else helper.np_dtype_to_tensor_dtype(value.dtype)
    return [element, list(value.shape), "optional" if kind.startswith("optional(") else "tensor", None]


# The profile.


def _read_profile(path: str, labels: _Labels) -> bool:
    """Notes in the bodies how often they ran and what their tensors were; False if the profile is not complete."""
    events = 0
    with open(path, encoding="utf-8", errors="replace") as file:
        for line in file:
            # One event a line; the first and last are the brackets of the list.
            if not line.startswith("{"):
                continue
            events += 1
            event = json.loads(line.rstrip().rstrip(","))
            if event.get("cat") == "Node":
                _note_event(event, labels)
    return events < MOST_EVENTS


def _note_event(event: Mapping[str, Any], labels: _Labels) -> None:
    label = event["name"].removesuffix("_kernel_time")
    if label == event["name"]:
        return
    if label in labels.bodies:
        labels.bodies[label].runs += 1
        return
    body, node = labels.nodes.get(label, (None, None))
    if node is None:
        return
    labels.runs[label] = labels.runs.get(label, 0) + 1
    if body is None:
        return
    arguments = event["args"]
    inputs = [name for name in node.input if name]
    outputs = [name for name in node.output if name]
    for names, found in ((inputs, arguments["input_type_shape"]), (outputs, arguments["output_type_shape"])):
        # Sequences are not listed: where one is among the operands, it can't be told which is which.
        if len(names) != len(found):
            continue
        for name, kind in zip(names, found, strict=True):
            if names is outputs or name in body.formals:
                body.see(name, next(iter(kind.values())))
