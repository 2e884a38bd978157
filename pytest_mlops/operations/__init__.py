"""Everything that can be done, one plain function each, for CLI, framework and action."""
