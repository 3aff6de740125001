"""`python -m onnx_roofline`: the command line."""

from onnx_roofline.cli import main

raise SystemExit(main())
