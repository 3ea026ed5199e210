"""How a process reaches Redis."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import redis
from redis.backoff import ExponentialWithJitterBackoff
from redis.exceptions import InvalidResponse, ReadOnlyError
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

# Redis cannot be reached, or answers with an error. Such an answer is a state of Redis, which
# passes: no room, no disk, no primary, too few replicas, loading, a changed password or right, ...
# No loop may end because of it, whatever a future Redis answers.
REFUSED = (redis.ResponseError, InvalidResponse)
UNREACHABLE = (redis.ConnectionError, redis.TimeoutError, *REFUSED)
# These answers are not about Redis but about one key, or are a fault of a script of ours. They
# stay, so that nobody is asked to try again.
_OURS = ("WRONGTYPE ", "Existing key has wrong Redis type", "ERR user_script:")


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
def translated_errors() -> Iterator[None]:
    """Turn what redis-py raises into our own: `Busy` where it may pass, else `Internal`.

    They are not chained, since redis-py's own may hold a token: see `cause`.
    """
    try:
        yield
    except redis.RedisError as error:
        if may_pass(error):
            raise Busy(f"Redis is out of reach: {cause(error)}", retry_after=2) from None
        raise Internal(f"Redis refuses: {cause(error)}") from None


def may_pass(error: redis.RedisError) -> bool:
    """Tell whether an error is a state of Redis, and not about one key or a fault of ours."""
    return isinstance(error, UNREACHABLE) and not cause(error).startswith(_OURS)


def cause(error: BaseException) -> str:
    """Return what an error says, for a log; an answer of Redis begins with its code.

    In a pipeline redis-py's errors begin with the command, token and all, which must reach no log.
    """
    if isinstance(error.__cause__, redis.RedisError):  # kombu's own say less
        error = error.__cause__
    said = str(error).rpartition("caused error: ")[2]
    code = getattr(error, "status_code", None)
    return (f"{code} {said}" if code else said)[:200] or type(error).__name__
