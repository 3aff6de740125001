"""--observe: what one real run shows, what is refused, and that nothing runs without it."""

import io
import json
import os
import subprocess
import sys
import time
import zipfile
from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, external_data_helper, helper, numpy_helper, parser
from onnx_roofline.passes.shape_inference import ShapeInference

from onnx_roofline.analysis.analyze import Analysis, analyze
from onnx_roofline.analysis.observe import run as observe_module
from onnx_roofline.analysis.settings import Settings
from onnx_roofline.base.errors import MissingExtraError, RooflineError, UsageError
from onnx_roofline.cli.main import main
from onnx_roofline.ir.graph import TensorType
from onnx_roofline.ir.pipeline import Pipeline
from onnx_roofline.ir.records import Executions, TypedOp, Work
from onnx_roofline.load import load

pytest.importorskip("onnxruntime")

ROOT = Path(__file__).resolve().parents[2]
LENET = ROOT / "sample_models" / "lenet5.onnx"
HEAD = '<ir_version: 10, opset_import: ["": 18]>\n'

LOOP = (
    HEAD
    + """g (int64 m, float[4] x) => (float[4] y, float[k, 4] s) {
  cond = Constant<value = bool {1}>()
  y, s = Loop(m, cond, x) <body = b (int64 i, bool c, float[4] a) => (bool d, float[4] o, float[4] t) {
    d = Identity(c)
    o = Exp(a)
    n = NonZero(o)
    t = Identity(o)
  }>
}"""
)
BRANCH = (
    HEAD
    + """g (bool c, float[2, 8] x) => (float[a, b] y) {
  y = If(c) <then_branch = t () => (float[2, 8] p) { p = Exp(x) },
             else_branch = e () => (float[4, 8] q) { r = Neg(x) q = Concat<axis = 0>(r, r) }>
}"""
)
NESTED = (
    HEAD
    + """g (float[3, 4] x, bool[3] flags) => (float[3, 4] y) {
  y = Scan <num_scan_inputs = 2, body = b (float[4] a, bool f) => (float[4] o) {
    o = If(f) <then_branch = t () => (float[4] p) { p = Exp(a) },
               else_branch = e () => (float[4] q) { r = Sqrt(a) q = Neg(r) }>
  }>(x, flags)
}"""
)
GROWING = (
    HEAD
    + """g (int64 m, float[1] x) => (float[k] y) {
  c = Constant<value = bool {1}>()
  y = Loop(m, c, x) <body = b (int64 i, bool cin, float[n] a) => (bool d, float[p] o) {
    d = Identity(cin)
    o = Concat<axis = 0>(a, a)
  }>
}"""
)
ENDLESS = (
    HEAD
    + """g (float[2] x) => (float[2] y) {
  m = Constant<value = int64 {9223372036854775807}>()
  c = Constant<value = bool {1}>()
  y = Loop(m, c, x) <body = b (int64 i, bool cin, float[2] a) => (bool d, float[2] o) {
    d = Identity(cin)
    o = Neg(a)
  }>
}"""
)
HUGE = (
    HEAD
    + """g (int64[2] shape) => (float[a, b] y) {
  big = Constant<value = int64[2] {100000, 250000}>()
  sum = Add(big, shape)
  y = ConstantOfShape(sum)
}"""
)


def save(text: str, folder: Path) -> str:
    path = folder / "model.onnx"
    onnx.save(parser.parse_model(text), str(path))
    return os.fspath(path)


def inputs(folder: Path, **arrays: object) -> str:
    path = folder / "inputs.npz"
    np.savez(path, **{name: np.asarray(value) for name, value in arrays.items()})
    return os.fspath(path)


def types(analysis: Analysis) -> dict[str, TensorType]:
    rows = analysis.model.column(TypedOp)
    return {
        row.scope + name: kind for row in rows.values() for name, kind in zip(row.op.outputs, row.outputs, strict=True)
    }


