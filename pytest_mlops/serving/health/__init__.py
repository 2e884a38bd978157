"""Service health: probes that really probe, and what their answers come to."""
