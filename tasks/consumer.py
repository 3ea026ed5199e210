"""The worker's consumer: how it connects to Celery's broker, and reconnects."""

import logging
import time
from contextlib import suppress
from typing import Any

from celery.utils.threads import bound_open_broker_sockets
from celery.worker import consumer
from celery.worker.state import maybe_shutdown

from chat.outage import LONGEST_PAUSE, Outage

log = logging.getLogger(__name__)

_CLOSE_TIMEOUT = 2.0  # seconds, for each read of a connection that has failed
_FIRST_PAUSE = 0.1  # seconds


class Consumer(consumer.Consumer):  # type: ignore[misc]
    """A consumer without gossip and mingle that reconnects to its broker within seconds.

    Celery 5.7 has no settings for this. Gossip and mingle synchronise workers: they take a second
    at the start and connections that a small Redis plan may not have, and the mailbox already holds
    all shared state. Celery's own reconnection waits up to 30 s between two tries, or not at all
    if the broker accepts the connection and then answers with an error, and logs every try.
    """

    connection: Any  # Celery sets it

    def __init__(self, *args: Any, **options: Any) -> None:
        self._outage = Outage(log, "cannot consume from the broker")
        super().__init__(*args, **options, without_gossip=True, without_mingle=True)

    def connect(self) -> Any:
        connection = super().connect()
        channel = connection.default_channel
        # Unacknowledged tasks of a lost connection need no restoring: recovery enqueues them again.
        # kombu would restore them over the lost connection, and that error would end the worker.
        channel.do_restore = False
        channel.on_answer = self._outage.worked
        return connection

    def ensure_connected(self, conn: Any) -> Any:
        """Connect; try again until it succeeds or the worker shuts down."""
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
        """Wait before Celery's next try."""
        time.sleep(self._outage.failed(exc))

    def on_connection_error_after_connected(self, exc: BaseException) -> None:
        """Close the connection and wait before Celery opens another."""
        pause = self._outage.failed(exc)
        connection, self.connection = self.connection, None
        bound_open_broker_sockets(connection, _CLOSE_TIMEOUT)
        for close in (connection.collect, connection.close):
            with suppress(Exception):  # the connection is broken: closing it may fail in any way
                close()
        time.sleep(pause)

    def on_decode_error(self, message: Any, exc: BaseException) -> None:
        """Drop a remote control message. Celery would log its body."""
        log.warning("dropped a remote control message that cannot be read")
        message.ack()