def runs(analysis: Analysis) -> dict[str, tuple[int | Fraction, str]]:
    return {key: (row.count, row.origin) for key, row in analysis.model.column(Executions).items()}


DATA_DEPENDENT: Mapping[str, tuple[str, dict[str, object], dict[str, tuple[int, ...]]]] = {
    "NonZero": (
        "g (float[2, 3] x) => (int64[2, n] y) { y = NonZero(x) z = Transpose(y) }",
        {"x": np.array([[1, 0, 2], [0, 0, 3]], np.float32)},
        {"y": (2, 3), "z": (3, 2)},  # three elements are not zero
    ),
    "Unique": (
        "g (int64[6] x) => (int64[n] y) { y, i, j, k = Unique(x) }",
        {"x": np.array([5, 5, 7, 7, 7, 9])},
        {"y": (3,), "i": (3,), "j": (6,), "k": (3,)},
    ),
    "Compress": (
        "g (float[4, 2] x, bool[4] c) => (float[n, 2] y) { y = Compress<axis = 0>(x, c) z = Relu(y) }",
        {"x": np.zeros((4, 2), np.float32), "c": np.array([True, False, True, True])},
        {"y": (3, 2), "z": (3, 2)},
    ),
    "NonMaxSuppression": (
        """g (float[1, 3, 4] boxes, float[1, 1, 3] scores) => (int64[n, 3] y) {
          k = Constant<value = int64 {3}>()
          iou = Constant<value = float {0.5}>()
          y = NonMaxSuppression(boxes, scores, k, iou)
        }""",
        {
            # the second box is the first once more, the third lies apart
            "boxes": np.array([[[0, 0, 1, 1], [0, 0, 1, 1], [0, 5, 1, 6]]], np.float32),
            "scores": np.array([[[0.9, 0.8, 0.7]]], np.float32),
        },
        {"y": (2, 3)},
    ),
    "Reshape": (
        "g (float[6, 4] x, int64[3] s) => (float[a, b, c] y) { y = Reshape(x, s) z = Exp(y) }",
        {"x": np.zeros((6, 4), np.float32), "s": np.array([2, -1, 3])},
        {"y": (2, 4, 3), "z": (2, 4, 3)},
    ),
    "Range": (
        "g (int64 n) => (int64[k] y) { a = Constant<value = int64 {0}>() b = Constant<value = int64 {2}>() y = Range(a, n, b) }",  # noqa: E501
        {"n": np.array(7)},
        {"y": (4,)},  # 0, 2, 4, 6
    ),
}


@pytest.mark.parametrize("name", DATA_DEPENDENT)
def test_sizes_that_depend_on_values_are_exact(name: str, tmp_path: Path) -> None:
    text, arrays, wanted = DATA_DEPENDENT[name]
    path = save(HEAD + text, tmp_path)
    plain = types(analyze(path))
    observed = analyze(path, Settings(observe=inputs(tmp_path, **arrays)))
    found = types(observed)
    assert {key: (found[key].shape, found[key].exact) for key in wanted} == {
        key: (shape, True) for key, shape in wanted.items()
    }
    first = next(iter(wanted))
    assert not (plain[first].is_known and plain[first].is_sure)
    # The work of these depends on the values too, not only on the sizes.
    if name not in ("Unique", "NonMaxSuppression"):
        assert {work.status for work in observed.model.column(Work).values()} == {"exact"}
    assert not any(dim.origin == "assumed" for dim in observed.model.dims.values())
    assert observed.model.warnings[0].code == "observed"
    assert "in one run with the inputs in inputs.npz" in observed.model.warnings[0].message


def test_counts_follow_the_observed_sizes(tmp_path: Path) -> None:
    text, arrays, _ = DATA_DEPENDENT["Compress"]
    path = save(HEAD + text, tmp_path)
    assert analyze(path).summary.counts.compares == 8  # the bound: Relu of all 4*2
    assert analyze(path, Settings(observe=inputs(tmp_path, **arrays))).summary.counts.compares == 6  # 3*2


