"""Whether this system can serve: Redis answers, has RedisJSON, and a worker takes messages."""

from __future__ import annotations

import logging

import redis

from chat.errors import ChatError
from chat.redis_client import translated_errors
from chat.worker_heartbeat import ABSENT_AFTER, heartbeat_age
from web.log_throttle import LogThrottle

log = logging.getLogger(__name__)
log.addFilter(LogThrottle())

# What may be missing, and what an operator reads of it.
REDIS, REDIS_JSON, WORKER = "redis", "redisjson", "worker"
EXPLANATIONS = {
    REDIS: "Redis does not answer.",
    REDIS_JSON: "Redis has no RedisJSON: it takes Redis 8, Redis Stack or a plan that names it.",
    WORKER: f"No worker was seen in the last {ABSENT_AFTER:g} s.",
}
_NO_SUCH_KEY = "chat:readiness"


def missing_parts(client: redis.Redis) -> list[str]:
    """Return what is missing to serve; [] if nothing is. ``client`` should give up soon."""
    try:
        missing = [] if _has_redis_json(client) else [REDIS_JSON]
        age = heartbeat_age(client)
    except ChatError as error:
        log.warning("not ready: %s", error)
        return [REDIS]
    if age is None or age >= ABSENT_AFTER:
        missing.append(WORKER)
    return missing


def _has_redis_json(client: redis.Redis) -> bool:
    with translated_errors():
        try:
            client.execute_command("JSON.GET", _NO_SUCH_KEY)
        except redis.ResponseError as error:
            if "unknown command" in str(error).lower():
                return False
            raise
    return True
