"""Shapes: the onnx library's inference of one op, values of small tensors, control flow, and rules of our own."""
