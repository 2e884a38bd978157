"""Ready-made model tests, and the class that hand-written ones derive from."""
