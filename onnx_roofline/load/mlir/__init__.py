"""MLIR modules of ONNX ops as ONNX models: onnx-mlir's dialect, torch-mlir's `torch.operator`, and what we write."""
