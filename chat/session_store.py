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
from chat.json_lists import decode_list
from chat.redis_client import is_temporary, translated_errors
from chat.scripts import session_step

# Sorted sets of all sessions; ``scripts/session.lua`` explains them.
QUEUED = "chat:queued"
LEASED = "chat:leased"
UNSTARTED = "chat:unstarted"

# A repeated request to erase a session succeeds again for this many seconds.
_REMEMBER_ERASED = 60  # seconds


def state_key(token: str) -> str:
    """Return the key of a session's state."""
    return f"chat:state:{token}"


def text_key(token: str) -> str:
    """Return the key of the partial text of a session's reply."""
    return f"chat:text:{token}"


def _ids_key(token: str) -> str:
    return f"chat:ids:{token}"


def session_keys(token: str) -> list[str]:
    """Return the keys of a step on one session, in the order of ``scripts/session.lua``."""
    own = [token, state_key(token), text_key(token), _ids_key(token)]
    return [*own, QUEUED, LEASED, UNSTARTED, channel(token), f"chat:erased:{token}"]


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
    """The sessions in Redis. Every method raises `RedisUnavailable` while it cannot be used."""

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
        }
        with translated_errors(), self._redis.pipeline() as pipe:
            pipe.execute_command("JSON.SET", session.token, "$", json.dumps(document))
            pipe.hset(state_key(session.token), mapping={"answered": 0, "rev": 0})
            if self._ttl:
                pipe.expire(session.token, self._ttl)
                pipe.expire(state_key(session.token), self._ttl)
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
        # In one transaction: no step comes between the document and the text that belongs to it.
        with translated_errors(), self._redis.pipeline() as pipe:
            pipe.execute_command("JSON.GET", token, "name", "session_start")
            pipe.execute_command("JSON.GET", token, "messages")
            pipe.hmget(state_key(token), "answered", "rev", "reply", "n")
            pipe.get(text_key(token))
            if self._ttl:
                # XX: a session with an unanswered message has no expiry, and must not get one.
                for key in (token, state_key(token), _ids_key(token)):
                    pipe.expire(key, self._ttl, xx=True)
            found, found_messages, (answered, rev, reply, deltas), text, *_ = pipe.execute()
        if found is None or answered is None:
            raise SessionGone
        document = json.loads(found)
        messages = decode_list(found_messages)
        if reply:
            streaming = messages[2 * int(answered) + 1]
            streaming["msg"] += text or ""
            streaming["n"] = int(deltas)
        name, session_start = document["name"], document["session_start"]
        return Session(token, name, session_start, messages, int(answered), int(rev))

    def revisions(self, tokens: Iterable[str]) -> dict[str, int | None]:
        """Return the revision of each session, None for one that is gone."""
        asked = list(tokens)
        with translated_errors(), self._redis.pipeline(transaction=False) as pipe:
            for token in asked:
                pipe.exists(token)
                pipe.hget(state_key(token), "rev")
            answers = pipe.execute(raise_on_error=False)
            for answer in answers:
                if isinstance(answer, redis.RedisError) and is_temporary(answer):
                    raise answer
        found = zip(asked, answers[::2], answers[1::2], strict=True)
        return {token: _revision(exists, rev) for token, exists, rev in found}

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


def _revision(exists: Any, rev: Any) -> int | None:
    if not exists or rev is None or isinstance(rev, redis.RedisError):
        return None
    return int(rev)
