"""Rollouts: a verified version is staged, started and judged, then serves or is rolled back."""
