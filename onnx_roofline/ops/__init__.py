"""What is known of each op: its traits, its cost rule and its shape rule."""
