"""How a process reaches Redis."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import redis
from redis.backoff import ExponentialWithJitterBackoff
from redis.exceptions import ClusterDownError, NoScriptError, OutOfMemoryError, ReadOnlyError
from redis.retry import Retry

from chat.errors import Busy, Internal

# Managed plans allow 20 to 40 connections in all; a command takes well under a millisecond,
# so a few of them carry thousands of sockets. Further callers wait for a free one.
MAX_CONNECTIONS = 4
# Longer than any command takes, shorter than a person waits.
SOCKET_TIMEOUT = 5.0
# Together about a second: a connection that was cut is mended unseen, a lost Redis is told. One
# that stands still is told after a single try, since each costs all of `SOCKET_TIMEOUT`.
RETRIES = 4

# Redis is not there, is still loading, has no room, is no longer the primary, or started anew
# between a script's loading and its run: it may pass.
UNREACHABLE = (
    redis.ConnectionError,
    redis.TimeoutError,
    ReadOnlyError,
    OutOfMemoryError,
    ClusterDownError,
    NoScriptError,
)
# It cannot write to its disk, is held up by a script, or misses its replicas: that may pass, too.
_PASSING = ("MISCONF", "BUSY", "NOREPLICAS")


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
        retry=Retry(
            ExponentialWithJitterBackoff(base=0.05, cap=0.5),
            retries,
            supported_errors=(redis.ConnectionError,),
        ),
        retry_on_error=[ReadOnlyError],
    )
    return redis.Redis(connection_pool=pool)


@contextmanager
def reached() -> Iterator[None]:
    """Turn what redis-py raises into our own: `Busy` where it may pass, else `Internal`.

    In a pipeline its errors begin with the command, token and all, which must reach no log: so
    they are not chained either.
    """
    try:
        yield
    except redis.RedisError as error:
        said = str(error).rpartition("caused error: ")[2]
        if isinstance(error, UNREACHABLE) or said.startswith(_PASSING):
            raise Busy(f"Redis is out of reach: {said}", retry_after=2) from None
        raise Internal(f"Redis refuses: {said}") from None
