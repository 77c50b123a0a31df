"""livepush: save a file, and the running container has it."""

__version__ = "0.1.0"
