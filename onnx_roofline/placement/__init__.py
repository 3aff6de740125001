"""Kernels as a placement problem: the kernel graph, its crossings, and splits over both devices."""
