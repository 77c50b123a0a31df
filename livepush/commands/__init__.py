"""The commands of the command line: one small file each, and what several of them need.

They take plain values and return an exit code; `livepush.cli` reads the words of a command line.
"""
