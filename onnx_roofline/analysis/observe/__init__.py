"""One real run of the model in a child process, for shapes and trip counts that only data decide."""