def test_trip_count_of_a_loop(tmp_path: Path) -> None:
    path = save(LOOP, tmp_path)
    assert runs(analyze(path))["loop_1/body/1:Exp"][1] == "assumed"
    observed = analyze(path, Settings(observe=inputs(tmp_path, m=7, x=np.ones(4, np.float32))))
    assert runs(observed)["loop_1/body/1:Exp"] == (7, "bound")
    found = types(observed)
    assert found["s"] == TensorType("float32", (7, 4))
    assert found["loop_1/body/n"] == TensorType("int64", (1, 4))
    assert observed.summary.counts.transcendentals == 7 * 4


def test_a_loop_that_does_not_run(tmp_path: Path) -> None:
    observed = analyze(save(LOOP, tmp_path), Settings(observe=inputs(tmp_path, m=0, x=np.ones(4, np.float32))))
    assert types(observed)["s"] == TensorType("float32", (0, 4))
    assert observed.summary.counts.transcendentals == 0


def test_a_tensor_that_grows_in_a_loop_has_its_largest_shape(tmp_path: Path) -> None:
    observed = analyze(save(GROWING, tmp_path), Settings(observe=inputs(tmp_path, m=5, x=np.ones(1, np.float32))))
    found = types(observed)
    assert found["y"] == TensorType("float32", (32,))  # 2 ** 5
    assert found["loop_1/body/o"] == TensorType("float32", (32,), exact=False)


@pytest.mark.parametrize(
    ("condition", "taken", "shape"), [(True, "then_branch", (2, 8)), (False, "else_branch", (4, 8))]
)
def test_the_branch_that_is_taken(condition: bool, taken: str, shape: tuple[int, ...], tmp_path: Path) -> None:
    path = save(BRANCH, tmp_path)
    assert not types(analyze(path))["y"].exact
    source = inputs(tmp_path, c=condition, x=np.ones((2, 8), np.float32))
    observed = analyze(path, Settings(observe=source))
    assert types(observed)["y"] == TensorType("float32", shape)
    ((body,),) = [row.bodies for row in observed.model.column(TypedOp).values() if row.bodies]
    assert (body.attribute, body.repeat, body.origin) == (taken, 1, "bound")
    assert observed.summary.counts.transcendentals == (16 if condition else 0)


def test_branches_inside_a_scan_get_their_share(tmp_path: Path) -> None:
    source = inputs(tmp_path, x=np.ones((3, 4), np.float32), flags=np.array([True, False, True]))
    observed = analyze(save(NESTED, tmp_path), Settings(observe=source))
    found = runs(observed)
    assert found["scan_0/body/if_0/then_branch/0:Exp"] == (2, "bound")
    assert found["scan_0/body/if_0/else_branch/1:Neg"] == (1, "bound")


def test_what_a_user_states_of_loops_is_refused_beside_a_run(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="drop --trip and --branch"):
        analyze(save(LOOP, tmp_path), Settings(observe="random", trips={"1:Loop": 3}))


def test_a_contradiction_is_noted_and_the_run_holds(tmp_path: Path) -> None:
    model = load(save(HEAD + "g (float[2, 3] x) => (float[2, 3] y) { y = Relu(x) }", tmp_path))
    seen = {"": {"y": TensorType("float32", (2, 4))}}
    result = Pipeline((ShapeInference(observed=seen),)).run(model)
    assert result.column(TypedOp)["0:Relu"].outputs[0].shape == (2, 4)
    (notice,) = [notice for notice in result.warnings if notice.code == "observed-shape"]
    assert notice.where == "y"
    assert "inference gives float32[2, 3], one run of the model gives float32[2, 4]" in notice.message


# Random inputs.


