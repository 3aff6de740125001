"""What would change: sweeps over dims, flip points, sensitivity to figures, other counters' conventions."""
