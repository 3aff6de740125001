"""The intermediate representation: the frozen graph, its typed columns, the pipeline, and the def-use index."""
