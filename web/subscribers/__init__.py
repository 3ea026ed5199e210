"""The subscribers: what each WebSocket has been sent of its session, complete and in order."""
