"""What a model costs as exact polynomials of its dims."""