def test_ids_stay_inside_the_table_that_they_index(tmp_path: Path) -> None:
    text = (
        HEAD
        + """g (int64[200] ids, bool[200] mask, float16[200, 2] x) => (float[200, 2] y) {
      table = Constant<value = float[3, 2] {1, 2, 3, 4, 5, 6}>()
      wide = Cast<to = 7>(ids)
      y = Gather<axis = 0>(table, wide)
    }"""
    )
    observed = analyze(save(text, tmp_path), Settings(observe="random"))
    assert "in one run with random inputs" in observed.model.warnings[0].message
    assert "holds for these inputs only" in observed.model.warnings[0].message


def test_other_fills_are_tried_and_named(tmp_path: Path) -> None:
    # Only zeros, which keep the dims of x, make a target of the right size.
    text = HEAD + "g (float[5, 7, 3] x, int64[3] s) => (float[a, b, c] y) { y = Reshape(x, s) }"
    observed = analyze(save(text, tmp_path), Settings(observe="random"))
    assert types(observed)["y"] == TensorType("float32", (5, 7, 3))
    assert "inputs of zeros, since random ones do not run" in observed.model.warnings[0].message


def test_a_model_that_does_not_run_says_why(tmp_path: Path) -> None:
    text = HEAD + "g (float[5, 7] x, int64[3] s) => (float[a, b] y) { y = Reshape(x, s) }"
    source = inputs(tmp_path, x=np.ones((5, 7), np.float32), s=np.array([2, 2, 2]))
    with pytest.raises(UsageError, match=r"--observe: onnxruntime can't run it: .*Reshape"):
        analyze(save(text, tmp_path), Settings(observe=source))
    custom = HEAD.replace("18]", '18, "my.ops": 1]') + "g (float[5] x) => (float[5] y) { y = my.ops.Thing(x) }"
    with pytest.raises(UsageError, match=r"--observe: onnxruntime can't run it: .*Thing"):
        analyze(save(custom, tmp_path), Settings(observe="random"))


def test_absent_weights_are_made_up_and_labelled(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["analyze", os.fspath(LENET), "--observe", "random"]) == 0
    errors = capsys.readouterr().err
    assert errors.startswith("warning: the types of 13 tensors were observed in one run with random inputs")
    assert "4 absent weights were made up for the run" in errors


def test_absent_weights_are_needed_for_real_inputs(tmp_path: Path) -> None:
    shape = load(LENET).graph.inputs[0]
    source = inputs(tmp_path, **{shape.name: np.zeros(shape.type.dims, np.float32)})
    with pytest.raises(UsageError, match=r"its weights are not there \('lenet5.weights'\).*or use --observe random"):
        analyze(LENET, Settings(observe=source))


def test_absent_weights_are_made_up_to_a_limit(tmp_path: Path) -> None:
    weight = TensorProto(name="w", data_type=1, dims=[20_000, 20_000], data_location=1)
    weight.external_data.add(key="location", value="w.bin")
    model = onnx.load(save(HEAD + "g (float[1, 20000] x) => (float[1, 20000] y) { y = Relu(x) }", tmp_path))
    model.graph.initializer.append(weight)
    onnx.save(model, str(tmp_path / "model.onnx"))
    with pytest.raises(UsageError, match="too large to be made up: 1,600,000,000 bytes"):
        analyze(tmp_path / "model.onnx", Settings(observe="random"))


def test_the_same_run_gives_the_same_document(tmp_path: Path) -> None:
    path = save(LOOP, tmp_path)
    texts = []
    for name in ("a.json", "b.json"):
        assert main(["analyze", path, "--observe", "random", "--json", str(tmp_path / name)]) == 0
        texts.append((tmp_path / name).read_bytes())
    assert texts[0] == texts[1]
    assert b'"code":"observed"' in texts[0]


# The .npz file.

PAIR = HEAD + "g (float[batch, 3] x, float[batch, 3] y, int64[2] z) => (float[batch, 3] s) { s = Add(x, y) }"
X, Z = np.zeros((4, 3), np.float32), np.zeros(2, np.int64)


def test_dims_follow_the_inputs(tmp_path: Path) -> None:
    observed = analyze(save(PAIR, tmp_path), Settings(observe=inputs(tmp_path, x=X, y=X, z=Z)))
    assert {name: (dim.value, dim.origin) for name, dim in observed.model.dims.items()} == {"batch": (4, "bound")}


