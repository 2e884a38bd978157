"""The gate's decision, as pure functions of evidence, policy and context."""
