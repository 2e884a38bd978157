"""The command line, ``pytest-mlops``."""
