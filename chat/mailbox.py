"""The mailbox of each session: human messages go in, replies come out, one at a time and in order.

Each method runs one atomic step in Redis (``scripts/``) that is safe to repeat. A step that queues
a session says whether its caller must enqueue a task (`tasks.task_queue`). Only the worker that
owns the session's lease writes its reply; a worker that lost the lease learns this when its next
call returns False.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import redis

from chat.channel import channel, publish
from chat.errors import CompleteReply, SessionGone, UnknownMessage, error_message
from chat.ids import new_id, timestamp
from chat.message_log import log_end
from chat.redis_client import translated_errors
from chat.scripts import recovery_step, session_step, unserved_step, waiting_step, write_step
from chat.server_frames import MessageFrameSchema, ThinkingSchema, WaitSchema
from chat.session_schema import BOT, HUMAN, Finish
from chat.session_store import LEASED, QUEUED, UNSTARTED, session_keys, state_key, text_key
from chat.timing import LEASE_DURATION, RECOVERY_INTERVAL, TASK_LOST_AFTER

# A message fails after this many workers in a row have claimed it and died before writing any text.
MAX_CLAIMS = 4

# Sessions that are written in one script, in which Redis serves nobody else: some 0.5 ms.
MAX_WRITES = 64

# Messages that are looked at to find the one that has waited for longest: some 5 ms of Redis' time.
_MAX_LOOKED_AT = 5000

_RECOVERY_LOCK = "chat:recovery"
_MESSAGE = MessageFrameSchema()
_THINKING = ThinkingSchema()
_WAIT = WaitSchema()


class Task(NamedTuple):
    """A task that wakes a worker for a session, and where it is enqueued."""

    queue: str  # the key of a list
    entry: str


class Accepted(NamedTuple):
    """A message is stored and will be answered."""

    position: int  # messages of all sessions that came earlier and have no reply yet
    must_enqueue: bool
    enqueued: bool = False  # whether the step itself has enqueued its `Task`


class Stopped(NamedTuple):
    """Whether a reply was stopped."""

    stopped: bool  # False: the message is not the oldest unanswered one
    next_message_id: str | None  # of the message for which the caller must enqueue a task


class Committed(NamedTuple):
    """The state of a session after a reply has ended."""

    owned: bool  # False: the lease was lost before
    queued: bool  # the session has another message and waits for a worker
    sessions_queued: int  # of all sessions
    status: str = ""  # of the reply: as committed, or "stopped" if its user stopped it before


class Unserved(NamedTuple):
    """A session with an unanswered message that no worker answers now."""

    token: str
    message_id: str  # the oldest unanswered one
    rev: int  # the session's revision at that time


class Waiting(NamedTuple):
    """What waits for a worker, of all sessions."""

    messages: int  # whose reply has not started
    sessions_queued: int
    sessions_leased: int  # that a worker answers now
    oldest: float  # seconds for which a message has waited, in a session without a worker; 0: none


class Write(NamedTuple):
    """What a worker writes under a lease: the next delta of a reply, a longer lease, or both."""

    token: str
    lease_id: str
    attempt: int
    n: int  # the number of the delta, from 0 within the attempt
    text: str  # the delta; empty: there is none, and `attempt` and `n` do not matter
    renew: bool  # whether the lease is extended


@dataclass(frozen=True)
class Claim:
    """A message to answer, under a lease, and its reply so far."""

    token: str
    lease_id: str
    messages: list[dict[str, Any]]  # as stored; the last one is the message to answer
    reply_id: str
    text: str  # the partial text of the reply
    kept_text: str  # its beginning, which the reply had before it was continued; a restart keeps it
    deltas: int  # number of deltas in the partial text
    attempt: int  # from 1
    elapsed: float  # seconds since the first claim of this message
    resumed: bool  # whether another worker has claimed the message before
    waited: float | None  # seconds in the queue; None if this is not the message's first claim

    @property
    def message_id(self) -> str:
        """The id of the message to answer."""
        return str(self.messages[-1]["id"])


class Mailbox:
    """The steps on sessions. Every method raises `RedisUnavailable` while Redis cannot be used."""

    def __init__(self, client: redis.Redis, ttl: int) -> None:
        """``ttl`` is the expiry of an idle session in seconds, 0 for none."""
        self._redis = client
        self._ttl = ttl
        self._accept = session_step(client, "accept")
        self._claim = session_step(client, "claim")
        self._commit = session_step(client, "commit")
        self._continue = session_step(client, "continue")
        self._release = session_step(client, "release")
        self._restart = session_step(client, "restart")
        self._retry = session_step(client, "retry")
        self._stop = session_step(client, "stop")
        self._think = session_step(client, "think")
        self._write = write_step(client)
        self._recover = recovery_step(client)
        self._unserved = unserved_step(client)
        self._waiting = waiting_step(client)

    # For the web process

    def accept(self, token: str, message_id: str, text: str, task: Task | None = None) -> Accepted:
        """Store a human message. A message whose id is known stays as it is.

        ``task`` is enqueued in the same step if one must be enqueued. Give it if its queue is in
        the same Redis as the sessions.

        Raises:
            SessionGone: There is no such session.
        """
        message = _human_message(message_id, text)
        queue, entry = task or ("", "")
        args = [message_id, *message, entry]
        with translated_errors():
            return _accepted(self._accept(keys=[*session_keys(token), queue], args=args))

    def retry(self, token: str, message_id: str, text: str | None = None) -> Accepted:
        """Drop the reply to the last human message, so that it is answered again.

        ``text`` is a new text of the message. If the text stays the same, and the new reply ends
        without text, the old reply is put back.

        Raises:
            SessionGone: There is no such session.
            UnknownMessage: It is not the last human message.
        """
        message = ("", "") if text is None else _human_message(message_id, text)
        return _accepted(self._run(self._retry, token, message_id, new_id(), *message))

    def continue_reply(self, token: str, message_id: str) -> Accepted:
        """Have a worker go on with the reply to the last human message, from its text.

        Raises:
            SessionGone: There is no such session.
            UnknownMessage: It is not the last human message.
            CompleteReply: The reply was not cut or stopped, or it failed without text.
        """
        return _accepted(self._run(self._continue, token, message_id, new_id()))

    def stop(self, token: str, message_id: str) -> Stopped:
        """End the reply to a message, if it is the oldest unanswered one, with its partial text."""
        reply = json.dumps(_new_reply())
        stopped, next_id = self._run(self._stop, token, message_id, reply, self._ttl)
        return Stopped(bool(stopped), next_id or None)

    def oldest_unanswered(self, token: str) -> str | None:
        """Return the id of the message that is being answered or will be next."""
        with translated_errors():
            answered = self._redis.hget(state_key(token), "answered")
            if answered is None:
                return None
            path = f"$.messages[{2 * int(answered)}].id"
            ids = self._redis.execute_command("JSON.GET", token, path)
        return next(iter(json.loads(ids or "[]")), None)

    def unserved(self, tokens: Sequence[str]) -> list[Unserved]:
        """Return those of the sessions that wait for a worker, or whose worker has died."""
        with translated_errors():
            keys = [key for token in tokens for key in (token, state_key(token))]
            found = self._unserved(keys=[QUEUED, LEASED, *keys])
        triples = zip(found[::3], found[1::3], found[2::3], strict=True)
        return [Unserved(token, message_id, int(rev)) for token, message_id, rev in triples]

    def sessions_unanswered(self) -> int:
        """Return how many sessions have an unanswered message, started or not."""
        with translated_errors(), self._redis.pipeline(transaction=False) as pipe:
            pipe.zcard(QUEUED)
            pipe.zcard(LEASED)
            return sum(pipe.execute())

    def waiting(self) -> Waiting:
        """Return what waits for a worker."""
        with translated_errors():
            messages, queued, leased, oldest = self._waiting(
                keys=[QUEUED, LEASED, UNSTARTED], args=[_MAX_LOOKED_AT]
            )
        return Waiting(messages, queued, leased, oldest / 1e6)

    # For the worker

    def claim(self, token: str, lease_id: str, max_messages: int) -> Claim | None:
        """Take the session's lease together with its oldest unanswered message.

        ``lease_id`` is a fresh id; ``max_messages`` bounds the messages in the claim. Returns None
        if another worker owns the lease or nothing is unanswered.
        """
        answer = self._run(
            self._claim,
            token,
            lease_id,
            _micros(LEASE_DURATION),
            json.dumps(_new_reply()),
            max_messages,
            MAX_CLAIMS,
            self._ttl,
        )
        if answer[0] in ("claimed", "idle") and answer[-1]:
            log_end("internal", token, answer[-1], reason="its workers kept dying")
        if answer[0] != "claimed":
            return None
        _, messages, reply_id, text, deltas, attempt, elapsed, resumed, kept, waited, _ = answer
        return Claim(
            token=token,
            lease_id=lease_id,
            messages=json.loads(messages),
            reply_id=reply_id,
            text=text,
            kept_text=text.encode()[:kept].decode(),
            deltas=deltas,
            attempt=attempt,
            elapsed=int(elapsed) / 1e6,
            resumed=bool(resumed),
            waited=int(waited) / 1e6 if int(waited) >= 0 else None,
        )

    def write(self, writes: Sequence[Write]) -> list[bool]:
        """Add deltas and extend leases, `MAX_WRITES` at most; False for each lease that is lost.

        Repeating the same write has no further effect.
        """
        keys: list[str] = [QUEUED, LEASED]
        args: list[str | int] = [_micros(LEASE_DURATION)]
        for token, lease_id, attempt, n, text, renew in writes:
            keys += (token, state_key(token), text_key(token), channel(token))
            args += (lease_id, attempt, n, text, json.dumps(text), int(renew))
        with translated_errors():
            return [bool(owned) for owned in self._write(keys=keys, args=args)]

    def append(self, token: str, lease_id: str, attempt: int, n: int, text: str) -> bool:
        """Add delta number ``n`` to the reply and extend the lease; False if the lease is lost."""
        return self.write([Write(token, lease_id, attempt, n, text, renew=True)])[0]

    def restart(self, token: str, lease_id: str, attempt: int) -> bool:
        """End ``attempt``: drop the text after `Claim.kept_text` and begin anew.

        Returns False if the lease is lost. The reply then has one delta if there is text that is
        kept, else none.
        """
        args = (lease_id, attempt, _micros(LEASE_DURATION))
        return bool(self._run(self._restart, token, *args))

    def publish_wait(self, token: str, reply_to: str, code: str, retry_after: float) -> None:
        """Publish that the model is not ready and is asked again in ``retry_after`` seconds."""
        wait = {"reply_to": reply_to, "code": code, "retry_after": retry_after}
        with translated_errors():
            publish(self._redis, token, "wait", json.dumps(_WAIT.dump(wait)))

    def publish_thinking(self, token: str, reply_id: str, reply_to: str) -> None:
        """Publish that the model works on a reply without text to show, if it has not ended."""
        thinking = {"id": reply_id, "reply_to": reply_to}
        self._run(self._think, token, reply_id, json.dumps(_THINKING.dump(thinking)))

    def commit(
        self,
        token: str,
        lease_id: str,
        reply_id: str,
        attempt: int,
        deltas: int,
        error: str = "",
        text: str = "",
        finish: Finish = "stop",
        model: str = "",
        error_msg: str = "",
    ) -> Committed:
        """End the reply, which holds ``deltas``; it failed if there is an ``error`` code.

        ``error_msg`` is the text that the user reads, if it is not that of the code.

        ``text`` is a last delta, which is added before. ``finish`` says whether the model ended the
        reply or its limit cut it, and ``model`` is the name of the model that answered.
        """
        ending = {"status": "done", "finish": finish} | ({"model": model} if model else {})
        if error:
            ending = {"status": "failed", "error": error}
            if error_msg and error_msg != error_message(error):
                ending["error_msg"] = error_msg
        last = (text, json.dumps(text), json.dumps(ending))
        args = (lease_id, reply_id, attempt, deltas, *last, self._ttl)
        owned, queued, sessions_queued, reply_status = self._run(self._commit, token, *args)
        return Committed(bool(owned), bool(queued), sessions_queued, reply_status)

    def release(self, token: str, lease_id: str) -> bool:
        """Give the lease back, so that another worker continues; False if the lease is lost."""
        return bool(self._run(self._release, token, lease_id))

    def recover(self, tasks_queued: int, max_tokens: int) -> list[str]:
        """Return sessions for which a task must be enqueued: a worker died, or a task was lost.

        All workers call it; one of them gets an answer in each `RECOVERY_INTERVAL`.
        ``tasks_queued`` is the length of Celery's queue.
        """
        # A little shorter than the interval, so that no worker misses every second turn.
        lock_duration = int(RECOVERY_INTERVAL * 0.9 * 1000)
        lost_after = _micros(TASK_LOST_AFTER)
        args = [new_id(), lock_duration, lost_after, tasks_queued, max_tokens]
        with translated_errors():
            tokens: list[str] = self._recover(keys=[_RECOVERY_LOCK, QUEUED, LEASED], args=args)
        return tokens

    def _run(self, step: Any, token: str, *args: str | int) -> Any:
        with translated_errors():
            return step(keys=session_keys(token), args=args)


def _accepted(answer: list[Any]) -> Accepted:
    outcome, position, must_enqueue, *enqueued = answer
    if outcome == "gone":
        raise SessionGone
    if outcome == "complete":
        raise CompleteReply
    if outcome != "accepted":
        raise UnknownMessage
    return Accepted(position, bool(must_enqueue), any(enqueued))


def _human_message(message_id: str, text: str) -> tuple[str, str]:
    """Return a message with this text as it is stored, and the frame that publishes it."""
    message = {"id": message_id, "msg": HUMAN + text, "timestamp": timestamp()}
    return json.dumps(message), json.dumps(_MESSAGE.dump(message))


def _new_reply() -> dict[str, Any]:
    return {"id": new_id(), "msg": BOT, "timestamp": timestamp(), "status": "streaming"}


def _micros(seconds: float) -> int:
    return int(seconds * 1_000_000)
