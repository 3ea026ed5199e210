"""What this worker does when it is rung for."""

from __future__ import annotations

import logging

from chat.errors import ChatError
from chat.mailbox import Mailbox
from chat.schemas import new_id
from tasks.keeper import Keeper
from tasks.models import Model
from tasks.reply import ring
from tasks.turn import Turn

log = logging.getLogger(__name__)


class Answerer:
    """Claims the messages of a session and answers them with a model."""

    def __init__(
        self, mailbox: Mailbox, model: Model, keeper: Keeper, *, window: int, timeout: float
    ) -> None:
        self._mailbox = mailbox
        self._model = model
        self._keeper = keeper
        self._window = window
        self._timeout = timeout

    def answer(self, token: str) -> None:
        """Answer what waits in a session, unless somebody else does.

        While other sessions wait, it answers one message and puts the session at the line's end.
        """
        try:
            while self._answer_one(token):
                pass
        except ChatError as error:
            log.warning("%s; the session waits for a sweep", error)

    def _answer_one(self, token: str) -> bool:
        if self._keeper.handing_over:
            ring(token)
            return False
        # Some messages more than the window, since failed ones are left out of it.
        claim = self._mailbox.claim(token, new_id(), 4 * self._window)
        if claim is None:
            return False
        turn = Turn(self._mailbox, claim, self._timeout)
        with self._keeper.keeping(turn):
            state = turn.answer(self._model, self._window)
        others_wait = state.line > 1
        if state.waiting and (others_wait or self._keeper.handing_over):
            ring(token)
            return False
        return state.waiting
