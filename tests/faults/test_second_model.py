"""Two models, two workers, and a first model that dies."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tasks.models.circuit_breaker import MAX_FAILURES
from tests import directives
from tests.clients import Events, begin, history
from tests.system import System


@pytest.fixture(scope="module", params=["/v1/completions", "/v1/chat/completions"])
def system(request, tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    folder = tmp_path_factory.mktemp("second")
    with System(folder, webs=1, fallback_path=request.param) as system:
        yield system


def test_a_reply_outlives_its_model_and_five_failures_open_the_circuit_of_all_workers(system):
    socket = Events(system.web.ws, begin(system.web.url))
    with directives.held(system, at=5) as hold:
        message_id = socket.say(hold.ask)
        hold.wait()
        socket.until_type("delta")
        hold.release_second(system)
        system.standin.kill()
        ended = socket.until_answered(message_id)
    assert (ended["msg"], ended["status"]) == (hold.text, "done")

    others = [Events(system.web.ws, begin(system.web.url)) for _ in range(MAX_FAILURES)]
    for other in others:
        message_id = other.say("hello")
        assert other.until_answered(message_id)["msg"] == "echo: hello"
    assert system.client.keys("chat:model:*:open")
    system.standin.start()
    system.standin.ready()
    message_id = socket.say("still the second?")
    assert socket.until_answered(message_id)["msg"] == "echo: still the second?"
    assert not directives.requests_with(system, "still the second?")
    system.client.delete(*system.client.keys("chat:model:*:open"))  # the 30 s are over
    message_id = socket.say("the first again?")
    assert socket.until_answered(message_id)["msg"] == "echo: the first again?"
    assert len(directives.requests_with(system, "the first again?")) == 1
    assert [m["msg"] for m in history(system.web.url, socket.token)][1] == f"Bot: {hold.text}"
