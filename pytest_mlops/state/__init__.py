"""What a rollout keeps: plan, steps, lease, pointer, journal, deployment rows, requested controls."""
