"""The load generator on this system, with the stand-in for load."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator

import pytest
import requests

from bench.load.conversation import Conversation, tokens
from bench.load.dialects import Events, SocketIO, Torn
from bench.load.runs import Load
from bench.load.websocket_client import FrameReader, frame
from bench.token_server import ask, reply
from tests.processes import Process, free_port, wait_until
from tests.system import System


class Model(Process):
    """The stand-in, on a port of its own."""

    def __init__(self, log):
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        super().__init__(["bench.token_server", str(port)], {}, log)
        wait_until(self._answers)

    def _answers(self) -> bool:
        try:
            return requests.get(f"{self.url}/v1/models", timeout=5).ok
        except requests.ConnectionError:
            return False


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Iterator[Model]:
    model = Model(tmp_path_factory.mktemp("model") / "log")
    yield model
    model.kill()


@pytest.fixture(scope="module")
def ours(tmp_path_factory, model) -> Iterator[System]:
    url = f"{model.url}/v1/completions"
    with System(tmp_path_factory.mktemp("ours"), webs=1, workers=1, MODEL_URL=url) as system:
        yield system


def texts(answer: requests.Response, field: str) -> list[str]:
    events = [line.removeprefix("data: ") for line in answer.text.split("\n") if line]
    assert events.pop() == "[DONE]"
    choices = [json.loads(event)["choices"][0] for event in events]
    assert choices[-1]["finish_reason"] == "stop"
    return [c["text"] if field == "text" else c["delta"]["content"] for c in choices]


@pytest.mark.parametrize(
    ("path", "field"), [("/v1/completions", "text"), ("/v1/chat/completions", "delta")]
)
@pytest.mark.parametrize("rate", [0, 50])
def test_the_stand_in_streams_the_requested_words(model, path, field, rate):
    body = {"prompt": f"{ask(99)} {ask(5, rate)}", "stream": True}
    began = time.monotonic()
    with requests.Session() as session:
        answers = [session.post(model.url + path, json=body, timeout=10) for _ in range(2)]
    took = time.monotonic() - began
    for answer in answers:
        assert texts(answer, field) == [" w0", " w1", " w2", " w3", " w4", ""]
    assert took >= (2 * 4 / rate if rate else 0)


def test_the_stand_in_answers_without_streaming_and_counts_late_words(model):
    answer = requests.post(f"{model.url}/v1/completions", json={"prompt": ask(3)}, timeout=10)
    assert answer.json()["choices"][0]["text"] == reply(3)
    requests.get(f"{model.url}/stats", timeout=10)
    body = {"prompt": ask(4, 100), "stream": True}
    requests.post(f"{model.url}/v1/completions", json=body, timeout=10)
    assert requests.get(f"{model.url}/stats", timeout=10).json()["words"] == 4


def test_replies_are_complete_with_and_without_streaming(ours):
    async def run() -> list[dict[str, float]]:
        load = Load(ours.web.port, "events")
        talk = await load.latency(clients=3, seconds=0.5)
        await load.hold(clients=3)
        streams = await load.streams(clients=3, words=10, rate=20)
        alive = await load.lost()
        await load.drop()
        return [talk, streams, alive]

    talk, streams, alive = asyncio.run(run())
    assert talk["asked"] == talk["whole"] >= 3
    assert streams["asked"] == streams["whole"] == 3
    assert 3 < streams["frames"] <= 30
    assert streams["pace_p1_per_s"] > 0
    assert (alive["lost"], alive["whole"]) == (0, 3)


def test_a_reply_that_lacks_a_word_is_not_whole(ours):
    async def run() -> tuple[bool, bool]:
        [token] = await tokens(ours.web.port, "events", 1)
        one = await Conversation.open(ours.web.port, "events", token)
        answered = await one.ask(3)
        one.close()
        before = answered.whole
        answered.words = 4
        return before, answered.whole

    assert asyncio.run(run()) == (True, False)


def test_messages_pile_up_while_sessions_are_busy(ours):
    async def run() -> dict[str, float]:
        load = Load(ours.web.port, "events")
        piled = await load.pile_up(sessions=2, messages=6)
        await load.drop()
        return piled

    assert asyncio.run(run()) == {"waiting": 6}


def test_a_missing_or_wrong_delta_is_detected():
    def receive(*frames: dict) -> None:
        events = Events("token")
        for one in frames:
            events.read(json.dumps(one).encode())

    start = {"type": "start", "id": "r", "reply_to": "m", "attempt": 1}
    first = {"type": "delta", "id": "r", "n": 0, "text": "a"}
    done = {"type": "message", "id": "r", "reply_to": "m", "msg": "a"}
    receive(start, first, done)
    with pytest.raises(Torn):
        receive(start, {**first, "n": 1})
    with pytest.raises(Torn):
        receive(start, first, {**done, "msg": "ab"})
    with pytest.raises(Torn):
        receive({"type": "history"}, {"type": "history"})


def test_socket_io_packets_are_read_and_answered():
    dialect = SocketIO("")
    assert dialect.read(b'0{"sid":"x"}') == ("40", [])
    assert not dialect.greeted
    dialect.read(b'40{"sid":"x"}')
    assert dialect.greeted
    assert dialect.read(b"2") == ("3", [])
    _, [piece] = dialect.read(b'42["reply",{"id":"m","msg":"w0"}]')
    assert piece == ("m", "w0", True, "")


@pytest.mark.parametrize("length", [0, 5, 125, 126, 65535, 65536])
@pytest.mark.parametrize("cut", [1, 2, 5, 100_000])
def test_frames_are_read_from_pieces_of_any_size(length, cut):
    payload = b"x" * length
    masked = frame(0x1, payload)
    # A server's frame is a client's without the mask.
    head = len(masked) - length - 4
    sent = (masked[:1] + bytes([masked[1] & 0x7F]) + masked[2:head] + payload) * 2
    reader = FrameReader()
    pieces = (
        [sent[at : at + cut] for at in range(0, len(sent), cut)]
        if cut > 2 or length < 200
        else [sent]
    )
    found = [message for piece in pieces for message in reader.feed(piece)]
    assert found == [(0x1, payload)] * 2


def test_fragments_are_joined_with_pings_between_them():
    reader = FrameReader()
    sent = b"\x01\x02ab" + b"\x89\x01p" + b"\x80\x01c"
    assert reader.feed(sent) == [(0x9, b"p"), (0x1, b"abc")]