@pytest.mark.parametrize(
    ("arrays", "settings", "found"),
    [
        ({"x": X, "yy": X, "z": Z}, {}, r"found an array 'yy', which is no input; did you mean 'y'\? its inputs are"),
        ({"x": X, "z": Z}, {}, "found no array for 'y'"),
        ({"x": X, "y": X.astype(np.float64), "z": Z}, {}, "'y': found float64, wanted float32"),
        ({"x": X, "y": X[0], "z": Z}, {}, r"'y': found shape \[3\], wanted 2 dims"),
        ({"x": X, "y": X[:, :2], "z": Z}, {}, "'y': dim 1: found 2, the model says 3"),
        ({"x": X, "y": X[:2], "z": Z}, {}, "'y': dim 'batch': found 2, 'x' says 4"),
        ({"x": X, "y": X, "z": Z}, {"dims": {"batch": 8}}, "'x': dim 'batch': found 4, --dim says 8"),
        (
            {"x": X, "y": X, "z": Z},
            {"input_shapes": {"x": (5, 3)}},
            r"found shape \[4, 3\], --input-shape says \[5, 3\]",
        ),
    ],
)
def test_inputs_that_do_not_fit(
    arrays: dict[str, object], settings: dict[str, object], found: str, tmp_path: Path
) -> None:
    source = inputs(tmp_path, **arrays)
    with pytest.raises(UsageError, match=found):
        analyze(save(PAIR, tmp_path), Settings(observe=source, **settings))  # type: ignore[arg-type]


def test_files_that_are_no_inputs(tmp_path: Path) -> None:
    path = save(PAIR, tmp_path)
    text = tmp_path / "text.npz"
    text.write_text("no archive")
    member = tmp_path / "member.npz"
    with zipfile.ZipFile(member, "w") as archive:
        archive.writestr("x.npy", b"no array")
    # A block of the reserved type 3: no inflater takes it. And an entry whose flags say that it is encrypted.
    damaged, locked = tmp_path / "damaged.npz", tmp_path / "locked.npz"
    with zipfile.ZipFile(damaged, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x.npy", b"no array")
    data = bytearray(damaged.read_bytes())
    data[30 + len("x.npy")] |= 0b110  # behind the local header
    damaged.write_bytes(data)
    data = bytearray(member.read_bytes())
    data[6] |= 1
    data[data.index(b"PK\x01\x02") + 8] |= 1
    locked.write_bytes(data)
    objects = tmp_path / "objects.npz"
    np.savez(objects, x=np.array([{}], dtype=object), allow_pickle=True)
    for source, found in (
        (text, "is not an .npz file"),
        (member, "'x' is no array"),
        (damaged, "is not an .npz file .*invalid block type"),
        (locked, "is not an .npz file .*encrypted"),
        (objects, "'x' holds Python objects"),
        (tmp_path / "absent.npz", "found no such file"),
        (tmp_path, "found a directory"),
    ):
        with pytest.raises(RooflineError, match=found):
            analyze(path, Settings(observe=os.fspath(source)))


def test_headers_alone_are_read_by_the_parent(tmp_path: Path) -> None:
    """An array of 100 GB in a small file costs nothing before the child's limits hold."""
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "<f4", "fortran_order": False, "shape": (5, 5_000_000_000)})
    with zipfile.ZipFile(tmp_path / "big.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x.npy", header.getvalue())
    assert observe_module.npz_types(str(tmp_path / "big.npz")) == {"x": ("float32", (5, 5_000_000_000))}


def test_types_that_numpy_lacks(tmp_path: Path) -> None:
    import ml_dtypes

    path = save(HEAD + "g (bfloat16[3] x) => (float[3] y) { y = Cast<to = 1>(x) }", tmp_path)
    observed = analyze(path, Settings(observe=inputs(tmp_path, x=np.ones(3, ml_dtypes.bfloat16))))
    assert types(observed)["y"] == TensorType("float32", (3,))


