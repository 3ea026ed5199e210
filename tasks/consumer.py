"""How a worker listens to Celery's broker."""

import logging
import time
from contextlib import suppress
from typing import Any

from celery.utils.threads import bound_open_broker_sockets
from celery.worker import consumer
from celery.worker.state import maybe_shutdown

from chat.outage import LONGEST_PAUSE, Outage

log = logging.getLogger(__name__)

CLOSE_WITHIN = 2.0  # seconds, for each read of a connection that has failed
_FIRST_PAUSE = 0.1  # seconds


class Consumer(consumer.Consumer):  # type: ignore[misc]
    """A consumer that keeps to itself, and is back within seconds of its broker's return.

    There are no settings for either. Workers that talk to each other take a second more to start
    and connections that Redis may not have, and what they would agree on stands in the mailbox.
    Celery's own tries to come back wait longer after each failure, up to 30 s, or not at all where
    the broker can be reached and refuses; and each of them is logged.
    """

    connection: Any  # Celery sets it

    def __init__(self, *args: Any, **options: Any) -> None:
        self._outage = Outage(log, "the broker cannot be listened to")
        super().__init__(*args, **options, without_gossip=True, without_mingle=True)

    def connect(self) -> Any:
        connection = super().connect()
        channel = connection.default_channel
        # What it holds when it is lost are rings, which the sweeper makes again. Celery's way to
        # put them back is over the connection that is gone, and ends the worker.
        channel.do_restore = False
        channel.on_answer = self._outage.worked
        return connection

    def ensure_connected(self, conn: Any) -> Any:
        """Connect, for as long as it takes."""
        conn.ensure_connection(
            lambda error, _: self._outage.failed(error),
            interval_start=_FIRST_PAUSE,
            interval_step=_FIRST_PAUSE,
            interval_max=LONGEST_PAUSE,
            callback=maybe_shutdown,
        )
        self.first_connection_attempt = False
        return conn

    def on_connection_error_before_connected(self, exc: BaseException) -> None:
        time.sleep(self._outage.failed(exc))

    def on_connection_error_after_connected(self, exc: BaseException) -> None:
        """Close the connection, and wait before Celery makes another."""
        pause = self._outage.failed(exc)
        connection, self.connection = self.connection, None
        bound_open_broker_sockets(connection, CLOSE_WITHIN)
        for close in (connection.collect, connection.close):
            with suppress(Exception):  # it is broken; whatever that leads to is no news
                close()
        time.sleep(pause)

    def on_decode_error(self, message: Any, exc: BaseException) -> None:
        """Drop a remote control message; Celery would log its body."""
        log.warning("dropped a remote control message that cannot be read")
        message.ack()
