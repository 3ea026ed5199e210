"""How Celery comes back to its broker."""

from functools import partial
from typing import Any

from celery.worker import consumer


class Consumer(consumer.Consumer):  # type: ignore[misc]
    """A consumer that is back within seconds of its broker's return.

    Celery's own waits longer after each failure, up to 30 s, and there is no setting for it.
    """

    def ensure_connected(self, conn: Any) -> Any:
        conn.ensure_connection = partial(
            conn.ensure_connection, interval_start=0.5, interval_step=0.5, interval_max=2
        )
        return super().ensure_connected(conn)
