"""What every package stands on: errors, element types, quantities, safe text, strict YAML."""
