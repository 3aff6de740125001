"""The roofline picture."""
