"""A real GPT-J, tiny and with random weights, behind `transformers serve`: `make test-gptj`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from local.gptj import TINY
from tests.clients import Events, Plain, begin
from tests.local.test_whole import Launcher
from tests.processes import ROOT, Process, free_port, wait_until
from tests.system import System
from tests.tasks.models.test_shell import ask

PYTHON = ROOT / ".venv-gptj" / "bin" / "python"
LONG = 400  # tokens


class GPTJ(Process):
    """`make gptj TINY=1`, on a port of its own."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        arguments = ["local.gptj", "--tiny", "--port", str(self.port), "--data", str(folder)]
        super().__init__(arguments, {}, folder / "gptj.log")

    def start(self) -> None:
        self.command[0] = str(PYTHON)
        super().start()

    def printed_env(self) -> dict[str, str]:
        """Wait for the line that ends with `make run`. Returns the variables in it."""
        line = re.compile(r"^    (MODEL_URL=\S+) (MODEL_NAME=\S+) make run$", re.MULTILINE)

        def found() -> re.Match[str] | None:
            assert self.running, self.output()
            return line.search(self.output())

        wait_until(found)
        return dict(part.split("=", 1) for part in found().groups())

    def server(self) -> psutil.Process:
        """Return the process that listens."""
        (server,) = [
            child
            for child in psutil.Process(self.pid).children(recursive=True)
            if any(c.status == psutil.CONN_LISTEN for c in child.net_connections())
        ]
        return server


@pytest.fixture(scope="module")
def served(tmp_path_factory) -> Iterator[GPTJ]:
    served = GPTJ(tmp_path_factory.mktemp("gptj"))
    yield served
    served.stop()


@pytest.fixture(scope="module")
def env(served) -> dict[str, str]:
    """The variables that `make gptj` prints for `make run`."""
    return served.printed_env()


@pytest.fixture(scope="module")
def system(env, tmp_path_factory) -> Iterator[System]:
    folder = tmp_path_factory.mktemp("system")
    with System(folder, webs=1, workers=1, MAX_NEW_TOKENS=str(LONG), **env) as system:
        yield system


@pytest.mark.parametrize("path", ["", "/v1/"])
def test_a_shell_finds_its_completions_behind_a_base_address(env, path):
    base = env["MODEL_URL"].removesuffix("/v1/completions")
    code, output, error = ask("Hello", **{**env, "MODEL_URL": base + path})
    assert code == 0
    assert output.strip()
    assert f"({base}/v1/completions is asked, " in error


def test_a_shell_gets_the_same_answer_each_time(env):
    first, second = (ask("Hello", MAX_NEW_TOKENS="20", **env) for _ in range(2))
    code, output, error = first
    assert code == 0, error
    assert len(output.split()) > 5
    assert first == second


def test_a_chat_streams_its_reply(env, system):
    client = Events(system.web.ws, begin(system.web.url))
    for text in ("Hello", "And then?"):  # the second prompt contains the first and its reply
        reply = client.until_answered(client.say(text))
        assert (reply["type"], reply.get("status")) == ("message", "done"), system.output()
        deltas = [
            f["text"] for f in client.frames if f["type"] == "delta" and f["id"] == reply["id"]
        ]
        assert len(deltas) > 5
        assert "".join(deltas) == reply["msg"]
    client.close()


def test_a_stop_closes_the_stream(env, system, served):
    client = Events(system.web.ws, begin(system.web.url))
    message_id = client.say("Hello")
    client.until_type("delta")
    worker = psutil.Process(system.workers[0].pid)

    def is_connected() -> bool:
        return any(c.raddr and c.raddr.port == served.port for c in worker.net_connections())

    assert is_connected()
    server = served.server()
    server.suspend()  # so the server cannot end the stream by itself
    client.send(type="stop", id=message_id)
    assert client.until_answered(message_id)["status"] == "stopped"
    wait_until(lambda: not is_connected(), within=5.0)
    server.resume()
    assert client.until_answered(client.say("Again"))["status"] == "done"
    client.close()


def test_make_run_uses_it(env, tmp_path):
    launcher = Launcher(tmp_path, MAX_NEW_TOKENS="20", **env)
    try:
        client = Plain(f"ws://127.0.0.1:{launcher.port}/chat", begin(launcher.url))
        client.say("Hello")
        reply = client.reply()
        assert "error" not in reply
        assert reply["msg"] == ask("Hello", MAX_NEW_TOKENS="20", **env)[1].strip()
        client.close()
    finally:
        launcher.process.terminate()
        launcher.process.wait(60)


def test_a_prompt_longer_than_the_context_is_retried_with_half(env):
    code, output, error = ask("the " * 3000, MODEL_CONTEXT="4000", MAX_NEW_TOKENS="20", **env)
    assert code == 0, error
    assert output.strip()


@pytest.mark.parametrize(
    ("path", "name", "cause", "hint"),
    [
        ("/v1/completions", "EleutherAI/gpt-j-6b", "HTTP 400", f"set MODEL_NAME to {TINY}"),
        ("/v1/chat/completions", TINY, "HTTP 500", "no chat template"),
        ("/v1/completion", TINY, "HTTP 404", "/v1/completions"),
        ("/docs", TINY, "HTTP 405", "/v1/completions"),
    ],
)
def test_a_shell_prints_the_cause_of_a_failure_and_a_hint(env, path, name, cause, hint):
    base = env["MODEL_URL"].removesuffix("/v1/completions")
    code, _, error = ask("Hello", MODEL_URL=base + path, MODEL_NAME=name)
    assert code == 1
    assert cause in error
    assert hint in error
