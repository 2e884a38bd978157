"""Pure numerics, one method per file: no pytest, no I/O, no clock."""
