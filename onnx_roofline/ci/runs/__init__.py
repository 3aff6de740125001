"""Many models: what is known from earlier runs, and processes or a cluster for the others."""
