"""How a worker listens to Celery's broker."""

from functools import partial
from typing import Any

from celery.worker import consumer


class Consumer(consumer.Consumer):  # type: ignore[misc]
    """A consumer that keeps to itself, and is back within seconds of its broker's return.

    There are no settings for either. Workers that talk to each other take a second more to start
    and connections that Redis may not have, and what they would agree on stands in the mailbox.
    Celery's own tries to come back wait longer after each failure, up to 30 s.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options, without_gossip=True, without_mingle=True)

    def connect(self) -> Any:
        connection = super().connect()
        # What it holds when it is lost are rings, which the sweeper makes again. Celery's way to
        # put them back is over the connection that is gone, and ends the worker.
        connection.default_channel.do_restore = False
        return connection

    def ensure_connected(self, conn: Any) -> Any:
        conn.ensure_connection = partial(
            conn.ensure_connection, interval_start=0.5, interval_step=0.5, interval_max=2
        )
        return super().ensure_connected(conn)
