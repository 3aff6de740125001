"""The analysis passes, one per file."""

if __name__ != "onnx_roofline.passes":
    raise ImportError(f"import this package as onnx_roofline.passes, not as {__name__!r}")
