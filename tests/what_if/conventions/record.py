"""Writes recorded.json and the small models beside it: what fvcore, thop and torch themselves count.

    python tests/what_if/conventions/record.py [NAME ...]

Needs torch, fvcore, thop, transformers and torch_geometric (see sample_models/requirements.txt for the last two). Every
network is one of sample_models/, or one of `PARTS` below, which is exported here, weightless, with its normalisations
kept.
"""

import argparse
import contextlib
import io
import json
import logging
import sys
import warnings
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import onnx
import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

HERE = Path(__file__).resolve().parent
SAMPLES = HERE.parents[2] / "sample_models"
sys.path.insert(0, str(SAMPLES))

import export  # noqa: E402 - the folder of the samples has to be on the path
import weightless  # noqa: E402
from architectures import convolution  # noqa: E402
from systems import SYSTEMS  # noqa: E402

RECORDED = HERE / "recorded.json"
SAMPLE_NAMES = (
    "conv_layer", "depthwise_conv", "linear", "lenet5", "residual_block", "resnet50", "unet_572", "vit_b_16",
    "attention_single_head", "attention_causal", "attention_multi_head", "sd_unet_block", "lstm", "bert_base",
    "embedding",
)  # fmt: skip
OPSET = 17


class Layers(nn.Module):
    """One layer of each kind that fvcore or thop has a rule for."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3, stride=2, padding=(2, 1), dilation=2, bias=False)
        self.bn = nn.BatchNorm2d(8)
        self.prelu = nn.PReLU()
        self.nearest = nn.Upsample(scale_factor=2, mode="nearest")
        self.bilinear = nn.Upsample(scale_factor=2, mode="bilinear", align_corners=False)
        self.instance = nn.InstanceNorm2d(8, affine=True)
        self.group = nn.GroupNorm(4, 8)
        self.up = nn.ConvTranspose2d(8, 12, 3, stride=2, padding=1, output_padding=1, groups=2)
        self.pool = nn.AvgPool2d(2)
        self.act = nn.LeakyReLU()
        self.squeeze = nn.AdaptiveAvgPool2d(1)
        self.norm = nn.LayerNorm(12)
        self.head = nn.Linear(12, 10)
        self.softmax = nn.Softmax(dim=1)

    def forward(self, image: Tensor) -> Tensor:
        x = self.prelu(self.bn(self.conv(image)))
        x = self.group(self.instance(self.bilinear(self.nearest(x))))
        x = self.act(self.pool(self.up(x)))
        return self.softmax(self.head(self.norm(self.squeeze(x).flatten(1))))


class Products(nn.Module):
    """Products of activations that no layer holds: matmul, bmm and two einsums."""

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        x = torch.matmul(a, b)
        x = torch.bmm(x, b)
        x = torch.einsum("abc,abd->acd", x, a)
        return torch.einsum("abc,adc->adb", x, a)


# Name -> network and the shapes of its inputs, one per name of the graph's inputs.
PARTS: dict[str, tuple[Callable[[], nn.Module], dict[str, tuple[int, ...]]]] = {
    "residual_block_norms_kept": (convolution.ResidualBlock, {"x": (1, 64, 56, 56)}),
    "resnet50_norms_kept": (convolution.ResNet50, {"image": (1, 3, 224, 224)}),
    "layers": (Layers, {"image": (2, 3, 21, 17)}),
    "products": (Products, {"a": (2, 6, 6), "b": (2, 6, 6)}),
    "gru": (lambda: nn.GRU(16, 32, num_layers=2, bidirectional=True), {"x": (10, 3, 16)}),
    "rnn": (lambda: nn.RNN(16, 32, bias=False), {"x": (10, 3, 16)}),
    "lstm_stacked": (lambda: nn.LSTM(16, 32, num_layers=2, bias=False), {"x": (10, 3, 16)}),
}


def main() -> None:
    parser = argparse.ArgumentParser(description="Record what other counters say.")
    parser.add_argument("names", nargs="*", metavar="NAME", help="network to record (default: all)")
    names = parser.parse_args().names or [*PARTS, *SAMPLE_NAMES]
    logging.disable(logging.WARNING)
    warnings.filterwarnings("ignore")
    export.prepare_torch()
    recorded = json.loads(RECORDED.read_text("utf-8")) if RECORDED.exists() else {}
    recorded["versions"] = recorded.get("versions", {}) | {n: version(n) for n in ("fvcore", "thop", "torch")}
    models = recorded.setdefault("models", {})
    for name in names:
        module, inputs = network(name)
        if name in PARTS:
            write(name, module, inputs)
        models[name] = counted(module, inputs)
        sys.stdout.write(f"{name} {json.dumps(models[name])}\n")
        recorded["models"] = dict(sorted(models.items()))
        RECORDED.write_text(json.dumps(recorded, indent=1) + "\n", "utf-8")


def network(name: str) -> tuple[nn.Module, tuple[Tensor, ...]]:
    """The network in inference mode, and its inputs."""
    if name in PARTS:
        build, shapes = PARTS[name]
        torch.manual_seed(0)
        return build().eval(), tuple(torch.randn(shape) for shape in shapes.values())
    system = SYSTEMS[name]
    return export.build(system), tuple(export.make_inputs(system, system.dims).values())


def write(name: str, module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
    """The network as the older exporter writes it with its normalisations kept, without its weights."""
    buffer = io.BytesIO()
    with contextlib.redirect_stdout(io.StringIO()):
        torch.onnx.export(
            module, inputs, buffer, dynamo=False, opset_version=OPSET, input_names=list(PARTS[name][1]),
            training=torch.onnx.TrainingMode.PRESERVE,
        )  # fmt: skip
    model = onnx.load_from_string(buffer.getvalue())
    weightless.strip_traces(model)
    weightless.strip_weights(model, f"{name}.weights")
    onnx.save(model, HERE / f"{name}.onnx")


def counted(module: nn.Module, inputs: tuple[Tensor, ...]) -> dict[str, object]:
    """Totals by counter; a counter that raises is recorded with its error."""
    entry: dict[str, object] = {}
    for counter in (by_fvcore, by_thop, by_torch):
        try:
            entry |= counter(module, inputs)
        except Exception as error:  # whatever a counter raises is its answer
            entry[f"{counter.__name__.removeprefix('by_')}_error"] = export.one_line(error)[:200]
    return entry


def by_fvcore(module: nn.Module, inputs: tuple[Tensor, ...]) -> dict[str, object]:
    from fvcore.nn import FlopCountAnalysis

    analysis = FlopCountAnalysis(module, inputs).unsupported_ops_warnings(False).uncalled_modules_warnings(False)
    by_operator = {name: int(count) for name, count in sorted(analysis.by_operator().items())}
    unsupported = dict(sorted(analysis.unsupported_ops().items()))
    return {"fvcore": int(analysis.total()), "fvcore_by_operator": by_operator, "fvcore_unsupported": unsupported}


def by_thop(module: nn.Module, inputs: tuple[Tensor, ...]) -> dict[str, object]:
    import thop

    total, _ = thop.profile(module, inputs=inputs, verbose=False)
    for part in module.modules():
        part._buffers.pop("total_ops", None)
        part._buffers.pop("total_params", None)
    return {"thop": int(total)}


def by_torch(module: nn.Module, inputs: tuple[Tensor, ...]) -> dict[str, object]:
    """`torch_math`: with attention as matrix products, which is what it is on a device without a fused kernel."""
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        module(*inputs)
    with torch.no_grad(), sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as plain:
        module(*inputs)
    return {"torch": counter.get_total_flops(), "torch_math": plain.get_total_flops()}


if __name__ == "__main__":
    main()
