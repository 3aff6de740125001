"""Two models as one list of ops: nothing is lost, and what it says is what the diff says."""

from collections import Counter
from pathlib import Path

import pytest

from onnx_roofline.analysis.analyze import analyze
from onnx_roofline.analysis.settings import Settings
from onnx_roofline.ci.diff import diff_nodes
from onnx_roofline.ci.merged import merged_nodes
from onnx_roofline.ci.nodes import nodes_of_analysis

SAMPLES = Path(__file__).resolve().parents[2] / "sample_models"


@pytest.mark.parametrize(("old", "new"), [("llama_decode", "llama_prefill"), ("bert_base", "bert_base.torchscript"),
                                          ("resnet50", "resnet50"), ("lenet5", "linear")])  # fmt: skip
def test_every_op_of_both_is_there_once(old: str, new: str) -> None:
    settings = Settings()
    sides = [nodes_of_analysis(analyze(SAMPLES / f"{name}.onnx", settings)) for name in (old, new)]
    found = merged_nodes(*sides)
    assert sum(node.old is not None for node in found) == len(sides[0])
    assert sum(node.new is not None for node in found) == len(sides[1])
    for place, nodes in enumerate(sides):
        figures = Counter((node.flops, node.naive_bytes, node.time_s) for node in nodes)
        assert Counter(node[place] for node in ((one.old, one.new) for one in found) if node[place]) == figures
    changes, same = diff_nodes(*sides)
    kinds = Counter(node.kind for node in found)
    assert kinds.pop("same", 0) == same
    assert kinds == Counter(change.kind for change in changes)
    assert all((node.old is None) == (node.kind == "added") for node in found)
    assert all((node.new is None) == (node.kind == "removed") for node in found)
    labels = [node.label for node in found if node.new is not None]
    assert labels == [one.label for one in sides[1]]
