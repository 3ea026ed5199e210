"""What a worker does with a session that it was woken for."""

from __future__ import annotations

import logging

from chat.errors import ChatError
from chat.ids import new_id
from chat.log_context import log_context
from chat.mailbox import Claim, Mailbox
from chat.message_log import log_session, log_step, session_hash
from tasks.delta_writer import DeltaWriter
from tasks.generation import Generation
from tasks.models import AnyModel
from tasks.task_queue import TaskQueue

log = logging.getLogger(__name__)

# Failed messages are left out of a prompt, so a claim brings more messages than the prompt takes.
_CLAIMED_PER_PROMPT_MESSAGE = 4


class SessionProcessor:
    """Claims the messages of a session and answers them with a model."""

    def __init__(
        self,
        mailbox: Mailbox,
        queue: TaskQueue,
        model: AnyModel,
        writer: DeltaWriter,
        *,
        history_window: int,
        timeout: float,
    ) -> None:
        """``history_window`` is in messages, ``timeout`` in seconds for one reply."""
        self._mailbox = mailbox
        self._queue = queue
        self._model = model
        self._writer = writer
        self._history_window = history_window
        self._timeout = timeout

    def process(self, token: str) -> None:
        """Answer the unanswered messages of a session, unless another worker does.

        While other sessions are queued, it answers one message and enqueues the session again, so
        that sessions take turns.
        """
        try:
            while self._answer_next(token):
                pass
        except ChatError as error:
            log.warning("%s; recovery will enqueue the session again", error)

    def _answer_next(self, token: str) -> bool:
        """Answer one message. Returns whether this worker goes on with the next one."""
        if self._writer.shutting_down:
            self._enqueue(token)
            return False
        claim = self._mailbox.claim(
            token, new_id(), _CLAIMED_PER_PROMPT_MESSAGE * self._history_window
        )
        if claim is None:
            return False
        with log_context(message_id=claim.message_id, session=session_hash(token)):
            _log_claim(claim)
            generation = Generation(self._mailbox, self._writer, claim, self._timeout)
            committed = generation.run(self._model, self._history_window)
        if not committed.queued:
            return False
        others_queued = committed.sessions_queued > 1
        if others_queued or self._writer.shutting_down:
            self._enqueue(token)
            return False
        return True

    def _enqueue(self, token: str) -> None:
        if self._queue.enqueue([token]):
            log_session("enqueued", token)


def _log_claim(claim: Claim) -> None:
    step = "resumed" if claim.resumed else "claimed"
    log_step(step, claim.token, claim.message_id, reply_id=claim.reply_id, deltas=claim.deltas)
