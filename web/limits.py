"""What one HTTP request may take, in bytes on the wire and in seconds."""

MOST_IN_A_HEAD = 32 * 1024  # bytes: the request line and the header fields
HEAD_WITHIN = 10.0  # seconds

# The only request body that we accept is a name. Chunk sizes, extensions and trailers count too.
MOST_IN_A_BODY = 64 * 1024  # bytes
MOST_IN_TRAILERS = 8 * 1024  # bytes, of a body in chunks
BODY_WITHIN = 10.0  # seconds

# One piece of an answer must be taken by the client in this time.
SEND_WITHIN = 30.0  # seconds

# After the last answer, a client that still sends gets this much to read that answer.
LINGER_WITHIN = 2.0  # seconds
MOST_TO_DROP = 1024 * 1024  # bytes: what is read meanwhile, and dropped
