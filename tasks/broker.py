"""How Celery reaches its broker: kombu's transport for Redis, with what it leaves open.

kombu 5.7 takes an error that Redis answers for a fault of the caller, passes whatever it finds in
the queue on to Celery, and writes to Redis before a worker can listen. A worker ends of each.
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

from chat.redis_client import REFUSED
from tasks.queue_entry import MALFORMED, QUEUE, NotOurs, message_of, read_entry

log = logging.getLogger(__name__)


def _nothing() -> None:
    pass


class Channel(redis.Channel):
    """A channel that hands on only what it can read, and needs no write to listen."""

    on_answer: Callable[[], None] = staticmethod(_nothing)  # the consumer sets it; BRPOP works

    def __init__(self, connection: Any, **options: Any) -> None:
        try:
            super().__init__(connection, **options)
        except BaseException:
            # kombu keeps the number of a channel that could not be opened. After 65,535 tries,
            # which is less than a day, there would be none left.
            connection._used_channel_ids.remove(self.channel_id)
            raise

    def _brpop_read(self, **options: Any) -> bool:
        """As kombu's, but an entry that cannot be read is dropped."""
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
            # Other lists hold the answers to remote control.
            message = message_of(read_entry(raw)) if queue == QUEUE else self._read(raw)
        except NotOurs as error:
            log.warning("dropped %s from the queue", error)
        else:
            self.connection._deliver(message, queue)
        return True

    def _receive_one(self, subclient: Any) -> bool:
        """As kombu's, but a remote control message that cannot be read is dropped."""
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
        except (LookupError, NotOurs):
            log.warning("dropped a remote control message that cannot be read")
            return False
        self.connection._deliver(message, queue)
        return True

    def _read(self, raw: bytes | str, *, commands: bool = False) -> Any:
        """Return a message that kombu and Celery can read, with a command in it if need be.

        Raises:
            NotOurs: They could not read it, and one of them would end, or subscribe anew.
        """
        try:
            message = json.loads(raw)
            content = self.Message(message, channel=self, accept={"application/json"}).decode()
            if commands:
                content["method"]
        except (*MALFORMED, KombuError):
            raise NotOurs("a remote control message that cannot be read") from None
        return message

    def _queue_bind(self, exchange: str, routing_key: str, pattern: str, queue: str) -> None:
        """As kombu's, but a fanout queue, which pub/sub serves, has no table in Redis.

        Nothing reads that table. To write it fails while Redis takes no writes.
        """
        if self.typeof(exchange).type == "fanout":
            self._fanout_queues[queue] = (exchange, routing_key.replace("#", "*"))
        else:
            super()._queue_bind(exchange, routing_key, pattern, queue)

    def _delete(self, queue: str, exchange: str, *args: Any, **options: Any) -> None:
        if self.typeof(exchange).type == "fanout":
            self.auto_delete_queues.discard(queue)
        else:
            super()._delete(queue, exchange, *args, **options)


class Transport(redis.Transport):
    """A transport for which an error that Redis answers is a connection that failed."""

    Channel = Channel
    connection_errors = (*redis.Transport.connection_errors, *REFUSED)


class Connection(connection.Connection):
    """A connection over our transport, whatever scheme its URL has."""

    def get_transport_cls(self) -> type[Transport]:
        return Transport


class AMQP(amqp.AMQP):  # type: ignore[misc]
    """What Celery makes its connections with."""

    Connection = Connection
