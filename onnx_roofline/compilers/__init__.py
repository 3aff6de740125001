"""The analysis as a pass of other people's compilers, xDSL and onnx_ir: each annotates in place what it is given."""
