"""Ticket policies: each one a small check of a case, which holds with a sentence or refuses with one."""
