"""The Redis client of a process, and the errors that Redis and redis-py raise."""

from __future__ import annotations

import array
import fcntl
import termios
from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter

import redis
from redis.backoff import ExponentialWithJitterBackoff, NoBackoff
from redis.exceptions import InvalidResponse, ReadOnlyError
from redis.retry import Retry

from chat.errors import Internal, RedisUnavailable
from chat.metrics import count_round_trip, redis_failures

# Managed plans allow 20 to 40 connections in all. A command takes well under a millisecond, so a
# few connections serve thousands of WebSockets. Further callers wait for a free connection.
MAX_CONNECTIONS = 4
# Longer than any command takes, shorter than a user waits.
SOCKET_TIMEOUT = 5.0  # seconds
PROBE_TIMEOUT = 1.0  # seconds, for a health check
# All retries together take about a second: enough to replace a connection that was cut. A command
# that times out is not repeated, since each try would take all of `SOCKET_TIMEOUT`.
RETRIES = 4

# Redis cannot be reached, or answers with an error. Nearly every error is a temporary state of
# Redis: out of memory, disk full, no primary, too few replicas, loading, a changed password or ACL.
# No loop may end because of one, even if a future Redis answers with an unknown error.
ERROR_REPLIES = (redis.ResponseError, InvalidResponse)
UNAVAILABLE = (redis.ConnectionError, redis.TimeoutError, *ERROR_REPLIES)
# These answers concern one key, or a fault in one of our scripts. A retry would not change them.
_PERMANENT = ("WRONGTYPE ", "Existing key has wrong Redis type", "ERR user_script:")


class _Connection(redis.Connection):
    """A connection that is checked before each command with one cheap system call.

    redis-py 8 makes and asks a poll object each time, which with gevent takes longer than all else
    that a web process does for a command. It finds a closed connection too. Here the command fails
    then, and is tried again.
    """

    def can_read(self, timeout: float = 0) -> bool:
        """Whether there is data that nobody has read: the connection then cannot be used."""
        reader = getattr(self._parser, "_reader", None)
        if timeout or self._sock is None or reader is None:
            return bool(super().can_read(timeout))
        unread = array.array("i", [0])
        fcntl.ioctl(self._sock, termios.FIONREAD, unread)
        return bool(unread[0] or reader.has_data())


def connect_probe(url: str) -> redis.Redis:
    """Return a client for health checks: it gives up soon, and has one connection."""
    return redis.Redis(
        connection_pool=redis.BlockingConnectionPool.from_url(
            url,
            max_connections=1,
            timeout=PROBE_TIMEOUT,
            decode_responses=True,
            protocol=2,
            socket_timeout=PROBE_TIMEOUT,
            socket_connect_timeout=PROBE_TIMEOUT,
            health_check_interval=0,
            retry=Retry(NoBackoff(), 1, supported_errors=(redis.ConnectionError,)),
        )
    )


def connect(
    url: str, *, retries: int = RETRIES, max_connections: int = MAX_CONNECTIONS
) -> redis.Redis:
    """Return a client for ``url``, safe for all threads. It connects when it is first used."""
    plain = {"connection_class": _Connection} if url.startswith("redis://") else {}
    pool = redis.BlockingConnectionPool.from_url(
        url,
        **plain,  # the class for rediss:// is redis-py's
        max_connections=max_connections,
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
def translated_errors() -> Iterator[None]:
    """Replace the errors of redis-py with ours, and measure the call.

    Our errors are not chained to those of redis-py, which may hold a token: see `cause`.

    Raises:
        RedisUnavailable: Redis cannot be used at the moment.
        Internal: A retry would not help.
    """
    began = perf_counter()
    try:
        yield
    except redis.RedisError as error:
        redis_failures.inc()
        if is_temporary(error):
            raise RedisUnavailable(
                f"Redis is out of reach: {cause(error)}", retry_after=2
            ) from None
        raise Internal(f"Redis refuses: {cause(error)}") from None
    finally:
        count_round_trip(perf_counter() - began)


def is_temporary(error: redis.RedisError) -> bool:
    """Whether an error is a temporary state of Redis, so that a later try may succeed."""
    return isinstance(error, UNAVAILABLE) and not cause(error).startswith(_PERMANENT)


def cause(error: BaseException) -> str:
    """Return the text of an error for the log; an answer of Redis begins with its code.

    In a pipeline the errors of redis-py begin with the command and so with the session's token,
    which must not be logged.
    """
    if isinstance(error.__cause__, redis.RedisError):  # more precise than kombu's error
        error = error.__cause__
    text = str(error).rpartition("caused error: ")[2]
    code = getattr(error, "status_code", None)
    return (f"{code} {text}" if code else text)[:200] or type(error).__name__
