"""How a process reaches Redis."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import redis
from redis.backoff import ExponentialWithJitterBackoff
from redis.exceptions import OutOfMemoryError, ReadOnlyError
from redis.retry import Retry

from chat.errors import Busy

# Managed plans allow 20 to 40 connections in all; a command takes well under a millisecond,
# so a few of them carry thousands of sockets. Further callers wait for a free one.
MAX_CONNECTIONS = 8
# Longer than any command takes, shorter than a person waits.
SOCKET_TIMEOUT = 5.0
# Together about a second: a connection that was cut is mended unseen, a lost Redis is told.
RETRIES = 4

# Redis is not there, is still loading, has no room or is no longer the primary: it may pass.
UNREACHABLE = (
    redis.ConnectionError,
    redis.TimeoutError,
    ReadOnlyError,
    OutOfMemoryError,
)


def connect(url: str, *, retries: int = RETRIES) -> redis.Redis:
    """Return a client for ``url`` that any thread may use; it connects when it is first used."""
    pool = redis.BlockingConnectionPool.from_url(
        url,
        max_connections=MAX_CONNECTIONS,
        timeout=SOCKET_TIMEOUT,
        decode_responses=True,
        protocol=2,
        socket_timeout=SOCKET_TIMEOUT,
        socket_connect_timeout=2.0,
        socket_keepalive=True,
        health_check_interval=25,
        retry=Retry(ExponentialWithJitterBackoff(base=0.05, cap=0.5), retries),
        retry_on_error=[ReadOnlyError],
    )
    return redis.Redis(connection_pool=pool)


@contextmanager
def reached() -> Iterator[None]:
    """Turn what redis-py raises when Redis is out of reach into `Busy`."""
    try:
        yield
    except UNREACHABLE as error:
        raise Busy(f"Redis is out of reach: {error}", retry_after=2) from error
