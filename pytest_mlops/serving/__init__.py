"""Processes and traffic on one machine; it reads the state of rollouts and decides nothing about them."""
