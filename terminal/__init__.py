"""The chat in a terminal: a program of its own that uses only the wire contract."""
