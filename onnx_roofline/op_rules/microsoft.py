"""The ops of onnxruntime: contrib ops (com.microsoft), its optimizer's layouts, and its internal ops."""

from onnx_roofline.op_rules import (  # noqa: F401  (imported to register their rules)
    microsoft_attention,
    microsoft_cached_attention,
    microsoft_fused,
    microsoft_layout,
    microsoft_movement,
    microsoft_products,
    microsoft_quantized,
    microsoft_recurrent,
)
