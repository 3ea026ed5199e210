"""What a client can do to its session: add a message, retry, continue or stop the reply."""

from __future__ import annotations

from chat.client_frames import message_text
from chat.mailbox import Accepted, Mailbox
from chat.message_log import log_step
from tasks.task_queue import TaskQueue
from web.dispatcher import Dispatcher


class SessionActions:
    """Changes sessions, and dispatches a task where one is needed. Any thread may call it.

    Every method raises `RedisUnavailable` while Redis cannot be used. All but `stop` raise
    `SessionGone` if there is no such session.
    """

    def __init__(
        self,
        mailbox: Mailbox,
        dispatcher: Dispatcher,
        *,
        max_message_length: int,
        queue: TaskQueue | None,
    ) -> None:
        """``max_message_length`` is in code points.

        ``queue`` is Celery's queue if it is in the same Redis as the sessions. Then a message is
        stored and its task enqueued in one step.
        """
        self._mailbox = mailbox
        self._dispatcher = dispatcher
        self._max_message_length = max_message_length
        self._queue = queue

    def accept(self, token: str, message_id: str, text: str) -> int:
        """Store a human message; return its position (see `Accepted`).

        Raises:
            Invalid, TooLong: The text cannot be a message.
        """
        text = message_text(text, self._max_message_length)
        task = self._queue.task(token) if self._queue else None
        accepted = self._mailbox.accept(token, message_id, text, task)
        return self._log_and_dispatch(token, message_id, accepted, text)

    def retry(self, token: str, message_id: str, text: str | None) -> int:
        """Have the last human message answered again; return its position.

        ``text`` is its new text, None to leave it as it is.

        Raises:
            UnknownMessage: It is not the last human message.
            Invalid, TooLong: The text cannot be a message.
        """
        if text is not None:
            text = message_text(text, self._max_message_length)
        return self._log_and_dispatch(
            token, message_id, self._mailbox.retry(token, message_id, text)
        )

    def continue_reply(self, token: str, message_id: str) -> int:
        """Have the reply to the last human message continued; return its position.

        Raises:
            UnknownMessage: It is not the last human message, or its reply is complete.
        """
        return self._log_and_dispatch(
            token, message_id, self._mailbox.continue_reply(token, message_id)
        )

    def stop(self, token: str, message_id: str | None) -> None:
        """End the reply to the oldest unanswered message.

        Does nothing if ``message_id`` is the id of another message; None stands for the oldest.
        """
        message_id = message_id or self._mailbox.oldest_unanswered(token)
        if not message_id:
            return
        outcome = self._mailbox.stop(token, message_id)
        if outcome.stopped:
            log_step("stopped", token, message_id)
        if outcome.next_message_id:
            self._dispatcher.dispatch(token, outcome.next_message_id)

    def _log_and_dispatch(
        self, token: str, message_id: str, accepted: Accepted, text: str | None = None
    ) -> int:
        log_step("accepted", token, message_id, position=accepted.position, text=text)
        if accepted.enqueued:
            log_step("enqueued", token, message_id)
        elif accepted.must_enqueue:
            self._dispatcher.dispatch(token, message_id)
        return accepted.position
