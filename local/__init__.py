"""Runs the whole chat on one machine, with an embedded Redis and an embedded model if needed."""
