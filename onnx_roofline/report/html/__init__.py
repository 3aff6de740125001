"""The report as one page: data, layout, style and script in a file that asks for nothing else."""
