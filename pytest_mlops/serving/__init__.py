"""Serving on one machine: processes, traffic, health; it knows neither tickets nor rollouts."""
