"""One file through all passes: settings, the run, the search for dims, and the summary of what was found."""
