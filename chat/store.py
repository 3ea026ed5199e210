"""The sessions: one RedisJSON document each, under its token, that expires when unused."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import redis

from chat.channel import channel
from chat.connect import may_pass, reached
from chat.errors import SessionGone
from chat.schemas import is_token, new_id, timestamp
from chat.scripts import session_step

WAITING = "chat:waiting"  # sorted set: sessions that wait for a worker, by when they were rung for
HELD = "chat:held"  # sorted set: sessions that a worker holds, by when its lease ends
UNBEGUN = "chat:unbegun"  # sorted set: messages whose reply has not begun, by when they came


def session_keys(token: str) -> list[str]:
    """Return the keys that a step on one session works with."""
    return [token, WAITING, HELD, UNBEGUN, channel(token)]


@dataclass(frozen=True)
class Session:
    """A session as it stood at revision ``rev``; its messages are as stored."""

    token: str
    name: str
    session_start: str
    messages: list[dict[str, Any]]
    answered: int  # messages; the replies of these have ended
    rev: int


class Store:
    """The sessions in Redis. Every call raises `Busy` when Redis is out of reach."""

    def __init__(self, client: redis.Redis, ttl: int) -> None:
        self._redis = client
        self._ttl = ttl
        self._erase = session_step(client, "erase")

    def create(self, name: str) -> Session:
        """Begin a session."""
        session = Session(new_id(), name, timestamp(), [], 0, 0)
        document = {
            "token": session.token,
            "name": session.name,
            "session_start": session.session_start,
            "messages": [],
            "answered": 0,
            "rev": "0",
            "turn": None,
        }
        with reached(), self._redis.pipeline() as pipe:
            pipe.execute_command("JSON.SET", session.token, "$", json.dumps(document))
            if self._ttl:
                pipe.expire(session.token, self._ttl)
            pipe.execute()
        return session

    def exists(self, token: str) -> bool:
        """Tell whether there is such a session, without touching it."""
        if not is_token(token):
            return False
        with reached():
            return bool(self._redis.exists(token))

    def history(self, token: str) -> Session:
        """Return the session with all its messages; reading it counts as activity.

        Raises:
            SessionGone: Unknown, expired, erased or malformed.
        """
        if not is_token(token):
            raise SessionGone
        with reached(), self._redis.pipeline(transaction=False) as pipe:
            pipe.execute_command("JSON.GET", token)
            if self._ttl:
                pipe.expire(token, self._ttl, xx=True)  # one with an unanswered message has none
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
        """Return the revision of each session, None for one that is gone or no session."""
        asked = list(tokens)
        with reached(), self._redis.pipeline(transaction=False) as pipe:
            for token in asked:
                pipe.execute_command("JSON.GET", token, ".rev")
            found = pipe.execute(raise_on_error=False)
            for answer in found:
                if isinstance(answer, redis.RedisError) and may_pass(answer):
                    raise answer
        return {
            token: None
            if rev is None or isinstance(rev, redis.RedisError)
            else int(json.loads(rev))
            for token, rev in zip(asked, found, strict=True)
        }

    def erase(self, token: str) -> None:
        """Erase the session and its history, and close its sockets.

        Raises:
            SessionGone: Unknown, expired or malformed.
        """
        if not is_token(token):
            raise SessionGone
        with reached():
            if not self._erase(keys=session_keys(token)):
                raise SessionGone
