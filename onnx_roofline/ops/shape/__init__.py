"""Shape rules of our own: output types where the onnx library's inference falls short."""
