"""`python -m livepush`: the command line."""

from livepush.cli import main

if __name__ == "__main__":
    main()
