"""Hardware profiles: one YAML file per device or system, each figure with its source."""
