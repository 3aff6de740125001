"""Projections of an analysis: JSON, tables, CSV, pictures. Pure functions; only `files` writes."""
