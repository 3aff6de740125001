#!/usr/bin/env python3
# ruff: noqa: T201 - a script that prints
"""How well the backend `ort` says what onnxruntime fuses, and `compiler` how many kernels it makes.

    python tests/fusion/agreement.py [--only TEXT] [--graphs FOLDER] [--misses N] [--write]

onnxruntime writes the graph that it optimised at its EXTENDED level. Each of its nodes stands for the original ops
between the tensors that it writes and the tensors that are still there; every producer-consumer edge between ops that
move data is then fused or not in both worlds. `--graphs` keeps the optimised graphs between runs; `--write` writes
agreement.json.
"""

import argparse
import json
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import onnx

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path[:0] = [str(HERE), str(ROOT / "tests" / "real")]  # so that it also runs as a script from anywhere

import fetch  # noqa: E402
import ort_dump  # noqa: E402
from onnx_roofline.passes.fusion import FusionPass  # noqa: E402
from onnx_roofline.passes.kv_caches import KvCaches  # noqa: E402
from onnx_roofline.passes.op_count import OpCount  # noqa: E402
from onnx_roofline.passes.quantization import QuantizationFolding  # noqa: E402
from onnx_roofline.passes.shape_inference import ShapeInference  # noqa: E402

from onnx_roofline.analysis.settings import Settings  # noqa: E402
from onnx_roofline.base.errors import RooflineError  # noqa: E402
from onnx_roofline.fusion.backends import Backend, load_backend  # noqa: E402
from onnx_roofline.fusion.scope_view import ScopeView, views_by_scope  # noqa: E402
from onnx_roofline.ir.graph import Model  # noqa: E402
from onnx_roofline.ir.pipeline import Pipeline  # noqa: E402
from onnx_roofline.load import DimOptions, load  # noqa: E402

RECORD = HERE / "agreement.json"
SAMPLES = ROOT / "sample_models"
# Nodes of an optimised graph that no kernel of their own executes.
VIEWS = frozenset({"Reshape", "Squeeze", "Unsqueeze", "Flatten", "Identity", "Shape", "Size", "Constant"})
LAYOUT = frozenset({"ReorderInput", "ReorderOutput"})
# Edges that a model needs to say something about fusion.
FEWEST_EDGES = 4
# Plain convolutional networks, whose kernels onnxruntime's ALL level fuses as compilers do.
COUNTED = (
    "resnet50.torchscript.onnx", "resnet50.onnx", "onnx/light/light_resnet50", "onnx/light/light_vgg19",
    "onnx/light/light_squeezenet", "onnx/light/light_bvlc_alexnet", "onnx/light/light_zfnet512",
    "onnx/light/light_inception_v1", "onnx/light/light_inception_v2", "onnx/light/light_shufflenet",
    "onnx/light/light_densenet121", "mobilenet_v2.onnx", "mobilenet_v2.torchscript.onnx",
)  # fmt: skip


@dataclass(frozen=True)
class Case:
    """A model file with the dims under which both sides see it."""

    name: str
    path: Path
    settings: Settings


@dataclass
class Score:
    """Edges and groups of one model or of many; bytes are those of the tensors on the edges."""

    edges: int = 0
    agreed: int = 0
    true: int = 0
    extra: int = 0
    missed: int = 0
    true_bytes: int = 0
    extra_bytes: int = 0
    missed_bytes: int = 0
    groups: int = 0
    exact_groups: int = 0
    nodes: int = 0
    covered: int = 0
    causes: Counter[str] = field(default_factory=Counter)

    def add(self, other: "Score") -> None:
        for name, value in vars(other).items():
            setattr(self, name, getattr(self, name) + value)

    def figures(self) -> dict[str, object]:
        """What is recorded: ratios to four digits; None where there is nothing to divide by."""
        return {
            "edges": self.edges,
            "fused_by_ort": self.true + self.missed,
            "precision": _ratio(self.true, self.true + self.extra),
            "recall": _ratio(self.true, self.true + self.missed),
            "f1": _ratio(2 * self.true, 2 * self.true + self.extra + self.missed),
            "f1_by_bytes": _ratio(2 * self.true_bytes, 2 * self.true_bytes + self.extra_bytes + self.missed_bytes),
            "edge_accuracy": _ratio(self.agreed, self.edges),
            "groups": self.groups,
            "exact_groups": self.exact_groups,
            "exact_group_rate": _ratio(self.exact_groups, self.groups),
            "coverage": _ratio(self.covered, self.nodes),
        }


