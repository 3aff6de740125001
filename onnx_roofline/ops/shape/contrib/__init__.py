"""Shape rules of onnxruntime's ops."""
