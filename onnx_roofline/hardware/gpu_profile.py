"""Reads what a device profile says of a GPU's engines."""

from collections.abc import Mapping

from onnx_roofline.base.terms import KernelClass
from onnx_roofline.base.units import DTYPE_BITS
from onnx_roofline.base.yaml_nodes import Node
from onnx_roofline.hardware.figures import GIGA, MICRO, TERA, Figures, scaled
from onnx_roofline.hardware.gpu_model import (
    POOLED_ATTENTION,
    POOLED_ROW_STEP_S,
    AttentionConstants,
    GpuModel,
)
from onnx_roofline.hardware.records import ORIGINS, Figure

GPU_KEYS = (
    "sm_count", "vector_tflops", "special_gops", "dispatch_us", "sustained", "bandwidth_share", "attention",
    "row_step_us",
)  # fmt: skip
# What products run in beside the ONNX element types: float32 operands rounded to 19 bits in the matrix unit.
MATH_TYPES = ("tf32",)
# Types that matrix units take; all others run on the vector units, at the peak that the profile states.
_MATRIX_TYPES = (
    "float16", "bfloat16", "tf32", "float8e4m3fn", "float8e5m2", "float8e4m3fnuz", "float8e5m2fnuz", "float4e2m1",
    "int8", "uint8", "int4", "uint4",
)  # fmt: skip
# Datasheets round peaks to two or three digits.
_ROUNDED = 1.05
_CLASSES: tuple[KernelClass, ...] = ("product", "conv", "elementwise", "softmax", "norm", "rms_norm", "gated", "other")
_ATTENTION_NUMBERS = ("sustained", "bandwidth", "fixed_us", "block_us", "exposed_special")
# The L2 of a GPU whose profile states none: about 2.5 times the memory. Source: XLA's GPU cost model.
_L2_OVER_DRAM = 2.5
# Dispatch of an eager host whose profile states none: A100 and H100 hosts need 6 to 9 us a kernel.
_DISPATCH_US = 8.0


class GpuKeys:
    """The numbers of the GPU keys of one profile, noted as figures while they are read."""

    def __init__(self, entries: Mapping[str, Node], figures: Figures) -> None:
        self._figures = figures
        self.sm_count = figures.count(entries.get("sm_count"))
        self.vector = figures.numbers(entries.get("vector_tflops"), tuple(DTYPE_BITS))
        self.special_gops = figures.number(entries.get("special_gops"))
        self.dispatch_us = figures.number(entries.get("dispatch_us"))
        self.row_step_us = figures.number(entries.get("row_step_us"))
        self.sustained = figures.numbers(entries.get("sustained"), (*DTYPE_BITS, *MATH_TYPES))
        self.shares = figures.numbers(entries.get("bandwidth_share"), _CLASSES)
        node = entries.get("attention")
        parts = {} if node is None else node.mapping((*_ATTENTION_NUMBERS, "packs_queries"))
        numbers = {key: figures.number(parts.get(key)) for key in _ATTENTION_NUMBERS}
        self.attention = {key: value for key, value in numbers.items() if value is not None}
        self.packs = POOLED_ATTENTION.packs_queries
        if "packs_queries" in parts:
            self.packs = bool(parts["packs_queries"].boolean())
            figures.fact(parts["packs_queries"], parts["packs_queries"].characters)
        if "sm_count" in entries and "float32" not in self.vector:
            entries["sm_count"].report("found no vector_tflops.float32, which the time of a kernel needs; add it")

    def model(
        self,
        peaks: Mapping[str, float],
        bandwidths: Mapping[str, float],
        launch_us: float | None,
        figures: Mapping[str, Figure],
    ) -> GpuModel | None:
        """The engines; None for a profile that does not state `sm_count`. To be called without problems."""
        external = bandwidths.get("external")
        if self.sm_count is None or external is None:
            return None
        plain = {dtype: peak for dtype, peak in peaks.items() if dtype not in _MATRIX_TYPES} | self.vector
        vector = {dtype: scaled(peak, TERA) for dtype, peak in plain.items()}
        matrix = {math: scaled(peak, TERA) for math, peak in peaks.items() if self._has_matrix_unit(math)}
        special = self.special_gops if self.special_gops is not None else self.vector["float32"] * 1e3 / 16
        return GpuModel(
            sm_count=self.sm_count,
            matrix_flops_per_s=matrix,
            vector_flops_per_s=vector,
            special_ops_per_s=scaled(special, GIGA),
            dram_bytes_per_s=scaled(external, GIGA),
            l2_bytes_per_s=scaled(bandwidths.get("l2", external * _L2_OVER_DRAM), GIGA),
            launch_s=scaled(launch_us or 0.0, MICRO),
            dispatch_s=scaled(_DISPATCH_US if self.dispatch_us is None else self.dispatch_us, MICRO),
            sustained=self.sustained,
            bandwidth_shares={kind: self.shares[kind] for kind in _CLASSES if kind in self.shares},
            attention=self._attention(),
            row_step_s=POOLED_ROW_STEP_S if self.row_step_us is None else scaled(self.row_step_us, MICRO),
            origins={path: ORIGINS[figure.label] for path, figure in figures.items()},
        )

    def _has_matrix_unit(self, math: str) -> bool:
        """A peak above that of the vector unit is a matrix unit's: as the profile has both, since half of a figure in a
        what-if run makes no unit.
        """
        peak = self._figures.stated(f"peak_tflops.{math}") or 0.0
        plain = self._figures.stated(f"vector_tflops.{math}")
        if plain is None:
            return math in _MATRIX_TYPES
        return peak > plain * _ROUNDED

    def _attention(self) -> AttentionConstants:
        found, pooled = self.attention, POOLED_ATTENTION
        return AttentionConstants(
            sustained=found.get("sustained", pooled.sustained),
            bandwidth=found.get("bandwidth", pooled.bandwidth),
            fixed_s=scaled(found["fixed_us"], MICRO) if "fixed_us" in found else pooled.fixed_s,
            block_s=scaled(found["block_us"], MICRO) if "block_us" in found else pooled.block_s,
            exposed_special=found.get("exposed_special", pooled.exposed_special),
            packs_queries=self.packs,
        )
