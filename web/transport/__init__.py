"""The WebSocket transport: Flask routes whose handlers get a `WebSocket`, and its parts."""
