"""Gates for model repositories: limits on an analysis, and what breaks them."""