def _ratio(part: int, whole: int) -> float | None:
    return round(part / whole, 4) if whole else None


def sample_cases() -> Iterator[Case]:
    """The sample models under their reference dims."""
    models = json.loads((SAMPLES / "reference.json").read_text("utf-8"))["models"]
    for name, reference in sorted(models.items()):
        yield Case(name, SAMPLES / name, Settings(dims=reference["dims"]))


def real_cases() -> Iterator[Case]:
    """The fetched and the derived models that are in the cache, but those that onnxruntime has optimised before."""
    cache = fetch.cache_folder()
    for model in (*fetch.read_manifest(), *fetch.read_derived()):
        optimised = model.name.endswith(("_extended", "_all"))
        if model.runs and not optimised and model.file(cache).is_file():
            yield Case(model.name, model.file(cache), Settings(input_shapes=dict(model.dims)))


def reference_groups(optimised: onnx.ModelProto, original: onnx.ModelProto, view: ScopeView) -> list[int | None]:
    """The optimised node that stands for each node of the view; None where none does or where that can't be told.

    A tensor that became an initializer was computed ahead, with all that leads to it; what is computed twice in the
    original is computed once. Where onnxruntime named tensors
    anew, several optimised nodes stand between two old names: those of a type of an original op stand for that op.
    """
    producer = {name: node for node in original.graph.node for name in node.output if name}
    node_of = {name: number for number, row in enumerate(view.rows) for name in row.op.outputs if name}
    nodes = optimised.graph.node
    made_by = {name: number for number, node in enumerate(nodes) for name in node.output if name}
    ahead = {tensor.name for tensor in optimised.graph.initializer}
    surviving = {name for name in (*made_by, *ahead) if name in producer}
    surviving |= {value.name for value in original.graph.input}
    found: list[int | None] = [None] * len(view.rows)
    cones: list[tuple[int, list[int]]] = []
    for number, node in enumerate(nodes):
        own = [name for name in node.output if name in producer]
        for name in own:
            if name in node_of:
                found[node_of[name]] = number
        if own:
            cones.append((number, _cone(own, producer, node_of, surviving)))
    for number, inner in cones:
        open_ = [at for at in inner if found[at] is None]
        actors = _renamed(number, nodes, made_by, producer)
        if (nodes[number].op_type in VIEWS and len(actors) == 1) or not actors:
            for at in (*open_, *(at for at in inner if found[at] == number)):
                found[at] = number
            continue
        for actor in actors:
            match = next((at for at in open_ if _core(view.rows[at].op.op_type) == _core(nodes[actor].op_type)), None)
            if match is not None:
                found[match] = actor
                open_.remove(match)
    for at in _repeated(view):
        if not any(name in surviving for name in view.rows[at].op.outputs):
            found[at] = None
    return found


def _repeated(view: ScopeView) -> list[int]:
    """Nodes that compute what an earlier one has computed; onnxruntime computes it once."""
    first: dict[object, int] = {}
    same = list(range(len(view.producer)))
    repeated = []
    for node, row in enumerate(view.rows):
        attributes = tuple(sorted((name, repr(value)) for name, value in row.op.attributes.items()))
        inputs = tuple(
            value.tobytes() if value is not None else same[tensor] if tensor >= 0 else -1
            for tensor, value in zip(view.inputs[node], row.values, strict=True)
        )
        kind = tuple(output.shape for output in row.outputs)
        earlier = first.setdefault((view.types[node], attributes, inputs, kind), node)
        if earlier != node:
            repeated.append(node)
            for tensor, original in zip(view.outputs[node], view.outputs[earlier], strict=True):
                same[tensor] = original
    return repeated


