"""Ready-made checks and the base class of model tests."""
