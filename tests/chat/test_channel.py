"""The connection that listens, while others use it and Redis ends it."""

from __future__ import annotations

import threading

import pytest
import redis

from chat.channel import Listener, MalformedEvent, SessionEvent, Subscribed, channel, publish
from chat.ids import new_id

ROUNDS = 15
SENDERS = 2


def subscribed(listener: Listener, token: str) -> None:
    listener.subscribe([token])
    while listener.read() != Subscribed(token):
        pass


def read_until_it_fails(listener: Listener) -> None:
    while True:
        listener.read()


def test_a_connection_that_ends_while_others_subscribe_is_lost_and_nothing_else(client):
    listener, stopped = Listener(client), threading.Event()

    def subscribe() -> None:
        while not stopped.is_set():
            listener.subscribe([new_id()])

    senders = [threading.Thread(target=subscribe) for _ in range(SENDERS)]
    for sender in senders:
        sender.start()
    try:
        for _ in range(ROUNDS):
            listener.connect()
            subscribed(listener, new_id())
            client.execute_command("CLIENT", "KILL", "TYPE", "pubsub")
            with pytest.raises(redis.ConnectionError):
                read_until_it_fails(listener)
    finally:
        stopped.set()
        for sender in senders:
            sender.join()


@pytest.mark.parametrize(
    "payload", ["", "word", "1 2 delta", "x 1 delta {}", "2 x delta {}", '{"type": "delta"}']
)
def test_a_payload_that_is_not_an_event_is_skipped(client, payload):
    listener, token = Listener(client), new_id()
    listener.connect()
    subscribed(listener, token)
    client.publish(channel(token), payload)
    with pytest.raises(MalformedEvent):
        listener.read()
    publish(client, token, "wait", '{"retry_after": 1}')
    assert listener.read() == SessionEvent(token, "wait", b'{"retry_after": 1}', None, None)
