"""What one HTTP request may take, in bytes on the wire and in seconds."""

MAX_HEAD_BYTES = 32 * 1024  # bytes: the request line and the header fields
HEAD_WITHIN = 10.0  # seconds

# The only request body that we accept is a name. Chunk sizes, extensions and trailers count too.
MAX_BODY_BYTES = 64 * 1024  # bytes
MAX_TRAILER_BYTES = 8 * 1024  # bytes, of a body in chunks
BODY_WITHIN = 10.0  # seconds

# One piece of an answer must be taken by the client in this time.
SEND_WITHIN = 30.0  # seconds

# After the last answer, a client that still sends gets this much to read that answer.
LINGER_WITHIN = 2.0  # seconds
MAX_DROPPED_BYTES = 1024 * 1024  # bytes: what is read meanwhile, and dropped
