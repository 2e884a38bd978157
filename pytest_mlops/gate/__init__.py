"""The pytest side of the gate: collect, record, seal, show."""
