"""One socket of a session: what it is shown, in order and without gaps.

The events of a session name the revision before them. A connection that holds revision 7 passes
on the event that follows 7, drops what it knows, and where something is missing asks to be shown
the whole session again. `Events` and `Plain` say how things look on the wire.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from chat.channel import Event
from chat.session_store import Session
from web.subscribers.command_queue import Step
from web.transport.websocket import WebSocket

# Events that arrive while the history is read. When there are more, the history is read again.
MAX_BUFFERED = 1000


class Subscriber:
    """A socket with the revision that it has been shown. Any thread may call it."""

    def __init__(
        self, websocket: WebSocket, token: str, on_gap: Callable[[Subscriber], None]
    ) -> None:
        self.websocket = websocket
        self.token = token
        self.rev = 0
        self.doubt = False  # the history that is being read may lack what was not heard either
        self._on_gap = on_gap
        self._lock = threading.RLock()
        self._holds = 0
        self._held: deque[Event] = deque(maxlen=MAX_BUFFERED)
        self._gap = True  # until the session is shown for the first time

    @contextmanager
    def hold(self) -> Iterator[None]:
        """Keep events back while the block runs, so that what it sends comes before them."""
        with self._lock:
            self._holds += 1
        try:
            yield
        finally:
            with self._lock:
                self._holds -= 1
                while self._held and not self._holds:
                    self._pass_on(self._held.popleft())

    def tell(self, event: Event) -> None:
        """Show an event, or keep it until the connection is not on hold."""
        with self._lock:
            if self._holds:
                self._held.append(event)
            else:
                self._pass_on(event)

    def show(self, session: Session) -> None:
        """Show the whole session, unless it is older than what the socket has seen."""
        with self._lock:
            if self._gap or session.rev != self.rev:
                self._gap = False
                self.rev = session.rev
                self.on_session(session)
                if self.doubt:
                    self.doubt = False
                    self.missed()

    @property
    def shown(self) -> bool:
        """Whether the socket has been shown its session."""
        return not self._gap

    def end(self) -> None:
        """Close the socket, since its session has ended."""
        self.websocket.close(1008, "session expired or erased")

    def missed(self) -> None:
        """Ask to be shown the whole session, since events may have been missed."""
        with self._lock:
            if not self._gap:
                self._gap = True
                self._on_gap(self)

    def _pass_on(self, event: Event) -> None:
        if event.rev is None:
            if event.prev is None or (not self._gap and self.rev <= event.prev):
                self.on_event(event)
        elif self._gap or event.rev <= self.rev:
            pass  # the history that is shown, or will be, has it
        elif event.prev != self.rev:
            self.missed()
        else:
            self.rev = event.rev
            self.on_event(event)

    # What the two modes do in their ways

    def on_session(self, session: Session) -> None:
        """Send the session as far as the mode shows it."""
        raise NotImplementedError

    def on_event(self, event: Event) -> None:
        """Send an event that follows what was sent."""
        raise NotImplementedError

    def on_frame(self, frame: str | bytes) -> Step | None:
        """Do what needs nobody else; return the step that asks Redis, if there is one.

        The step may take seconds where Redis does not answer, and raises SessionGone where the
        session has ended.
        """
        raise NotImplementedError
