"""Facts of git and of the CI system: commit, merge base, event, context, run id."""
