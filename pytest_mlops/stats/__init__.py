"""Pure numerics: one method a file; no pytest, no I/O, no clock."""
