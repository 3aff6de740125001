"""How ops are grouped into kernels: the view of a scope, templates and their matching, and the general rule."""
