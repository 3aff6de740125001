"""Shape rules of ops outside the standard, as their cost rules."""
