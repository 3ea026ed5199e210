"""The subscribers: each sends one client the events of its session, once and in order."""
