"""A chat in the terminal: a client of the wire contract like any other, with no private door."""
