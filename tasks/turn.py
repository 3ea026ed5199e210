"""One message being answered by this worker, from its claim to the reply's end."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import TypeVar

from chat.errors import Busy, ModelError
from chat.mailbox import Claim, Committed, Mailbox
from tasks.models import Call, Cancelled, Model, Restart, Wait
from tasks.prompt import window

log = logging.getLogger(__name__)

# The first word goes out at once; those after it together, which a reader cannot tell from one
# by one, at a fraction of the cost.
FLUSH_EVERY = 0.05  # seconds
# A reply goes on while Redis is away for a moment. After that it is left to whoever finds the
# session when Redis is back.
PATIENCE = 10.0  # seconds
RETRY_EVERY = 0.2  # seconds, meanwhile; redis-py backs off by itself only where it has to connect

_Answer = TypeVar("_Answer")
_ENDED = Committed(ours=False, waiting=False, line=0)


class Lost(Exception):
    """The reply is no longer ours: it was stopped, erased, or taken over."""


class Turn:
    """A claimed message whose reply is being made.

    The thread of the task asks the model and adds the pieces; the keeper's thread flushes what
    lies too long, renews the lease, and calls the turn off.
    """

    def __init__(self, mailbox: Mailbox, claim: Claim, timeout: float) -> None:
        self.claim = claim
        self._mailbox = mailbox
        self._call = Call(time.monotonic() + max(0.0, timeout - claim.elapsed))
        self._lock = threading.Lock()
        self._n = claim.n
        self._attempt = claim.attempt
        self._buffer = ""
        self._sending = ""  # a delta whose arrival is not confirmed: it is sent again as it was
        self._flushed_at = 0.0
        self._reached_at = time.monotonic()
        self._lost = False

    def answer(self, model: Model, window_size: int) -> Committed:
        """Ask the model and write its reply; return how the session stands.

        Raises:
            Busy: Redis was out of reach for longer than `PATIENCE`; the session waits for
                whoever finds it when its lease is over.
        """
        try:
            try:
                self._ask(model, window_size)
                return self._commit()
            except ModelError as failure:
                return self._commit(failure.code)
            except Cancelled:
                return self._hand_over()
        except Lost:
            return _ENDED

    def _ask(self, model: Model, window_size: int) -> None:
        lines = window(self.claim.messages, window_size)
        for piece in model.answer(lines, self.claim.said, self._call):
            match piece:
                case Wait(code=code, retry_after=retry_after):
                    self._tell_wait(code, retry_after)
                case Restart():
                    self._restart()
                case _:
                    self._say(piece)

    def due(self) -> bool:
        """Tell whether a delta has waited for its flush long enough."""
        return bool(self._buffer) and time.monotonic() - self._flushed_at >= FLUSH_EVERY

    def flush(self) -> None:
        """Send what was said since the last delta. Redis may be away for `PATIENCE`."""
        with self._lock:
            if not self._sending:
                self._sending, self._buffer = self._buffer, ""
            if not self._sending:
                return
            self._flushed_at = time.monotonic()
            claim = self.claim
            try:
                ours = self._mailbox.append(
                    claim.token, claim.holder, self._attempt, self._n, self._sending
                )
            except Busy:
                if self._out_of_patience():
                    self._call.cancel()
                    raise
                return
            self.kept()
            if not ours:
                raise self.lose()
            self._n += 1
            self._sending = ""

    def kept(self) -> None:
        """Note that Redis was reached."""
        self._reached_at = time.monotonic()

    def lose(self) -> Lost:
        """Note that the reply is no longer ours, and close the model's connection."""
        self._lost = True
        self._call.cancel()
        return Lost()

    def hand_over(self) -> None:
        """Stop here and leave the rest of the reply to another worker."""
        self._call.cancel()

    def _say(self, piece: str) -> None:
        with self._lock:
            self._buffer += piece
        if self.due():
            self.flush()

    def _tell_wait(self, code: str, retry_after: float) -> None:
        claim = self.claim
        try:
            self._mailbox.wait(claim.token, claim.messages[-1]["id"], code, retry_after)
        except Busy:
            log.debug("a wait frame was not sent: Redis is out of reach")

    def _restart(self) -> None:
        claim = self.claim
        with self._lock:
            self._buffer = self._sending = ""
            if not self._insist(
                lambda: self._mailbox.restart(claim.token, claim.holder, self._attempt)
            ):
                raise self.lose()
            self._n, self._attempt = 0, self._attempt + 1

    def _commit(self, error: str = "") -> Committed:
        claim = self.claim
        self._flush_all()
        return self._insist(
            lambda: self._mailbox.commit(
                claim.token, claim.holder, claim.reply, self._attempt, self._n, error
            )
        )

    def _hand_over(self) -> Committed:
        claim = self.claim
        if self._lost:
            raise Lost
        self._flush_all()
        released = self._insist(lambda: self._mailbox.release(claim.token, claim.holder))
        return Committed(ours=released, waiting=released, line=0)

    def _flush_all(self) -> None:
        while self._buffer or self._sending:
            self.flush()
            if self._sending:
                time.sleep(RETRY_EVERY)

    def _insist(self, step: Callable[[], _Answer]) -> _Answer:
        while True:
            try:
                return step()
            except Busy:
                if self._out_of_patience():
                    raise
                time.sleep(RETRY_EVERY)

    def _out_of_patience(self) -> bool:
        return time.monotonic() - self._reached_at > PATIENCE
