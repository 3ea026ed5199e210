"""The limits of one HTTP request, in bytes on the wire and in seconds."""

MAX_HEAD_BYTES = 32 * 1024  # the request line and the header fields
HEAD_TIMEOUT = 10.0  # seconds

# The only request body that we accept is a name. Chunk sizes, extensions and trailers count too.
MAX_BODY_BYTES = 64 * 1024
MAX_TRAILER_BYTES = 8 * 1024  # of a chunked body
BODY_TIMEOUT = 10.0  # seconds

# The client must take each piece of a response within this time.
SEND_TIMEOUT = 30.0  # seconds

# After the last response, what the client still sends is read and discarded within these limits,
# so that the client can read that response.
LINGER_TIMEOUT = 2.0  # seconds
MAX_DISCARDED_BYTES = 1024 * 1024
