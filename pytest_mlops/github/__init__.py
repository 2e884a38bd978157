"""What GitHub is told of a verdict, and what it knows of earlier ones."""
