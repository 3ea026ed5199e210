"""The mailbox in each session: messages go in, replies come out, one at a time and in order.

Each call is one atomic step in Redis (``scripts/``), safe to repeat, and says whether somebody
must ring for a worker. Only who holds a session writes its reply; a holder finds out that it
does so no longer by the answer of its next step.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import redis

from chat.channel import publish
from chat.connect import reached
from chat.errors import SessionGone, UnknownMessage
from chat.schemas import BOT, HUMAN, new_id, timestamp
from chat.scripts import session_step, sweep_step, unserved_step
from chat.store import HELD, WAITING, session_keys

# How long a holder that died keeps others from its session. Every delta renews it, and the
# keeper does while the model is silent. A worker that stands still for longer loses its replies
# to others, which costs no more than doing a part again.
LEASE = 2.5  # seconds
# A message whose holders died so often without a word is given up.
MOST_CLAIMS = 4
# A ring that took longer may be lost. Shorter would ring twice for what is only slow.
RING_LOST_AFTER = 2.0  # seconds
SWEEP_EVERY = 0.5  # seconds, in all workers together

_SWEEP_LOCK = "chat:sweep"
_GONE, _KNOWN, _UNKNOWN, _CLAIMED = "gone", "known", "unknown", "claimed"


class Accepted(NamedTuple):
    """A message is stored and will be answered."""

    position: int  # messages of all sessions that are to be begun before it
    ring: bool


class Unserved(NamedTuple):
    """A session with an unanswered message that no worker answers now."""

    token: str
    message_id: str  # the oldest unanswered one
    rev: int  # the session's revision when it stood like that


class Committed(NamedTuple):
    """How a session stands after a reply has ended."""

    ours: bool  # False: the reply was no longer the holder's
    waiting: bool  # there is another message
    line: int  # sessions that wait for a worker


@dataclass(frozen=True)
class Claim:
    """A message to be answered, and how far its reply has come."""

    token: str
    holder: str
    messages: list[dict[str, Any]]  # as stored; the last is the one to answer
    reply: str  # id
    said: str  # the reply's text so far
    n: int  # deltas that it holds
    attempt: int
    elapsed: float  # seconds since it was claimed first


class Mailbox:
    """The steps on sessions. Every call raises `Busy` when Redis is out of reach."""

    def __init__(self, client: redis.Redis, ttl: int) -> None:
        self._redis = client
        self._ttl = ttl
        self._accept = session_step(client, "accept")
        self._claim = session_step(client, "claim")
        self._append = session_step(client, "append")
        self._renew = session_step(client, "renew")
        self._restart = session_step(client, "restart")
        self._commit = session_step(client, "commit")
        self._release = session_step(client, "release")
        self._stop = session_step(client, "stop")
        self._retry = session_step(client, "retry")
        self._sweep = sweep_step(client)
        self._unserved = unserved_step(client)

    # What a person does

    def accept(self, token: str, message_id: str, text: str) -> Accepted:
        """Store a human message; one whose id is known already stays as it is.

        Raises:
            SessionGone: There is no such session.
        """
        message = {"id": message_id, "msg": HUMAN + text, "timestamp": timestamp()}
        outcome, position, ring = self._do(self._accept, token, json.dumps(message))
        if outcome == _GONE:
            raise SessionGone
        return Accepted(position, bool(ring))

    def oldest_unanswered(self, token: str) -> str | None:
        """Return the id of the message that is being answered, or will be next."""
        with reached():
            found = self._redis.execute_command("JSON.GET", token, "$.answered")
            if not found:
                return None
            path = f"$.messages[{2 * json.loads(found)[0]}].id"
            ids = self._redis.execute_command("JSON.GET", token, path)
        return next(iter(json.loads(ids or "[]")), None)

    def unserved(self, tokens: Sequence[str]) -> list[Unserved]:
        """Return those of some sessions that wait for a worker, or whose worker has died."""
        with reached():
            found = self._unserved(keys=[WAITING, HELD, *tokens])
        triples = zip(found[::3], found[1::3], found[2::3], strict=True)
        return [Unserved(token, message_id, int(rev)) for token, message_id, rev in triples]

    def sessions_unanswered(self) -> int:
        """Return how many sessions have an unanswered message, begun or not."""
        with reached(), self._redis.pipeline(transaction=False) as pipe:
            pipe.zcard(WAITING)
            pipe.zcard(HELD)
            return sum(pipe.execute())

    def stop(self, token: str, message_id: str) -> bool:
        """End the reply to a message if it is the oldest unanswered; return whether to ring.

        What was said so far is the reply. Its maker finds out by its next step.
        """
        reply = {**_new_reply(), "reply_to": message_id}
        _, ring = self._do(self._stop, token, message_id, json.dumps(reply), self._ttl)
        return bool(ring)

    def retry(self, token: str, message_id: str) -> Accepted:
        """Drop the reply to the last human message, so that it is answered again.

        Raises:
            SessionGone: There is no such session.
            UnknownMessage: It is not the last human message.
        """
        outcome, position, ring = self._do(self._retry, token, message_id, new_id())
        if outcome == _GONE:
            raise SessionGone
        if outcome == _UNKNOWN:
            raise UnknownMessage
        return Accepted(position, bool(ring))

    # What a worker does

    def claim(self, token: str, holder: str, window: int) -> Claim | None:
        """Take the session's lease and its oldest unanswered message.

        ``holder`` is a fresh id; ``window`` bounds how many messages come with the claim. None:
        somebody else holds the session, or nothing waits in it.
        """
        reply = json.dumps(_new_reply())
        answer = self._do(
            self._claim, token, holder, _micros(LEASE), reply, window, MOST_CLAIMS, self._ttl
        )
        if answer[0] != _CLAIMED:
            return None
        _, messages, begun, attempt, elapsed = answer
        reply = json.loads(begun)[0]
        return Claim(
            token,
            holder,
            json.loads(messages),
            reply["id"],
            reply["msg"].removeprefix(BOT),
            reply["n"],
            attempt,
            int(elapsed) / 1e6,
        )

    def append(self, token: str, holder: str, attempt: int, n: int, text: str) -> bool:
        """Add delta number ``n`` to the reply; False if it is no longer the holder's."""
        delta = json.dumps(text)
        return bool(self._do(self._append, token, holder, attempt, n, delta, _micros(LEASE)))

    def renew(self, holders: Iterable[tuple[str, str]]) -> list[bool]:
        """Renew the lease of each token and holder; False where it is no longer the holder's."""
        with reached(), self._redis.pipeline(transaction=False) as pipe:
            for token, holder in holders:
                self._renew(keys=session_keys(token), args=[holder, _micros(LEASE)], client=pipe)
            return [bool(kept) for kept in pipe.execute()]

    def restart(self, token: str, holder: str, attempt: int) -> bool:
        """Drop the reply's text and begin anew after ``attempt``; False as in `append`."""
        return bool(self._do(self._restart, token, holder, attempt, _micros(LEASE)))

    def wait(self, token: str, reply_to: str, code: str, retry_after: float) -> None:
        """Tell the session's sockets that the model is not ready yet."""
        event = {"type": "wait", "reply_to": reply_to, "code": code, "retry_after": retry_after}
        with reached():
            publish(self._redis, token, event)

    def commit(
        self, token: str, holder: str, reply: str, attempt: int, n: int, error: str = ""
    ) -> Committed:
        """End the reply of ``n`` deltas, failed if there is an ``error``; let the session go."""
        status = "failed" if error else "done"
        args = (holder, reply, attempt, n, status, error, self._ttl)
        ours, waiting, line = self._do(self._commit, token, *args)
        return Committed(bool(ours), bool(waiting), line)

    def release(self, token: str, holder: str) -> bool:
        """Leave the reply to whoever claims the session next; False as in `append`."""
        return bool(self._do(self._release, token, holder))

    def sweep(self, rings_queued: int, most: int) -> list[str]:
        """Return up to ``most`` sessions that need a ring: their holder died or it was lost.

        All workers call it; one of them gets an answer each `SWEEP_EVERY` seconds.
        """
        args = [int(SWEEP_EVERY * 900), _micros(RING_LOST_AFTER), rings_queued, most]
        with reached():
            tokens: list[str] = self._sweep(keys=[_SWEEP_LOCK, WAITING, HELD], args=args)
        return tokens

    def _do(self, step: Any, token: str, *args: str | int) -> Any:
        with reached():
            return step(keys=session_keys(token), args=args)


def _new_reply() -> dict[str, Any]:
    return {"id": new_id(), "msg": BOT, "timestamp": timestamp(), "status": "streaming", "n": 0}


def _micros(seconds: float) -> int:
    return int(seconds * 1_000_000)
