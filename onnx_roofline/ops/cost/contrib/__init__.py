"""Cost rules of ops outside the standard: onnxruntime's, and those of TensorRT's, OpenMMLab's and QONNX' exporters."""
