"""Runs the command line as `python -m kgan`."""

from kgan.cli import main

if __name__ == "__main__":
    main()
