"""Memory traffic beyond one op: tiling, reuse distance, and caches of keys and values."""
