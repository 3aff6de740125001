"""The measured GPU kernels as the time model sees them: the work of each row, its device, and how it was timed."""

import csv
import gzip
import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from msgspec.structs import replace

from onnx_roofline.base.terms import KernelClass
from onnx_roofline.ir.kernel_work import KernelWork, Operations, Product
from onnx_roofline.ir.masking import Masking
from onnx_roofline.timing.gpu import Bytes

# Where the measured kernels lie: other people's data, which are not copied into the repository.
DATA = Path(os.environ.get("ONNX_ROOFLINE_TRUTH", Path(__file__).resolve().parents[3] / "shared" / "data"))
WIDTHS = {"float32": 4, "float16": 2, "bfloat16": 2}
# Tensors that an element-wise kernel reads and writes, its class, and its operations for one element.
STREAMS: dict[str, tuple[int, KernelClass, int, int]] = {
    "add": (3, "elementwise", 1, 0),
    "mul": (3, "elementwise", 1, 0),
    "relu": (2, "elementwise", 1, 0),
    "gelu": (2, "elementwise", 5, 1),
    "tanh": (2, "elementwise", 1, 1),
    "softmax": (2, "softmax", 3, 1),
    "layernorm": (2, "norm", 7, 0),
    "rmsnorm": (2, "rms_norm", 4, 0),
    "swiglu": (3, "gated", 3, 2),
}
_ROW_CLASSES = ("softmax", "norm", "rms_norm", "gated")
# A measurement repeats its kernel: operands of at most this share of the L2 stay there from one call to the next. The
# linear layers and attention of `cuda-graph` rows had their weights rotated out of it.
RESIDENT_SHARE = 0.75
# Profile of each device; those without one are left out.
PROFILES = {
    "A100-SXM-80GB": "a100-sxm-80gb",
    "A100-PCIE-80GB": "a100-pcie-80gb",
    "A100-PCIE-40GB": "a100-pcie-40gb",
    "H100-SXM": "h100-sxm",
    "H200-SXM": "h200-sxm",
    "L40S": "l40s",
    "L4": "l4",
    "V100": "v100",
    "T4": "t4",
}


@dataclass(frozen=True)
class Row:
    """A measured kernel. `half` 0 is for fitting, 1 for testing; `l2_hot`: faster than the memory could be."""

    device: str
    op: str
    dtype: str
    timing: str
    source: str
    work: KernelWork
    size: Bytes
    measured_s: float
    half: int
    l2_hot: bool

    @property
    def regime(self) -> str:
        """small, medium or large: under 30 us, under 1 ms, longer."""
        return "small" if self.measured_s < 30e-6 else "medium" if self.measured_s < 1e-3 else "large"


def gpu_rows(path: Path) -> Iterator[Row]:
    """The rows of `gpu_kernels.csv.gz`."""
    with gzip.open(path, "rt", newline="") as file:
        for entry in csv.DictReader(file):
            work = _work(entry)
            key = "|".join(
                v for name, v in entry.items() if name not in ("device", "measured_us", "timing", "source", "l2_hot")
            )
            yield Row(
                device=entry["device"],
                op=entry["op"],
                dtype=entry["dtype"],
                timing=entry["timing"],
                source=entry["source"].split("@")[0],
                work=work,
                size=Bytes(work.compulsory_bytes or 0, work.compulsory_bytes or 0),
                measured_s=float(entry["measured_us"]) * 1e-6,
                half=hashlib.sha256(key.encode()).digest()[0] % 2,
                l2_hot=entry["l2_hot"] == "1",
            )


def resident(row: Row, cache_bytes: float) -> Bytes:
    """What the kernel moves as the bench ran it: what a repeated call finds in the L2 crosses no memory interface."""
    is_warm = row.op in STREAMS and row.size.dram <= RESIDENT_SHARE * cache_bytes
    return replace(row.size, dram=0.0) if is_warm or row.l2_hot else row.size


def _work(entry: dict[str, str]) -> KernelWork:
    op, dtype = entry["op"], entry["dtype"]
    width = WIDTHS[dtype]
    get = {name: int(float(value)) for name, value in entry.items() if name in _NUMBERS and value}
    if op in ("linear", "bmm"):
        batch, m, n, k = get.get("b", 1), get["m"], get["n"], get["k"]
        size = width * batch * (m * k + n * k + m * n)
        return product_work(dtype, "product", size, Product(batch, n, k, m, width * batch * n * k))
    if op.startswith("attention"):
        group, kv_heads = get["heads"] // get["kv_heads"], get["b"] * get["kv_heads"]
        queries, keys, width_ = get["q_len"], get["kv_len"], get["head_dim"]
        size = 2 * width * width_ * kv_heads * (group * queries + keys)
        scores = Product(kv_heads, keys, width_, group * queries, part="scores")
        values = Product(kv_heads, width_, keys, group * queries, part="values")
        masking = Masking(group, causal=op == "attention_causal")
        return product_work(dtype, "attention", size, scores, values, masking=masking)
    if op == "conv":
        side = (get["size"] + 2 * get["pad"] - get["kernel"]) // get["stride"] + 1
        taps, positions = get["kernel"] ** 2, get["b"] * side * side
        elements = get["b"] * get["cin"] * get["size"] ** 2 + positions * get["cout"] + get["cin"] * get["cout"] * taps
        conv = Product(1, get["cout"], get["cin"] * taps, positions, taps=taps)
        return product_work(dtype, "conv", width * elements, conv)
    tensors, kernel_class, vector_ops, special_ops = STREAMS[op]
    elements = get["m"] * get["n"]
    return stream_work(
        dtype,
        kernel_class,
        width * tensors * elements,
        vector_ops * elements,
        special_ops * elements,
        get["n"] if kernel_class in _ROW_CLASSES else 0,
    )


def product_work(
    dtype: str, kernel_class: KernelClass, size: int, *products: Product, masking: Masking | None = None
) -> KernelWork:
    """A kernel of products alone."""
    macs = sum(product.macs for product in products)
    return KernelWork(
        dtype=dtype,
        operations=(Operations(dtype, 2 * macs, macs),),
        compulsory_bytes=size,
        products=products,
        kernel_class=kernel_class,
        masking=masking,
    )


def stream_work(
    dtype: str, kernel_class: KernelClass, size: float, vector_ops: int, special_ops: int = 0, row: int = 0
) -> KernelWork:
    """A kernel without a product: what it reads and writes, and its operations by engine."""
    return KernelWork(
        dtype=dtype,
        operations=(Operations(dtype, vector_ops + special_ops, special=special_ops),),
        compulsory_bytes=round(size),
        kernel_class=kernel_class,
        row_elements=row,
    )


_NUMBERS = ("b", "m", "n", "k", "heads", "kv_heads", "head_dim", "q_len", "kv_len", "cin", "cout", "kernel", "size",
            "stride", "pad")  # fmt: skip
