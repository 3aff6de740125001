"""The graph as MLIR in generic form, each op with its figures."""