# External data.


def with_weights(folder: Path) -> Path:
    """A model whose only weight lies in weights.bin."""
    weight = numpy_helper.from_array(np.ones((8, 8), np.float32), "w")
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["y"])], "g",
        [helper.make_tensor_value_info("x", 1, [2, 8])], [helper.make_tensor_value_info("y", 1, [2, 8])], [weight],
    )  # fmt: skip
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    external_data_helper.convert_model_to_external_data(model, location="weights.bin", size_threshold=0)
    onnx.save(model, str(folder / "model.onnx"))
    return folder / "model.onnx"


def test_weights_beside_the_model_are_read(tmp_path: Path) -> None:
    source = inputs(tmp_path, x=np.ones((2, 8), np.float32))
    observed = analyze(with_weights(tmp_path), Settings(observe=source))
    assert [notice.code for notice in observed.model.warnings] == ["observed"]


def _symbolic(file: Path, elsewhere: Path) -> None:
    file.rename(elsewhere)
    file.symlink_to(elsewhere)


def _hard(file: Path, elsewhere: Path) -> None:
    os.link(file, elsewhere)


def _folder(file: Path, elsewhere: Path) -> None:
    file.rename(elsewhere)
    file.mkdir()


def _fifo(file: Path, elsewhere: Path) -> None:
    file.rename(elsewhere)
    os.mkfifo(file)


