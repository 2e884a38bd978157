"""The registry: which versions exist, what they are made of, and where the aliases point."""
