"""The tutorial's React client, request for request, as its pages make them in a browser.

It comes from another origin, so that it may read an answer only if the answer names that origin.
"""

from __future__ import annotations

import json
import uuid

import pytest
import requests
import websocket

from tests import directives as asks
from tests.clients import PATIENCE

HOME = "http://localhost:3000"
HEADERS = {"Accept": "application/json, text/plain, */*", "Origin": HOME, "Referer": f"{HOME}/"}


class Client:
    """Its pages, and what they show."""

    def __init__(self, web):
        self._web = web
        self.token = ""
        self.name = ""
        self.messages = []
        self._paused = False

    # Home

    def start_chat(self, name):
        """Return the status of the answer; a page learns more only of one that it may read."""
        answer = self.ask("POST", f"/token?name={name}")
        if answer.ok:
            self.token, self.name = answer.json()["token"], answer.json()["name"]
        return answer.status_code

    # Chat, at an address that ends in the token

    def load(self, token):
        """Open the page; the first socket opens before the page knows more than its address."""
        self._open(self.token)
        answer = self.ask("GET", f"/refresh_token?token={token}")
        if answer.ok:
            body = answer.json()
            self.token, self.name = body["token"], body["name"]
            self.messages = body["messages"]
        self._socket = self._open(self.token)
        return answer.status_code

    def send(self, text):
        """Show a message and send it, and begin or end to overlook what comes."""
        shown = [*self.messages, {"id": str(uuid.uuid4()), "msg": f"Human: {text}"}]
        self.messages = shown
        self._paused = not self._paused
        self._socket.send(text)

    def receive(self):
        """Take the next frame as a message, and show it behind what stood there at `send`."""
        message = json.loads(self._socket.recv())
        if not self._paused:
            self.messages = [*self.messages, message]
        return message

    @property
    def shown(self):
        """The messages, on the side that their first five letters put them."""
        side = lambda m: "right" if m["msg"][:5] == "Human" else "left"  # noqa: E731
        return [(side(message), message["msg"]) for message in self.messages]

    def ask(self, method, path):
        answer = requests.request(method, self._web.url + path, headers=HEADERS, timeout=PATIENCE)
        assert answer.headers["Access-Control-Allow-Origin"] == HOME
        return answer

    def _open(self, token):
        """Open a socket, and another: React's strict mode closes each first one at once."""
        if not token:  # after a reload it knows none at first, and asks all the same
            with pytest.raises(websocket.WebSocketBadStatusException):
                self._connect("")
            return None
        self._connect(token).close()
        return self._connect(token)

    def _connect(self, token):
        address = f"{self._web.ws}?token={token}"
        return websocket.create_connection(address, origin=HOME, timeout=PATIENCE)


@pytest.fixture
def client(system):
    client = Client(system.web)
    assert client.start_chat("Ada") == 200
    assert client.load(client.token) == 200
    return client


def test_it_begins_a_chat_and_shows_every_second_reply_and_all_after_a_reload(system, client):
    for text in ("one", "two", "three"):
        client.send(text)
        assert client.receive()["msg"] == f"echo: {text}"
    assert client.shown == [
        ("right", "Human: one"),
        ("right", "Human: two"),
        ("left", "echo: two"),
        ("right", "Human: three"),
    ]
    reloaded = Client(system.web)
    assert reloaded.load(client.token) == 200
    assert (reloaded.token, reloaded.name) == (client.token, "Ada")
    assert reloaded.shown == [
        ("right", "Human: one"),
        ("left", "Bot: echo: one"),
        ("right", "Human: two"),
        ("left", "Bot: echo: two"),
        ("right", "Human: three"),
        ("left", "Bot: echo: three"),
    ]


def test_each_message_gets_one_frame_since_it_would_show_only_the_last_of_two(system, client):
    for number in range(3):
        client.send(asks.words(20, delay=0.01))
        client.send(f"message {number}")
        assert client.receive()["msg"] == asks.said(asks.words(20))
        assert client.receive()["msg"] == f"echo: message {number}"


def test_its_messages_have_ids_of_their_own_and_times_that_begin_with_a_day(system, client):
    client.send("one")
    reply = client.receive()
    assert set(reply) == {"id", "msg", "timestamp"}
    client.load(client.token)
    assert len({message["id"] for message in client.messages}) == 2
    assert client.messages[1]["id"] == reply["id"]
    for message in client.messages:
        year, month, day = message["timestamp"][:10].split("-")
        assert (len(year), len(month), len(day)) == (4, 2, 2)


def test_a_reply_that_fails_is_a_message_like_any_other(system, client):
    client.send(asks.status(401))
    client.send("and now?")
    failure = client.receive()
    assert failure["msg"] == "The model could not answer this message. Please try another wording."
    assert client.receive()["msg"] == "echo: and now?"


def test_it_may_read_why_it_was_refused(system):
    client = Client(system.web)
    assert client.start_chat(" ") == 400
    assert client.ask("GET", f"/refresh_token?token={uuid.uuid4()}").status_code == 400


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_browser_that_asks_first_is_told_yes(system, method):
    """This client's own requests need no such question; its readers' changes may."""
    question = {
        "Origin": HOME,
        "Access-Control-Request-Method": method,
        "Access-Control-Request-Headers": "authorization, content-type",
    }
    answer = requests.options(f"{system.web.url}/token", headers=question, timeout=PATIENCE)
    assert answer.ok
    assert answer.headers["Access-Control-Allow-Origin"] == HOME
    assert method in answer.headers["Access-Control-Allow-Methods"]
    allowed = answer.headers["Access-Control-Allow-Headers"].lower()
    assert allowed == "authorization, content-type"


@pytest.mark.parametrize("origin", ["http://localhost:3001", "http://evil.example", "null"])
def test_a_page_from_elsewhere_may_read_nothing(system, origin):
    for method, path in (("POST", "/token?name=Ada"), ("OPTIONS", "/token")):
        question = {"Origin": origin, "Access-Control-Request-Method": "POST"}
        answer = requests.request(method, system.web.url + path, headers=question, timeout=PATIENCE)
        assert "Access-Control-Allow-Origin" not in answer.headers