def _cone(
    own: list[str], producer: Mapping[str, onnx.NodeProto], node_of: Mapping[str, int], surviving: set[str]
) -> list[int]:
    """The view's nodes behind tensors, up to tensors that survive."""
    pending, seen, inner = list(own), set(own), []
    while pending:
        name = pending.pop()
        if name in node_of and node_of[name] not in inner:
            inner.append(node_of[name])
        for read in producer[name].input:
            if read in producer and read not in seen and read not in surviving:
                seen.add(read)
                pending.append(read)
    return inner


def _renamed(
    number: int, nodes: Sequence[onnx.NodeProto], made_by: Mapping[str, int], known: Mapping[str, onnx.NodeProto]
) -> list[int]:
    """The optimised nodes before one that write only tensors of new names and are no views."""
    pending, seen = [number], {number}
    while pending:
        for name in nodes[pending.pop()].input:
            before = made_by.get(name)
            if before is not None and before not in seen and not any(out in known for out in nodes[before].output):
                seen.add(before)
                pending.append(before)
    return [item for item in sorted(seen) if item != number and nodes[item].op_type not in VIEWS]


def _core(op_type: str) -> str:
    """The op that an optimised one is a form of: `Conv` of QLinearConv and FusedConv, `MatMul` of Gemm."""
    core = op_type.removeprefix("QLinear").removeprefix("Fused").removeprefix("Q")
    return "MatMul" if core == "Gemm" else core


def compare(view: ScopeView, reference: list[int | None], predicted: list[str], misses: list[str]) -> Score:
    """The score of predicted groups against those of onnxruntime."""
    score = Score(nodes=len(reference), covered=sum(group is not None for group in reference))
    for node in range(len(reference)):
        for slot, tensor in enumerate(view.inputs[node]):
            source = view.producer[tensor] if tensor >= 0 else -1
            if source < 0 or tensor in view.inputs[node][:slot] or None in (reference[node], reference[source]):
                continue
            truth = reference[node] == reference[source]
            ours = predicted[node] == predicted[source]
            kind = view.rows[node].inputs[slot]
            size = (kind.bytes if kind is not None else None) or 0
            score.edges += 1
            score.agreed += truth == ours
            score.true += truth and ours
            score.extra += ours and not truth
            score.missed += truth and not ours
            score.true_bytes += size * (truth and ours)
            score.extra_bytes += size * (ours and not truth)
            score.missed_bytes += size * (truth and not ours)
            if truth != ours:
                cause = f"{'missed' if truth else 'extra'}: {view.types[source]} -> {view.types[node]}"
                score.causes[cause] += 1
                misses.append(f"{cause} ({view.keys[source]} -> {view.keys[node]})")
    ours_by, theirs_by = _sets(predicted), _sets(reference)
    ours_sets = set(ours_by.values())
    for group, members in theirs_by.items():
        if group is not None and len(members) > 1:
            score.groups += 1
            score.exact_groups += members in ours_sets
    return score


def _sets(groups: list[str] | list[int | None]) -> dict[object, frozenset[int]]:
    found: dict[object, set[int]] = {}
    for node, group in enumerate(groups):
        found.setdefault(group, set()).add(node)
    return {group: frozenset(members) for group, members in found.items()}


def predicted_groups(model: Model, view: ScopeView, backend: Backend) -> list[str]:
    """The kernel of each node of the view; a node without one stands for itself."""
    rows = FusionPass(backend).run(model).rows
    return [rows[key].id or key for key in view.keys]  # type: ignore[attr-defined]


def optimised_graph(case: Case, level: str, folder: Path) -> onnx.ModelProto | str:
    """What onnxruntime makes of a case; or why it makes nothing."""
    target = folder / level / (case.name.replace("/", "__").removesuffix(".onnx") + ".onnx")
    if not target.is_file():
        reason = ort_dump.dump(case.path, target, level, case.settings.dims, case.settings.input_shapes)
        if reason:
            return reason
    return onnx.load(target, load_external_data=False)


