"""The tutorial's React client: the requests that its pages make in a browser, one by one.

Its origin is not the server's, so it can read a response only if the response allows its origin.
"""

from __future__ import annotations

import json
import uuid

import pytest
import requests
import websocket

from tasks.models.failures import ModelUnusable
from tests import directives
from tests.clients import PATIENCE, open_websocket

HOME = "http://localhost:3000"
HEADERS = {"Accept": "application/json, text/plain, */*", "Origin": HOME, "Referer": f"{HOME}/"}


class Client:
    """The pages of the client, and the messages that they show."""

    def __init__(self, web):
        self._web = web
        self.token = ""
        self.name = ""
        self.messages = []
        self._paused = False

    # Home

    def start_chat(self, name):
        """Create a session; return the status of the response."""
        answer = self.ask("POST", f"/token?name={name}")
        if answer.ok:
            self.token, self.name = answer.json()["token"], answer.json()["name"]
        return answer.status_code

    # Chat, whose URL ends with the token

    def load(self, token):
        """Open the page. It opens the first WebSocket before it has loaded the session."""
        self._open(self.token)
        answer = self.ask("GET", f"/refresh_token?token={token}")
        if answer.ok:
            body = answer.json()
            self.token, self.name = body["token"], body["name"]
            self.messages = body["messages"]
        self._socket = self._open(self.token)
        return answer.status_code

    def send(self, text):
        """Show a message and send it. After every other call the page ignores incoming frames."""
        shown = [*self.messages, {"id": str(uuid.uuid4()), "msg": f"Human: {text}"}]
        self.messages = shown
        self._paused = not self._paused
        self._socket.send(text)

    def receive(self):
        """Receive the next frame; show it as a message unless frames are ignored now."""
        message = json.loads(self._socket.recv())
        if not self._paused:
            self.messages = [*self.messages, message]
        return message

    @property
    def shown(self):
        """Each message with its side, which depends on the first five letters."""
        side = lambda m: "right" if m["msg"][:5] == "Human" else "left"  # noqa: E731
        return [(side(message), message["msg"]) for message in self.messages]

    def ask(self, method, path):
        answer = requests.request(method, self._web.url + path, headers=HEADERS, timeout=PATIENCE)
        assert answer.headers["Access-Control-Allow-Origin"] == HOME
        return answer

    def _open(self, token):
        """Open two WebSockets and close the first, as React's strict mode does."""
        if not token:  # after a reload the page does not know it yet, but connects
            with pytest.raises(websocket.WebSocketBadStatusException):
                self._connect("")
            return None
        self._connect(token).close()
        return self._connect(token)

    def _connect(self, token):
        address = f"{self._web.ws}?token={token}"
        return open_websocket(address, origin=HOME)


@pytest.fixture
def client(system):
    client = Client(system.web)
    assert client.start_chat("Ada") == 200
    assert client.load(client.token) == 200
    return client


def test_it_shows_every_other_reply_and_all_of_them_after_a_reload(system, client):
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


def test_each_message_gets_one_frame(system, client):
    for number in range(3):
        client.send(directives.words(20, delay=0.01))
        client.send(f"message {number}")
        assert client.receive()["msg"] == directives.whole_reply(directives.words(20))
        assert client.receive()["msg"] == f"echo: message {number}"


def test_its_messages_have_unique_ids_and_timestamps_that_begin_with_a_date(system, client):
    client.send("one")
    reply = client.receive()
    assert set(reply) == {"id", "msg", "timestamp"}
    client.load(client.token)
    assert len({message["id"] for message in client.messages}) == 2
    assert client.messages[1]["id"] == reply["id"]
    for message in client.messages:
        year, month, day = message["timestamp"][:10].split("-")
        assert (len(year), len(month), len(day)) == (4, 2, 2)


def test_a_failed_reply_is_shown_as_an_ordinary_message(system, client):
    client.send(directives.status(401))
    client.send("and now?")
    failure = client.receive()
    assert failure["msg"] == ModelUnusable("").msg
    assert client.receive()["msg"] == "echo: and now?"


def test_it_can_read_error_responses(system):
    client = Client(system.web)
    assert client.start_chat(" ") == 400
    assert client.ask("GET", f"/refresh_token?token={uuid.uuid4()}").status_code == 400


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_preflight_request_is_allowed(system, method):
    """The client's own requests need no preflight; a modified client's may."""
    preflight = {
        "Origin": HOME,
        "Access-Control-Request-Method": method,
        "Access-Control-Request-Headers": "authorization, content-type",
    }
    answer = requests.options(f"{system.web.url}/token", headers=preflight, timeout=PATIENCE)
    assert answer.ok
    assert answer.headers["Access-Control-Allow-Origin"] == HOME
    assert method in answer.headers["Access-Control-Allow-Methods"]
    allowed = answer.headers["Access-Control-Allow-Headers"].lower()
    assert allowed == "authorization, content-type"


@pytest.mark.parametrize("origin", ["http://localhost:3001", "http://evil.example", "null"])
def test_a_page_of_another_origin_can_read_no_response(system, origin):
    for method, path in (("POST", "/token?name=Ada"), ("OPTIONS", "/token")):
        headers = {"Origin": origin, "Access-Control-Request-Method": "POST"}
        answer = requests.request(method, system.web.url + path, headers=headers, timeout=PATIENCE)
        assert "Access-Control-Allow-Origin" not in answer.headers
