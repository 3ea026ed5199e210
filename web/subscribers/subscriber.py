"""Tracks which revision of its session one client has, and sends it each later event once.

Revision: each event that changes a session names its own revision and the revision before it, and
a subscriber sends an event only if the revision before it is the last one that the client has.
Gap: when an event names another revision before it, an event was missed, so the subscriber sends no
more changes until `Resync` has read the whole session and the client has been sent all of it.
Buffering: events that arrive while the history is being read are buffered and delivered after the
history, which drops those that the history contains.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

from chat.channel import SessionEvent
from chat.session_store import Session
from web.subscribers.command_queue import Command
from web.subscribers.session_actions import SessionActions
from web.transport.websocket import WebSocket

# Events that one subscriber buffers. Beyond that the oldest are dropped, which makes a gap.
MAX_BUFFERED = 1000


class Services(NamedTuple):
    """The parts of a process that all of its subscribers use. Both requests return at once."""

    actions: SessionActions
    request_resync: Callable[[Subscriber], None]  # a call of `send_session`
    request_absence_check: Callable[[Subscriber], None]  # an event if no worker is there


class Subscriber:
    """A WebSocket with the revision that its client has. Any thread may call it.

    The two modes are its subclasses: they define what is sent for a session and for an event, and
    what a client's frame does.
    """

    # There are thousands of these objects, so what each of them holds counts.
    __slots__ = (
        "__weakref__",
        "_blocks_buffering",
        "_buffer",
        "_lock",
        "_synced",
        "rev",
        "services",
        "subscription_confirmed",
        "token",
        "websocket",
    )

    def __init__(self, websocket: WebSocket, token: str, services: Services) -> None:
        self.websocket = websocket
        self.token = token
        self.services = services
        self.rev = 0
        # Whether Redis confirmed the subscription before the next history was read. If not, an
        # event may be missing from both the history and what arrives here.
        self.subscription_confirmed = True
        self._lock = threading.Lock()
        self._blocks_buffering = 0
        self._buffer: deque[SessionEvent] | None = None  # None: no event is buffered
        self._synced = False

    @property
    def synced(self) -> bool:
        """Whether the client has been sent the session and, as far as is known, missed nothing."""
        return self._synced

    @contextmanager
    def buffering(self) -> Iterator[None]:
        """Buffer events while the block runs, so that they come after what the block sends."""
        with self._lock:
            self._blocks_buffering += 1
        try:
            yield
        finally:
            with self._lock:
                self._blocks_buffering -= 1
                if self._buffer and not self._blocks_buffering:
                    buffered, self._buffer = self._buffer, None
                    for event in buffered:
                        self._send_event(event)

    def deliver(self, event: SessionEvent) -> None:
        """Send an event, or buffer it while a `buffering` block runs."""
        with self._lock:
            if self._blocks_buffering:
                if self._buffer is None:
                    self._buffer = deque(maxlen=MAX_BUFFERED)
                self._buffer.append(event)
            else:
                self._send_event(event)

    def send_session(self, session: Session) -> None:
        """Send the whole session, unless the client has exactly this revision."""
        send = self.prepare_session(session)
        with self._lock:
            if self._synced and session.rev == self.rev:
                return
            self._synced = True
            self.rev = session.rev
            send()
            if not self.subscription_confirmed:
                self.subscription_confirmed = True
                self._resync()

    def resync(self) -> None:
        """Have the whole session sent again, since an event may have been missed."""
        with self._lock:
            self._resync()

    def close_ended(self) -> None:
        """Close the WebSocket, since its session has ended."""
        self.websocket.close(1008, "session expired or erased")

    # Called with the lock

    def _resync(self) -> None:
        if self._synced:
            self._synced = False
            self.services.request_resync(self)

    def _send_event(self, event: SessionEvent) -> None:
        if event.rev is None:  # the session has not changed
            if event.last_rev is None or (self._synced and self.rev <= event.last_rev):
                self.on_event(event)
        elif not self._synced or event.rev <= self.rev:
            pass  # the event is in the history that was sent last, or that is sent next
        elif event.prev_rev != self.rev:
            self._resync()
        else:
            self.rev = event.rev
            self.on_event(event)

    # The modes define:

    def prepare_session(self, session: Session) -> Callable[[], None]:
        """Return a function that sends the session: the first history, and one after each gap.

        A long history is prepared without the lock, for which the relay would wait.
        """
        raise NotImplementedError

    def on_event(self, event: SessionEvent) -> None:
        """Send an event. Called for each one that is new to the client, in order."""
        raise NotImplementedError

    def on_frame(self, frame: str | bytes) -> Command | None:
        """Return the command for a frame of the client; None if the frame needs no command.

        The command may take seconds while Redis does not answer. It raises `SessionGone` if the
        session has ended.
        """
        raise NotImplementedError
