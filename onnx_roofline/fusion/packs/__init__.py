"""What a backend fuses, one YAML file each; read by `onnx_roofline.fusion.backends`."""
