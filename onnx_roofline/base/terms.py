"""Closed sets that profiles, kernels and their times share."""

from typing import Literal, get_args

# What a kernel mainly does. `gated` is a product of two halves of one tensor with an activation (SwiGLU), `rms_norm` a
# normalisation by one sum over the row, `other` anything that permutes, gathers or reduces.
KernelClass = Literal["product", "conv", "attention", "elementwise", "softmax", "norm", "rms_norm", "gated", "other"]
KERNEL_CLASSES: tuple[KernelClass, ...] = get_args(KernelClass)
# What a GPU keeps busy.
EngineName = Literal["matrix", "vector", "special", "l2", "dram"]
# Where a time comes from, best first.
Origin = Literal["measured", "fitted", "datasheet", "assumed"]
# In what float32 products run: rounded to 19 bits in the matrix unit, as they are, or as three bfloat16 products.
MathMode = Literal["tf32", "fp32", "bf16x3"]
MATH_MODES: tuple[MathMode, ...] = get_args(MathMode)
