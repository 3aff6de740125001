"""`python -m onnx_roofline`: the command line."""

from onnx_roofline.cli.main import main

raise SystemExit(main())
