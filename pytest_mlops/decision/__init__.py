"""The gate law, pure: evidence, policy and context in, judgement out."""
