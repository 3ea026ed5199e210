"""The worker: takes a queued session, asks the model, and writes the reply as it arrives."""
