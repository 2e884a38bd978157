"""The GitHub action's side of the gate."""
