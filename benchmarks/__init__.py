"""What the gate costs, measured against what it is measured beside."""