def counted(case: Case) -> Model:
    """The model as far as fusion needs it."""
    model = load(case.path, DimOptions(case.settings.dims, case.settings.input_shapes))
    return Pipeline((ShapeInference(), QuantizationFolding(), OpCount(), KvCaches())).run(model)


def agreement(case: Case, folder: Path, backend: Backend, misses: list[str]) -> Score | str:
    """The score of one model; or why there is none."""
    optimised = optimised_graph(case, "extended", folder)
    if isinstance(optimised, str):
        return optimised
    try:
        model = counted(case)
    except RooflineError as error:
        return str(error).splitlines()[0]
    view = views_by_scope(model).get("")
    if view is None:
        return "no ops"
    original = onnx.load(case.path, load_external_data=False)
    reference = reference_groups(optimised, original, view)
    return compare(view, reference, predicted_groups(model, view, backend), misses)


def kernel_counts(case: Case, folder: Path, backend: Backend) -> dict[str, int] | str:
    """Kernels of the backend beside the nodes of onnxruntime's ALL level, views and changes of layout left out."""
    optimised = optimised_graph(case, "all", folder)
    if isinstance(optimised, str):
        return optimised
    model = counted(case)
    ours = {kernel.id for kernel in FusionPass(backend).run(model).rows.values()} - {""}  # type: ignore[attr-defined]
    theirs = [node for node in optimised.graph.node if node.op_type not in VIEWS | LAYOUT]
    return {"compiler": len(ours), "ort_all": len(theirs)}


def measure(only: str, folder: Path, shown_misses: int) -> dict[str, object]:
    """Everything that agreement.json holds, printed as it comes."""
    cases = [case for case in (*sample_cases(), *real_cases()) if only in case.name]
    backend, compiler = load_backend("ort"), load_backend("compiler")
    totals = {"samples": Score(), "real": Score(), "all": Score()}
    models: dict[str, object] = {}
    left_out: dict[str, str] = {}
    for case in cases:
        misses: list[str] = []
        score = agreement(case, folder, backend, misses)
        if isinstance(score, str):
            left_out[case.name] = score
            continue
        if score.edges < FEWEST_EDGES:
            continue
        models[case.name] = score.figures()
        totals["samples" if case.path.parent == SAMPLES else "real"].add(score)
        totals["all"].add(score)
        print(f"{case.name:44} {_line(score)}")
        for miss in misses[:shown_misses]:
            print(f"    {miss}")
    for name, score in totals.items():
        print(f"{name:44} {_line(score)}")
    causes = totals["all"].causes.most_common()
    for cause, count in causes:
        print(f"{count:6} {cause}")
    counts = {case.name: kernel_counts(case, folder, compiler) for case in cases if case.name in COUNTED}
    for name, count in counts.items():
        print(f"{name:44} {count}")
    import onnxruntime

    return {
        "onnxruntime": onnxruntime.__version__,
        "backend_ort_against_extended": {
            "totals": {name: score.figures() for name, score in totals.items()},
            "models": models,
            "misses": dict(causes),
            "left_out": left_out,
        },
        "kernels_of_compiler_beside_ort_all": counts,
    }


def _line(score: Score) -> str:
    figures = score.figures()
    names = ("precision", "recall", "f1", "f1_by_bytes")
    ratios = " ".join("   -  " if figures[name] is None else f"{figures[name]:.4f}" for name in names)
    return (
        f"{score.edges:6} edges  {ratios}  groups {score.exact_groups}/{score.groups}  coverage {figures['coverage']}"
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", metavar="TEXT", help="models whose name holds this")
    parser.add_argument("--graphs", type=Path, metavar="FOLDER", help="keep the optimised graphs here")
    parser.add_argument("--misses", type=int, default=0, metavar="N", help="edges to show for each model")
    parser.add_argument("--write", action="store_true", help="write agreement.json")
    options = parser.parse_args()
    if options.graphs:
        record = measure(options.only, options.graphs, options.misses)
    else:
        with tempfile.TemporaryDirectory() as folder:
            record = measure(options.only, Path(folder), options.misses)
    if options.write:
        RECORD.write_text(json.dumps(record, indent=1) + "\n", "utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
