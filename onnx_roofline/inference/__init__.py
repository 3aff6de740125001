"""The shape engine: a forward walk over scopes with the values of small tensors, bounds, and control flow."""