def _short(file: Path, elsewhere: Path) -> None:
    file.write_bytes(b"1234")


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (_symbolic, "is a symbolic link"),
        (_hard, r"has 2 names \(hard links\)"),
        (_folder, "is not a regular file"),
        (_fifo, "is not a regular file"),
        (_short, "ends before the data of 'w'"),
    ],
)
@pytest.mark.parametrize("source", ["random", "given"])
def test_links_and_special_files_are_refused(change: object, found: str, source: str, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    path = with_weights(folder)
    change(folder / "weights.bin", tmp_path / "elsewhere.bin")  # type: ignore[operator]
    given = source if source == "random" else inputs(tmp_path, x=np.ones((2, 8), np.float32))
    with pytest.raises(UsageError, match=rf"refused to read its external data: 'weights.bin' {found}"):
        analyze(path, Settings(observe=given))


def test_a_folder_that_is_a_link_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    model = onnx.load(str(with_weights(tmp_path)), load_external_data=False)
    for entry in model.graph.initializer[0].external_data:
        entry.value = "inner/weights.bin" if entry.key == "location" else entry.value
    onnx.save(model, str(folder / "model.onnx"))
    (folder / "inner").symlink_to(tmp_path)
    with pytest.raises(UsageError, match=r"'inner/weights\.bin' is reached through a symbolic link"):
        analyze(folder / "model.onnx", Settings(observe="random"))


def test_weights_in_attributes_of_bodies_are_checked_too(tmp_path: Path) -> None:
    model = onnx.load(save(BRANCH, tmp_path))
    inner = model.graph.node[0].attribute[0].g
    weight = TensorProto(data_type=1, dims=[2], data_location=1)
    weight.external_data.add(key="location", value="w.bin")
    inner.node.append(helper.make_node("Constant", [], ["unused"], value=weight))
    onnx.save(model, str(tmp_path / "model.onnx"))
    (tmp_path / "w.bin").symlink_to("/etc/hostname")
    with pytest.raises(UsageError, match=r"'w.bin' is a symbolic link"):
        analyze(tmp_path / "model.onnx", Settings(observe="random"))


# Limits and isolation.


def test_an_endless_loop_is_stopped(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    started = time.monotonic()
    assert main(["analyze", save(ENDLESS, tmp_path), "--observe", "random", "--observe-limit-s", "3"]) == 2
    assert time.monotonic() - started < 15
    assert "the run was stopped after 3 s; raise the limit with --observe-limit-s" in capsys.readouterr().err


def test_an_allocation_of_100_gb_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["analyze", save(HUGE, tmp_path), "--observe", "random"]) == 2
    errors = capsys.readouterr().err
    assert "the run needs more than 8 GB" in errors
    assert "raise the limit with --observe-limit-gb" in errors
    assert len(errors.splitlines()) == 1


@pytest.mark.parametrize("limit", ["0.1", "0.2"])
def test_a_limit_too_small_for_the_libraries_is_named(limit: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["analyze", os.fspath(LENET), "--observe", "random", "--observe-limit-gb", limit]) == 2
    assert f"the run needs more than {limit} GB" in capsys.readouterr().err


@pytest.mark.parametrize(("option", "value"), [("--observe-limit-s", "0"), ("--observe-limit-gb", "nan")])
def test_limits_are_numbers_above_zero(option: str, value: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["analyze", os.fspath(LENET), "--observe", "random", option, value]) == 2
    assert f"{option} {value}: wanted a number above 0" in capsys.readouterr().err


def test_a_missing_library_is_named(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    find = observe_module.importlib.util.find_spec
    monkeypatch.setattr(
        observe_module.importlib.util,
        "find_spec",
        lambda name, *rest: None if name == "onnxruntime" else find(name, *rest),
    )
    with pytest.raises(MissingExtraError):
        analyze(LENET, Settings(observe="random"))
    assert main(["analyze", os.fspath(LENET), "--observe", "random"]) == 2
    assert "--observe needs onnxruntime, which is not installed: run pip install 'onnx-roofline[ort]'" in (
        capsys.readouterr().err
    )


def test_a_crash_of_the_child_is_a_refusal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(observe_module, "_LAUNCH", "import os; os.abort()")
    with pytest.raises(UsageError, match="onnxruntime crashed on it"):
        analyze(LENET, Settings(observe="random"))


def test_a_model_configures_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = onnx.load(save(PAIR, tmp_path))
    config = {"session_options": {"enable_profiling": True, "intra_op_num_threads": 64}}
    model.metadata_props.add(key="ort_config", value=json.dumps(config))
    onnx.save(model, str(tmp_path / "model.onnx"))
    monkeypatch.setenv("ORT_LOAD_CONFIG_FROM_MODEL", "1")
    monkeypatch.chdir(tmp_path)
    before = sorted(os.listdir(tmp_path))
    analyze(tmp_path / "model.onnx", Settings(observe="random"))
    assert sorted(os.listdir(tmp_path)) == before
    assert "ORT_LOAD_CONFIG_FROM_MODEL" not in observe_module.child_environment()


def test_check_observes_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = inputs(tmp_path, m=7, x=np.ones(4, np.float32))
    path = save(LOOP, tmp_path)
    assert main(["check", path, "--observe", source, "--max", "flops=56"]) == 0  # 7 * 4 * 2
    assert main(["check", path, "--observe", source, "--max", "flops=55"]) == 1
    capsys.readouterr()


def test_nothing_is_run_or_imported_without_the_option(tmp_path: Path) -> None:
    """No process, no socket, no onnxruntime, and none of our modules for it."""
    code = (
        "import sys\n"
        "seen = []\n"
        "watched = ('subprocess.Popen', 'os.fork', 'os.exec', 'os.posix_spawn', 'os.system', 'socket.connect')\n"
        "sys.addaudithook(lambda event, args: seen.append(event) if event in watched else None)\n"
        "from onnx_roofline.cli.main import main\n"
        "codes = [main(['analyze', path]) for path in sys.argv[1:]]\n"
        "ours = [n for n in sys.modules if n.startswith(('onnxruntime', 'onnx_roofline.analysis.observe.run'))]\n"
        "assert codes == [0] * len(codes) and not seen and not ours, (codes, seen, ours)\n"
    )
    paths = [save(LOOP, tmp_path), os.fspath(LENET)]
    done = subprocess.run([sys.executable, "-c", code, *paths], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
