"""What in a model costs time for no reason: rules with their hazard, their mitigation, and the price of each."""
