"""End-to-end runs of transformers: the kernel list of each, by hand from its sizes, against the measured time.

Eager: every op is a kernel, attention unfused (PyTorch 2.1 with the models' own code: QK^T, scale, mask, softmax, PV,
and the copies that their transposes need). Compiled (inductor): element-wise chains fuse with each other; products,
softmax and norms stay kernels.
"""

import csv
from collections.abc import Iterator
from pathlib import Path
from statistics import mean

from rows import PROFILES, product_work, stream_work

from onnx_roofline.base.terms import KernelClass
from onnx_roofline.hardware import load_device
from onnx_roofline.hardware.gpu_model import GpuModel
from onnx_roofline.ir.kernel_work import KernelWork, Product
from onnx_roofline.timing.gpu import Bytes, gpu_time, queue_s

WIDTH = 4  # float32


def linear(tokens: int, outputs: int, depth: int, batch: int = 1) -> KernelWork:
    """A float32 product."""
    size = WIDTH * batch * (tokens * depth + outputs * depth + tokens * outputs)
    return product_work("float32", "product", size, Product(batch, outputs, depth, tokens))


def stream(tensors: float, elements: int, kernel_class: KernelClass = "elementwise", row: int = 0) -> KernelWork:
    """A kernel that reads and writes `tensors` tensors of so many elements."""
    return stream_work("float32", kernel_class, WIDTH * tensors * elements, elements, row=row)


def layer(run: dict[str, str], *, fused: bool) -> Iterator[KernelWork]:
    """The kernels of one layer."""
    hidden, heads, ffn, seq, batch = (int(run[key]) for key in ("hidden", "heads", "ffn", "seq", "batch"))
    tokens, square = seq * batch, batch * heads * seq * seq
    width = tokens * hidden
    causal = run["architecture"] != "BertLMHeadModel"
    yield stream(2, width, "norm", hidden)
    yield linear(tokens, 3 * hidden, hidden)
    if not fused:
        for _ in range(3):
            yield stream(2, width)  # heads apart: a copy
    yield linear(seq, seq, hidden // heads, batch * heads)
    if fused:
        yield stream(2, square, "softmax", seq)  # scale and mask fused in
    else:
        yield stream(2, square)  # scale
        yield stream(2 if run["architecture"] == "BertLMHeadModel" else 2.25, square)  # mask (where reads a bool)
        yield stream(2, square, "softmax", seq)
    yield linear(seq, hidden // heads, seq, batch * heads)
    yield stream(2, width)  # heads together: a copy
    yield linear(tokens, hidden, hidden)
    if not fused:
        yield stream(3, width)  # residual
    yield stream(2 + fused, width, "norm", hidden)
    yield linear(tokens, ffn, hidden)
    activations = 1 if fused or not causal or run["architecture"] == "OPTForCausalLM" else 8  # GPT-2's gelu_new: 8 ops
    for _ in range(activations):
        yield stream(2, tokens * ffn)
    yield linear(tokens, hidden, ffn)
    yield stream(3, width)


def kernels(run: dict[str, str], *, fused: bool) -> list[KernelWork]:
    """The kernels of a whole run: embedding, layers, head."""
    hidden, vocab, seq, batch, layers = (int(run[key]) for key in ("hidden", "vocab", "seq", "batch", "layers"))
    tokens = seq * batch
    found = [stream(3, tokens * hidden), stream(2, tokens * hidden, "norm", hidden)]
    found += list(layer(run, fused=fused)) * layers
    if run["architecture"] == "BertLMHeadModel":
        found += [
            linear(tokens, hidden, hidden),
            stream(2, tokens * hidden),
            stream(2, tokens * hidden, "norm", hidden),
        ]
    found.append(linear(tokens, vocab, hidden))
    return found


def modelled_s(gpu: GpuModel, run: dict[str, str]) -> float:
    """The time of a run."""
    fused = run["mode"] != "eager"
    found = kernels(run, fused=fused)
    times = [gpu_time(gpu, one, Bytes(size := one.compulsory_bytes or 0, size)).total_s or 0.0 for one in found]
    return sum(times) if fused else queue_s(times, gpu.dispatch_s)


def end_to_end(data: Path) -> dict[str, float]:
    """Prints every run of a device with a profile; the mean error in percent by mode."""
    errors: dict[str, list[float]] = {}
    print("\nEnd to end: modelled / measured")
    with (data / "gpu_runs.csv").open(newline="") as file:
        for run in csv.DictReader(file):
            gpu = load_device(PROFILES[run["device"]]).gpu
            assert gpu is not None
            ratio = modelled_s(gpu, run) / (float(run["measured_ms"]) * 1e-3)
            errors.setdefault(run["mode"], []).append(abs(ratio - 1) * 100)
            what = f"{run['model']:11} seq {run['seq']:5} batch {run['batch']:3} {run['mode']:14}"
            print(f"  {run['device']:16} {what} {ratio:.3f}")
    for mode, found in errors.items():
        print(f"  mean error, {mode}: {mean(found):.1f} % over {len(found)}")
    return {mode: mean(found) for mode, found in errors.items()}
