"""kombu's Redis transport with three corrections for Celery's broker.

kombu 5.7 raises an error reply of Redis as a programming error, passes every queue entry to
Celery unchecked, and needs to write to Redis before a worker can consume. Each of these may end a
worker.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from queue import Empty
from typing import Any

from celery.app import amqp
from kombu import connection
from kombu.exceptions import KombuError
from kombu.transport import redis
from kombu.utils.encoding import bytes_to_str

from chat.redis_client import ERROR_REPLIES
from tasks.queue_entry import PARSE_ERRORS, QUEUE, InvalidTaskMessage, celery_message, read_entry

log = logging.getLogger(__name__)


def _do_nothing() -> None:
    pass


class Channel(redis.Channel):
    """A channel that drops unreadable messages and can consume without writing to Redis."""

    # Called when BRPOP has answered. tasks/consumer.py sets it.
    on_answer: Callable[[], None] = staticmethod(_do_nothing)

    def __init__(self, connection: Any, **options: Any) -> None:
        try:
            super().__init__(connection, **options)
        except BaseException:
            # kombu 5.7 does not free the number of a channel that could not be opened. It has
            # 65,535 numbers, so they would run out in less than a day of failed tries.
            connection._used_channel_ids.remove(self.channel_id)
            raise

    def _brpop_read(self, **options: Any) -> bool:
        """Receive from a queue like kombu's method, but drop an entry that cannot be read."""
        try:
            connection = self.client.connection
            try:
                popped = self.client.parse_response(connection, "BRPOP", **options)
            except self.connection_errors:
                connection.disconnect()
                raise
        finally:
            self._in_poll = False
        self.on_answer()
        if not popped:
            raise Empty
        key, raw = popped
        queue = bytes_to_str(key).rsplit(self.sep, 1)[0]
        self._queue_cycle.rotate(queue)
        try:
            # Entries of other queues are replies to remote control commands.
            message = celery_message(read_entry(raw)) if queue == QUEUE else self._read(raw)
        except InvalidTaskMessage as error:
            log.warning("dropped %s from the queue", error)
        else:
            self.connection._deliver(message, queue)
        return True

    def _receive_one(self, subclient: Any) -> bool:
        """Receive from pub/sub like kombu's method, but drop a message that cannot be read."""
        try:
            response = subclient.parse_response()
        except self.connection_errors:
            self._in_listen = False
            raise
        if not isinstance(response, (list, tuple)):
            return False
        payload = self._handle_message(subclient, response)
        if not bytes_to_str(payload["type"]).endswith("message"):
            return False
        try:
            exchange = bytes_to_str(payload["channel"]).partition(".")[2].split("/", 1)[0]
            queue = self._fanout_to_queue[exchange]
            message = self._read(payload["data"], commands=exchange.endswith("pidbox"))
        except (LookupError, InvalidTaskMessage):
            log.warning("dropped a remote control message that cannot be read")
            return False
        self.connection._deliver(message, queue)
        return True

    def _read(self, raw: bytes | str, *, commands: bool = False) -> Any:
        """Return a remote control message that kombu and Celery can read.

        With ``commands``, the message must hold a command.

        Raises:
            InvalidTaskMessage: kombu or Celery cannot read it; the worker would end or reconnect.
        """
        try:
            message = json.loads(raw)
            content = self.Message(message, channel=self, accept={"application/json"}).decode()
            if commands:
                content["method"]
        except (*PARSE_ERRORS, KombuError):
            raise InvalidTaskMessage("a remote control message that cannot be read") from None
        return message

    def _queue_bind(self, exchange: str, routing_key: str, pattern: str, queue: str) -> None:
        """Bind a queue like kombu's method, but do not write the bindings of a fanout queue.

        Fanout queues use pub/sub, so nothing reads their bindings, and the write fails while
        Redis accepts no writes.
        """
        if self.typeof(exchange).type == "fanout":
            self._fanout_queues[queue] = (exchange, routing_key.replace("#", "*"))
        else:
            super()._queue_bind(exchange, routing_key, pattern, queue)

    def _delete(self, queue: str, exchange: str, *args: Any, **options: Any) -> None:
        """Delete a queue like kombu's method; a fanout queue has no bindings, see above."""
        if self.typeof(exchange).type == "fanout":
            self.auto_delete_queues.discard(queue)
        else:
            super()._delete(queue, exchange, *args, **options)


class Transport(redis.Transport):
    """A transport that handles an error reply of Redis as a failed connection."""

    Channel = Channel
    connection_errors = (*redis.Transport.connection_errors, *ERROR_REPLIES)


class Connection(connection.Connection):
    """A connection that uses our transport for every URL scheme."""

    def get_transport_cls(self) -> type[Transport]:
        return Transport


class AMQP(amqp.AMQP):  # type: ignore[misc]
    """The part of the Celery application that creates connections."""

    Connection = Connection
