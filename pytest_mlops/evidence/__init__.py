"""What makes a record evidence: digests of what was tested."""
