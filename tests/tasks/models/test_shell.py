"""`python -m tasks.models` prints the reply, or the cause of a failure and a hint."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import uuid

import pytest

from tests.processes import ROOT, free_port
from tests.standin import reply_to
from tests.tasks.models.conftest import PATHS
from tests.tasks.models.raw_server import http, raw_server

# Empty, so that those in .env are not used.
NAMES = ("MODEL_URL", "MODEL_NAME", "HUGGINGFACE_INFERENCE_TOKEN", "MODEL_HEADERS")
NAMES += ("MODEL_FALLBACK_URL", "MODEL_FALLBACK_NAME", "MODEL_FALLBACK_TOKEN")
UNSET = dict.fromkeys(NAMES, "")


def shell(prompt: str, **env: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "tasks.models", prompt],
        cwd=ROOT,
        env={**os.environ, **UNSET, **env},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def ask(prompt: str, **env: str) -> tuple[int, str, str]:
    """Return the exit code, the standard output and the standard error."""
    process = shell(prompt, **env)
    output, error = process.communicate(timeout=60)
    return process.returncode, output, error


def test_it_prints_the_reply(standin, protocol):
    url = standin.url + PATHS[protocol]
    assert ask("[[words=3]] hi", MODEL_URL=url) == (0, reply_to("[[words=3]] hi") + "\n", "")


def test_notices_and_restarts_go_to_the_standard_error(standin):
    url = standin.url + PATHS["chat"]
    prompt = f"[[status=503 estimated=0.2 times=1 name={uuid.uuid4()}]] hi"
    assert ask(prompt, MODEL_URL=url) == (0, "echo: hi\n", "(not ready, again in 0 s)\n")
    prompt = f"[[words=4 fault=cut:3 times=1 name={uuid.uuid4()}]] hi"
    code, output, error = ask(prompt, MODEL_URL=url)
    assert (code, output.splitlines()[-1]) == (0, reply_to(prompt))
    assert error == "(the stream broke; the reply starts over)\n"


def test_a_missing_url():
    code, _, error = ask("hi")
    assert code == 1
    assert error.startswith("MODEL_URL: is not set")


def test_an_impossible_url():
    code, _, error = ask("hi", MODEL_URL="http://127.0.0.1:99999/")
    assert code == 1
    assert error.startswith("Bad settings:\nMODEL_URL: must be http://HOST:PORT")


@pytest.mark.parametrize(
    ("prompt", "path", "cause", "hint"),
    [
        ("hi", "/v1/completion", "HTTP 404", "end in /v1/completions or /v1/chat/completions"),
        ("[[status=404]] hi", "/v1/completions", "HTTP 404", "set MODEL_NAME to standin."),
        ("[[status=400]] hi", "/v1/completions", "HTTP 400", "set MODEL_NAME to standin."),
        ("[[status=401]] hi", "/", "HTTP 401", "wants a key: put it into HUGGINGFACE_INFERENCE"),
        ("[[status=403]] hi", "/", "HTTP 403", "HUGGINGFACE_INFERENCE_TOKEN"),
        ("[[status=410]] hi", "/", "HTTP 410", "another address into MODEL_URL"),
        ("[[status=422 error=too_long]] hi", "/", "HTTP 422: too long", "MODEL_CONTEXT"),
        ("[[status=429 retry_after=300]] hi", "/", "HTTP 429", "try again later"),
        ("[[status=500]] hi", "/v1/chat/completions", "HTTP 500", "no chat template"),
        ("[[status=500]] hi", "/", "HTTP 500", "See the server's log."),
        ("[[fault=garbage]] hi", "/", "not JSON", "end in /v1/completions"),
        ("[[fault=garbage]] hi", "/v1/completions", "not JSON", "set MODEL_NAME to standin."),
    ],
)
def test_a_failure_prints_its_cause_and_a_hint(standin, prompt, path, cause, hint):
    code, output, error = ask(prompt, MODEL_URL=standin.url + path, MODEL_TIMEOUT="30")
    assert (code, output) == (1, "")
    assert cause in error.splitlines()[0]
    assert hint in error.splitlines()[1]
    assert len(error.splitlines()) == 2


def test_a_wrong_key(standin):
    url = f"{standin.url}/nowhere?key=hidden"
    code, _, error = ask(
        "[[status=401]] hi", MODEL_URL=standin.url, HUGGINGFACE_INFERENCE_TOKEN="secret"
    )
    assert code == 1
    assert "Put a key that may use this model into HUGGINGFACE_INFERENCE_TOKEN." in error
    assert "secret" not in error
    code, _, error = ask("hi", MODEL_URL=url)
    assert code == 1
    assert "hidden" not in error


def test_there_is_no_hint_about_a_model_name_that_the_server_has(standin):
    env = {"MODEL_URL": standin.url + PATHS["completions"], "MODEL_NAME": "standin"}
    _, _, error = ask("[[status=404]] hi", **env)
    assert "The path of MODEL_URL is wrong" in error
    _, _, error = ask("[[status=400]] hi", **env)
    assert len(error.splitlines()) == 1  # the cause, without a hint


def test_both_models_are_asked_and_each_failure_is_explained(standin):
    first, second = f"{standin.url}/v1/chat/completions", f"{standin.url}/v1"
    env = {"MODEL_URL": first, "MODEL_FALLBACK_URL": second}
    code, output, error = ask("hi", **env)
    assert (code, output) == (0, "echo: hi\necho: hi\n")
    assert f"MODEL_URL: {first}\n" in error
    assert f"MODEL_FALLBACK_URL: {second}\n({first} is asked, with OpenAI's chat" in error

    env["MODEL_URL"] = f"http://127.0.0.1:{free_port()}/v1/completions"
    code, output, error = ask("hi", **env)
    assert (code, output) == (1, "echo: hi\n")
    assert "does the server run, and is MODEL_URL right?" in error

    env = {"MODEL_URL": first, "MODEL_FALLBACK_URL": standin.url + "/nothing/here"}
    code, output, error = ask("hi", **env)
    assert (code, output) == (1, "echo: hi\n")
    assert "MODEL_FALLBACK_URL has to end in /v1/completions" in error

    code, _, error = ask("[[status=401]] hi", MODEL_URL=first, MODEL_FALLBACK_URL=first)
    assert code == 1
    assert "put it into HUGGINGFACE_INFERENCE_TOKEN." in error
    assert "put it into MODEL_FALLBACK_TOKEN." in error


def test_a_base_address_is_recognised(standin):
    code, output, error = ask("hi", MODEL_URL=f"{standin.url}/v1/")
    assert (code, output) == (0, "echo: hi\n")
    assert error == (
        f"({standin.url}/v1/chat/completions is asked, with OpenAI's chat completions,"
        " for standin)\n"
    )


def test_bad_headers():
    code, _, error = ask("hi", MODEL_URL="http://127.0.0.1:1/v1", MODEL_HEADERS="api-key: hush")
    assert code == 1
    assert "MODEL_HEADERS: must be a JSON object" in error
    assert "hush" not in error


def test_a_web_page():
    page = http(b"<html>It works!</html>", **{"Content-Type": "text/html"})
    with raw_server(page) as server:
        code, _, error = ask("hi", MODEL_URL=server.url)
    assert code == 1
    assert "not JSON" in error
    assert "no model's server is there" in error


def test_a_refused_connection():
    url = f"http://127.0.0.1:{free_port()}/v1/completions"
    code, _, error = ask("hi", MODEL_URL=url)
    assert code == 1
    assert "model_unavailable: ConnectionError: [Errno" in error
    assert "does the server run" in error


def test_a_timeout(standin):
    code, _, error = ask("[[fault=silence]] hi", MODEL_URL=standin.url, MODEL_TIMEOUT="0.5")
    assert code == 1
    assert "raise MODEL_TIMEOUT" in error


def test_ctrl_c(standin):
    name = str(uuid.uuid4())
    process = shell(f"[[words=9 hold={name}:2]] hi", MODEL_URL=standin.url)
    assert standin.holds[name].holding.wait(30)
    process.send_signal(signal.SIGINT)
    _, error = process.communicate(timeout=30)
    assert process.returncode == 130
    assert not error
    assert standin.holds[name].closed.wait(10)
