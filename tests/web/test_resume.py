"""A client loses its connection at any moment of a reply, and reconnects to another process."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor

import pytest

from chat.channel import channel
from chat.ids import new_id
from chat.mailbox import Mailbox
from chat.session_store import SessionStore
from tests import directives
from tests.clients import Events, begin, history
from tests.processes import wait_until
from web.subscribers.registry import SubscriberRegistry
from web.subscribers.relay import Relay
from web.subscribers.resync import Resync
from web.subscribers.subscriber import Services, Subscriber

CUTS = 100


@pytest.mark.parametrize("kind", ["ack", "message", "start", "delta"])
def test_a_client_that_reconnects_after_each_type_of_frame_misses_nothing(system, kind):
    token = begin(system.web.url)
    socket = Events(system.web.ws, token)
    ask = directives.words(8, delay=0.05)
    message_id = socket.say(ask)
    socket.until_type(kind)
    socket.cut()
    socket.reconnect(system.webs[1].ws)
    assert whole(socket, message_id) == directives.whole_reply(ask)


def test_a_message_without_an_ack_is_sent_again_and_answered_once(system):
    token = begin(system.web.url)
    socket = Events(system.web.ws, token)
    message_id = socket.say("hello")
    socket.cut()
    socket.reconnect(system.webs[1].ws)
    socket.say("hello", message_id)
    socket.until(lambda f: f["type"] == "ack" and f["id"] == message_id)
    assert whole(socket, message_id) == "echo: hello"
    assert len(history(system.web.url, token)) == 2


def test_replies_are_whole_after_a_hundred_reconnections(system):
    """Twenty replies. For each, a client reconnects five times, always to the other process."""
    chance = random.Random(7)
    ask = directives.words(25, delay=0.04)

    def follow(seed: int) -> str:
        cuts = random.Random(seed)
        socket = Events(system.web.ws, begin(system.web.url))
        message_id = socket.say(ask)
        for cut in range(CUTS // 20):
            frames = cuts.randint(0, 4)
            for _ in range(frames):
                if not ended(socket, message_id):
                    socket.frame()
            socket.cut()
            socket.reconnect(system.webs[(cut + 1) % 2].ws)
            if message_id not in socket.messages:
                socket.say(ask, message_id)
        return whole(socket, message_id)

    with ThreadPoolExecutor(20) as pool:
        texts = list(pool.map(follow, [chance.random() for _ in range(20)]))
    assert texts == [directives.whole_reply(ask)] * 20


def test_a_relay_that_lost_redis_resyncs_its_subscribers(system):
    token = begin(system.web.url)
    socket = Events(system.web.ws, token)
    ask = directives.words(40, delay=0.05)
    message_id = socket.say(ask)
    for _ in range(3):
        socket.until_type("delta")
        system.client.execute_command("CLIENT", "KILL", "TYPE", "pubsub")
    assert whole(socket, message_id) == directives.whole_reply(ask)


class MessageCount(Subscriber):
    """A subscriber that only notes how many messages the last history had."""

    def prepare_session(self, session):
        return lambda: setattr(self, "messages", len(session.messages))


def test_a_history_that_was_read_before_the_relay_was_back_is_read_again(client):
    store, mailbox = SessionStore(client, 0), Mailbox(client, 0)
    subscribers = SubscriberRegistry()
    resync = Resync(store, subscribers)
    relay = Relay(client, subscribers, resync)
    token = store.create("Ada").token
    services = Services(None, resync.request, None)
    slow, other = (MessageCount(None, token, services) for _ in range(2))
    try:
        with slow.buffering():
            relay.subscribe(slow)
            stale = store.history(token)
            client.client_kill_filter(_type="pubsub")
            mailbox.accept(token, new_id(), "published while nobody is subscribed")
            wait_until(lambda: client.pubsub_numsub(channel(token))[0][1])
            relay.subscribe(other)  # returns once the subscription is confirmed again
            slow.send_session(stale)
        wait_until(lambda: slow.messages == 1, within=10)
    finally:
        relay.unsubscribe(slow)
        relay.unsubscribe(other)


def ended(socket: Events, message_id: str) -> bool:
    reply = socket.reply_to(message_id)
    return reply is not None and reply["status"] != "streaming"


def whole(socket: Events, message_id: str) -> str:
    """Return the text that the client has when the reply has ended."""
    while not ended(socket, message_id):
        socket.frame()
    reply = socket.reply_to(message_id)
    assert reply is not None
    return str(reply["msg"])
