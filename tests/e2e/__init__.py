"""End to end: the command line, the watcher and a real engine, as a person would use them."""
