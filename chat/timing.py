"""The times that depend on each other, in seconds; tests/chat/test_timing.py holds the rules.

A worker that generates a reply owns a lease on its session. It renews the lease every
`RENEWAL_INTERVAL`, with a delta or, while the model is silent, without. When the lease ends,
recovery enqueues another task, and another worker continues the reply.
"""

# A worker writes the new text of all its replies at this interval. A shorter interval costs more
# CPU, since fewer deltas share one script call. A longer one makes the gaps between words longer:
# WRITE_INTERVAL * 4 <= RENEWAL_INTERVAL.
WRITE_INTERVAL = 0.02
# Before the first text after a silence the worker waits this long for more text. So an answer that
# arrives in one piece is one write, and so are the first words of replies that begin together.
FIRST_WRITE_DELAY = 0.002

# How often a lease is renewed while the model sends nothing. A worker notices a stop at its next
# write or renewal, so a silent model may run on for this long.
# Several renewals may fail before the lease ends: RENEWAL_INTERVAL * 4 <= LEASE_DURATION.
RENEWAL_INTERVAL = 0.4

# Another worker may claim the session after this time without a renewal. A worker that pauses for
# longer loses its lease; only text that was not written yet is generated again.
LEASE_DURATION = 2.5

# One worker at a time looks for sessions to recover. A dead worker's reply continues within
# LEASE_DURATION + RECOVERY_INTERVAL: RECOVERY_INTERVAL * 2 <= LEASE_DURATION.
RECOVERY_INTERVAL = 0.5

# If no worker has taken a task after this time, it counts as lost. A shorter time would enqueue a
# second task for sessions whose first one is only slow: TASK_LOST_AFTER > RECOVERY_INTERVAL.
TASK_LOST_AFTER = 2.0

# A worker continues a reply while Redis is away for this long, then leaves it to recovery. It may
# be longer than the lease: Redis, not the worker's clock, decides who owns the lease.
REDIS_OUTAGE_TIMEOUT = 10.0

# Heroku kills a dyno this many seconds after SIGTERM.
KILLED_AFTER = 30.0
# gunicorn ends a worker process this many seconds after SIGTERM: GRACEFUL_TIMEOUT < KILLED_AFTER.
GRACEFUL_TIMEOUT = 18.0
# The WebSockets of a process that shuts down are closed over this time, so that not all clients
# reconnect at once: CLOSE_DURATION + the WebSocket's send and close timeouts < GRACEFUL_TIMEOUT.
CLOSE_DURATION = 4.0
