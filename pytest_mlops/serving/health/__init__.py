"""Service health: real probes, judged by thresholds."""
