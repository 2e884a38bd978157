"""Where versions run: one target a file, all behind the same protocol."""
