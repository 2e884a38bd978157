"""Metrics: array arguments validated, estimates and paired differences computed."""
