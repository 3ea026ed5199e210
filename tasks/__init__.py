"""The worker: takes a session that waits, asks the model, and writes the reply as it comes."""
