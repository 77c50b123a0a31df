"""How fast livepush is on this machine and engine: a command each, `python -m benchmarks.NAME`."""
