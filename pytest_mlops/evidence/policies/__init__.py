"""Checks of a ticket: each one looks at a case, and returns a message where it holds or raises one."""
