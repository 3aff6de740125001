"""Cost rules: what each op computes and accesses. One file per op family, one rule per (domain, op, since_version)."""
