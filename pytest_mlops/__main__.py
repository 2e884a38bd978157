"""``python -m pytest_mlops``: the command line."""

from __future__ import annotations

from pytest_mlops.cli import main

if __name__ == "__main__":
    main()
