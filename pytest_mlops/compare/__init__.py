"""Comparison of two versions: where the baseline comes from, how examples are paired, what differs."""
