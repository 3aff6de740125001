"""Every case of the onnx package run through --observe: each output's type is the recorded one.

All cases go through one child process, a request a line, with the inputs as .npz files; the same code as one run of
the command line. What onnxruntime can't run is printed with its reason, which must be one that is listed here.
"""
# ruff: noqa: T201 - the counts are printed for those who ask with -s

import json
import os
import re
import subprocess
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper
from onnx_roofline.passes.shape_inference import ShapeInference

from onnx_roofline.analysis.observe.run import (
    Observation,
    RunLimits,
    bound_by_inputs,
    build_request,
    child_command,
    child_environment,
    read_answer,
)
from onnx_roofline.base.errors import RooflineError, UsageError
from onnx_roofline.ir.graph import Model
from onnx_roofline.ir.pipeline import Pipeline
from onnx_roofline.load import DimOptions, bind, parse
from tests.world.node_cases import Case, as_type, node_cases, types_of

pytest.importorskip("onnxruntime")

# Far above what any case takes; one process answers them all.
LIMITS = RunLimits(time_s=600, memory_gb=16)


# Cases that onnxruntime 1.31 runs; a newer one runs more.
LEAST_RUN = 1574
# Its reasons not to run a case, and what they mean.
NOT_RUN = {
    r"No Op registered for \w+ with domain_version": "the opset is newer than its own",
    r"is not a registered function/op|Unrecognized attribute": "an op or attribute newer than its own",
    r"Could not find an implementation|Failed to find kernel|bound to different types": "no CPU kernel of these types",
    r"layout_ == 0 was false": "batchwise recurrent layers",
    r"Failed to construct locale": "a locale that the system lacks",
}
RUNTIME_LIMITS = (
    "test_attention_4d_diff_heads_mask4d_padded_kv",
    "test_convinteger_with_padding",
    "test_reduce_max_empty_set_bool",
)


@dataclass
class Tally:
    cases: int = 0
    outputs: int = 0
    unseen: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    not_run: dict[str, str] = field(default_factory=dict)
    not_bound: dict[str, str] = field(default_factory=dict)
    refuted: list[str] = field(default_factory=list)


def write_inputs(case: Case, path: Path) -> None:
    """The inputs as a user writes them: `name`, elements of a sequence as `name.0` and so on."""
    proto = onnx.ModelProto.FromString(case.model)
    stored = {tensor.name for tensor in proto.graph.initializer}
    names = [value.name for value in proto.graph.input if value.name not in stored]
    arrays: dict[str, np.ndarray] = {}
    for name, value in zip(names, case.inputs, strict=True):
        items = {f"{name}.{i}": item for i, item in enumerate(value)} if isinstance(value, list) else {name: value}
        for key, item in items.items():
            if item is None:
                continue
            array = numpy_helper.to_array(item) if isinstance(item, onnx.TensorProto) else np.asarray(item)
            # Types that numpy lacks are written as unsigned integers of the same width.
            arrays[key] = array.astype(str) if array.dtype.kind == "O" else array
            if array.dtype.kind != "O" and array.dtype.isbuiltin != 1:
                arrays[key] = array.view(f"u{array.itemsize}")
    np.savez(path, **arrays)


@pytest.fixture(scope="module")
def child() -> "Iterator[subprocess.Popen[str]]":
    process = subprocess.Popen(
        child_command(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        env=child_environment(),
    )  # fmt: skip
    yield process
    process.communicate(timeout=60)


def observe(case: Case, child: "subprocess.Popen[str]", folder: Path) -> tuple[Model, Observation]:
    path, inputs = folder / "case.onnx", folder / "case.npz"
    path.write_bytes(case.model)
    write_inputs(case, inputs)
    parsed = parse(path)
    model = bind(parsed, bound_by_inputs(parsed, os.fspath(inputs), DimOptions({}, {})))
    assert child.stdin is not None
    assert child.stdout is not None
    child.stdin.write(json.dumps(build_request(model, os.fspath(inputs), os.fspath(folder), LIMITS)) + "\n")
    child.stdin.flush()
    answer = json.loads(child.stdout.readline())
    for profile in folder.glob("profile*"):
        profile.unlink()
    return model, read_answer(answer, model, os.fspath(inputs), LIMITS)


def run(child: "subprocess.Popen[str]", folder: Path) -> Tally:
    tally = Tally()
    for case in node_cases():
        tally.cases += 1
        try:
            model, seen = observe(case, child, folder)
        except UsageError as error:
            reason = str(error).partition("--observe: ")[2] or str(error)
            (tally.not_run if "onnxruntime" in reason else tally.not_bound)[case.name] = reason
            continue
        except RooflineError as error:
            tally.not_bound[case.name] = str(error)
            continue
        found = seen.tensors[""]
        result = Pipeline((ShapeInference(observed=seen.tensors, observed_runs=seen.runs),)).run(model)
        types = types_of(result)
        tally.refuted += [f"{case.name}: {n.where}: {n.message}" for n in result.warnings if n.code == "observed-shape"]
        names = [value.name for value in onnx.ModelProto.FromString(case.model).graph.output]
        for name, value in zip(names, case.outputs, strict=False):
            tally.outputs += 1
            real = as_type(value)
            if name not in found:
                tally.unseen.append(f"{case.name}/{name}: {real}")
                continue
            kind = found[name]
            pair = (kind.shape, kind.container, kind.length), (real.shape, real.container, real.length)
            fits = pair[0] == pair[1] if real.container == "sequence" else kind.shape == real.shape
            if not fits or (real.dtype and kind.dtype != real.dtype) or types[name].shape != kind.shape:
                tally.wrong.append(f"{case.name}/{name}: {kind}, analysed as {types[name]}, recorded {real}")
    return tally


def test_every_output_is_the_recorded_one(child: "subprocess.Popen[str]", tmp_path: Path) -> None:
    tally = run(child, tmp_path)
    ran = tally.cases - len(tally.not_run) - len(tally.not_bound)
    print(
        f"{tally.cases} cases, {ran} run, {tally.outputs} outputs, {len(tally.wrong)} wrong, {len(tally.unseen)} unseen"
    )
    reasons = {name: _reason(name, text) for name, text in tally.not_run.items()}
    for reason, count in Counter(reasons.values()).most_common():
        print(f"{count} not run, {reason}:", *(name for name, known in reasons.items() if known == reason))
    assert tally.wrong == []
    assert tally.unseen == []
    assert tally.not_bound == {}
    assert tally.refuted == []
    assert [f"{name}: {tally.not_run[name]}" for name, reason in reasons.items() if not reason] == []
    assert ran >= LEAST_RUN


def _reason(name: str, text: str) -> str:
    """What onnxruntime lacks for a case; "" for a reason that is not one of its own."""
    if name in RUNTIME_LIMITS:
        return "a limit of its kernel"
    return next((reason for pattern, reason in NOT_RUN.items() if re.search(pattern, text)), "")
