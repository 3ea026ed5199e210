"""The sessions: one RedisJSON document each, under its token, that expires when unused."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import redis

from chat.channel import channel
from chat.errors import SessionGone
from chat.ids import is_token, new_id, timestamp
from chat.redis_client import is_temporary, translated_errors
from chat.scripts import session_step

# Sorted sets of all sessions; ``scripts/session.lua`` explains them.
QUEUED = "chat:queued"
LEASED = "chat:leased"
UNSTARTED = "chat:unstarted"

# A repeated request to erase a session succeeds again for this many seconds.
_REMEMBER_ERASED = 60  # seconds


def session_keys(token: str) -> list[str]:
    """Return the keys of a step on one session, in the order of ``scripts/session.lua``."""
    return [token, QUEUED, LEASED, UNSTARTED, channel(token), f"chat:erased:{token}"]


@dataclass(frozen=True)
class Session:
    """A session as it stood at revision ``rev``. Messages are as stored."""

    token: str
    name: str
    session_start: str
    messages: list[dict[str, Any]]
    answered: int  # human messages whose reply has ended
    rev: int


class SessionStore:
    """The sessions in Redis. Every method raises `Busy` while Redis cannot be used."""

    def __init__(self, client: redis.Redis, ttl: int) -> None:
        """``ttl`` is the expiry of an idle session in seconds, 0 for none."""
        self._redis = client
        self._ttl = ttl
        self._erase = session_step(client, "erase")

    def create(self, name: str) -> Session:
        """Create a session."""
        session = Session(new_id(), name, timestamp(), [], 0, 0)
        document = {
            "token": session.token,
            "name": session.name,
            "session_start": session.session_start,
            "messages": [],
            "answered": 0,
            "rev": "0",
            "generation": None,
        }
        with translated_errors(), self._redis.pipeline() as pipe:
            pipe.execute_command("JSON.SET", session.token, "$", json.dumps(document))
            if self._ttl:
                pipe.expire(session.token, self._ttl)
            pipe.execute()
        return session

    def exists(self, token: str) -> bool:
        """Whether there is such a session. Does not count as activity."""
        if not is_token(token):
            return False
        with translated_errors():
            return bool(self._redis.exists(token))

    def history(self, token: str) -> Session:
        """Return the session with all its messages. Counts as activity.

        Raises:
            SessionGone: The token is unknown, expired, erased or malformed.
        """
        if not is_token(token):
            raise SessionGone
        with translated_errors(), self._redis.pipeline(transaction=False) as pipe:
            pipe.execute_command("JSON.GET", token)
            if self._ttl:
                # XX: a session with an unanswered message has no expiry, and must not get one.
                pipe.expire(token, self._ttl, xx=True)
            found = pipe.execute()[0]
        if found is None:
            raise SessionGone
        document = json.loads(found)
        return Session(
            document["token"],
            document["name"],
            document["session_start"],
            document["messages"],
            document["answered"],
            int(document["rev"]),
        )

    def revisions(self, tokens: Iterable[str]) -> dict[str, int | None]:
        """Return the revision of each session, None for one that is gone or is no session."""
        asked = list(tokens)
        with translated_errors(), self._redis.pipeline(transaction=False) as pipe:
            for token in asked:
                pipe.execute_command("JSON.GET", token, ".rev")
            answers = pipe.execute(raise_on_error=False)
            for answer in answers:
                if isinstance(answer, redis.RedisError) and is_temporary(answer):
                    raise answer
        return dict(zip(asked, map(_revision, answers), strict=True))

    def erase(self, token: str) -> None:
        """Erase the session and its history; its WebSockets are closed.

        Raises:
            SessionGone: The token is unknown, expired or malformed.
        """
        if not is_token(token):
            raise SessionGone
        with translated_errors():
            if not self._erase(keys=session_keys(token), args=[new_id(), _REMEMBER_ERASED]):
                raise SessionGone


def _revision(answer: Any) -> int | None:
    if answer is None or isinstance(answer, redis.RedisError):
        return None
    return int(json.loads(answer))
