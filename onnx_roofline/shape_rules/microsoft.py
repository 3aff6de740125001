"""Output types of onnxruntime's ops; imported when the first of them is asked for."""

from onnx_roofline.shape_rules import (  # noqa: F401  (imported to register their rules)
    microsoft_attention,
    microsoft_data,
    microsoft_layout,
    microsoft_products,
)
