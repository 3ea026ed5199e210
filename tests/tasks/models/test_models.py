"""The three protocols, and what becomes of each fault, against the stand-in."""

from __future__ import annotations

import logging
import socket
import threading
import time
import uuid

import pytest

from chat.errors import ModelRefused, ModelTimeout, ModelUnavailable
from chat.settings import SettingsError, load_settings
from tasks.models import Call, Cancelled, model_for
from tasks.models.hugging_face import HuggingFace
from tasks.models.openai_chat import OpenAIChat
from tasks.models.openai_completions import OpenAICompletions
from tasks.models.retry import MAX_TRIES
from tasks.prompt import Line
from tests.standin import reply_to
from tests.tasks.models.conftest import Answer


def unique() -> str:
    return str(uuid.uuid4())


@pytest.mark.parametrize(
    ("url", "adapter"),
    [
        ("http://h/v1/completions", OpenAICompletions),
        ("http://h/prefix/v1/completions/", OpenAICompletions),
        ("https://h/v1/chat/completions?key=1", OpenAIChat),
        ("http://h", HuggingFace),
        ("http://h/generate", HuggingFace),
        ("http://h/models/v1", HuggingFace),
    ],
)
def test_the_path_picks_the_protocol(url, adapter):
    assert type(model_for(load_settings({"MODEL_URL": url}))._adapter) is adapter


def test_no_address_is_an_error_that_names_the_variable():
    with pytest.raises(SettingsError, match="MODEL_URL"):
        model_for(load_settings({}))


def test_an_answer_comes_in_pieces_as_the_model_makes_it(model, standin):
    name = unique()
    said, holding = [], standin.holds[name].holding
    pieces = model.answer(
        [Line("human", f"[[words=9 hold={name}:4]] hi")], "", Call(time.monotonic() + 20)
    )
    for _ in range(3):
        said.append(next(pieces))
    assert holding.wait(20)
    standin.holds[name].released.set()
    said += pieces
    assert "".join(said) == reply_to(f"[[words=9 hold={name}:4]] hi")
    assert len(said) > 5


def test_the_reply_adds_up_to_the_letter(model):
    ask = "[[words=40]] 😀 é\u2028 “x”"
    assert Answer(model, ask).text == reply_to(ask)


def test_the_key_goes_along_and_into_no_log(model_with, standin, caplog):
    secret = unique()
    with caplog.at_level(logging.DEBUG), pytest.raises(ModelRefused):
        Answer(model_with(HUGGINGFACE_INFERENCE_TOKEN=secret), "[[status=401]] hello")
    assert standin.requests[-1]["authorization"] == f"Bearer {secret}"
    assert "401" in caplog.text
    assert secret not in caplog.text
    assert "hello" not in caplog.text


def test_a_key_in_the_address_stays_out_of_the_log(standin, caplog):
    model = model_for(load_settings({"MODEL_URL": f"{standin.url}/?key=hidden"}))
    with caplog.at_level(logging.INFO), pytest.raises(ModelRefused):
        Answer(model, "hello")
    assert "hidden" not in caplog.text


# statuses


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410, 422])
def test_what_cannot_succeed_is_asked_once(model, standin, status):
    marker = unique()
    with pytest.raises(ModelRefused, match=str(status)):
        Answer(model, f"[[status={status}]] {marker}")
    assert sum(marker in str(request) for request in standin.requests) == 1


@pytest.mark.parametrize("status", [500, 502, 503, 429])
def test_what_may_pass_is_tried_again(model, status):
    ask = f"[[status={status} times=2 name={unique()} retry_after=0.1]] hello"
    assert Answer(model, ask).text == reply_to(ask)


@pytest.mark.parametrize("status", [500, 429])
def test_tries_are_bounded(model, standin, status):
    marker = unique()
    with pytest.raises(ModelUnavailable):
        Answer(model, f"[[status={status} retry_after=0.1]] {marker}")
    assert sum(marker in str(request) for request in standin.requests) == MAX_TRIES


def test_a_model_that_loads_is_waited_for_and_the_person_told(model):
    ask = f"[[status=503 estimated=0.2 times=7 name={unique()}]] hello"
    answer = Answer(model, ask, within=120)
    assert answer.text == reply_to(ask)
    assert answer.waits == [("model_unavailable", s) for s in (0.5, 1, 2, 4, 8, 8, 8)]


def test_a_model_that_loads_too_long_is_a_timeout_in_the_log_too(model, caplog):
    with pytest.raises(ModelTimeout):
        Answer(model, "[[status=503 estimated=300]] hello", within=0.5)
    assert "model_timeout" in caplog.text


def test_a_busy_model_says_when_to_come_back(model):
    ask = f"[[status=429 retry_after=3 times=1 name={unique()}]] hello"
    assert Answer(model, ask).waits == [("busy", 3)]


def test_nobody_listens(protocol, caplog):
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{nobody.getsockname()[1]}/"
        with pytest.raises(ModelUnavailable), caplog.at_level(logging.WARNING):
            Answer(model_for(load_settings({"MODEL_URL": url})), "hello")
    assert "model_unavailable" in caplog.text


# bodies


def test_a_body_that_is_not_json_is_refused(model):
    with pytest.raises(ModelRefused):
        Answer(model, "[[fault=garbage]] hello")


@pytest.mark.parametrize("fault", ["bare", "list"])
def test_one_body_instead_of_a_stream_is_taken(model, fault):
    ask = f"[[fault={fault} words=3]] hello"
    assert Answer(model, ask).text == reply_to(ask)


def test_an_empty_answer_is_refused(model):
    with pytest.raises(ModelRefused, match="empty"):
        Answer(model, "[[fault=empty]] hello")


def test_the_answer_ends_where_the_model_speaks_for_the_person(model):
    ask = "[[fault=stop words=2]] hello"
    answer = Answer(model, ask)
    assert answer.text == reply_to(ask)
    assert "Hu" not in "".join(answer.pieces)


def test_halves_of_characters_are_joined_or_replaced(model):
    assert Answer(model, "[[fault=surrogates]] hello").text == "ok 😀 alone \ufffd end"


# streams that break


@pytest.mark.parametrize("fault", ["cut:3", "error:3", "cut:0"])
def test_a_stream_that_breaks_is_gone_on_with_or_begun_anew(model, protocol, fault):
    ask = f"[[words=9 fault={fault} times=1 name={unique()}]] hello"
    answer = Answer(model, ask)
    assert answer.text == reply_to(ask)
    begins_anew = protocol == "chat" and fault != "cut:0"
    assert answer.restarts == begins_anew


def test_a_stream_that_always_breaks_at_once_is_given_up(model):
    with pytest.raises(ModelUnavailable):
        Answer(model, "[[words=9 fault=cut:0]] hello")


def test_a_beginning_is_gone_on_with_or_voided(model, protocol):
    ask = "[[words=9]] hello"
    whole = reply_to(ask)
    for cut in (1, 7, len(whole) - 1):
        answer = Answer(model, ask, whole[:cut].rstrip())
        assert answer.text == whole
        assert answer.restarts == (protocol == "chat")


def test_nothing_more_behind_a_whole_beginning_is_a_finished_reply(model):
    ask = "[[words=2]] hello"
    assert Answer(model, ask, reply_to(ask)).text == reply_to(ask)


def test_silence_beyond_the_deadline_is_a_timeout(model):
    with pytest.raises(ModelTimeout):
        Answer(model, "[[fault=silence]] hello", within=0.5)


def test_a_slow_trickle_beyond_the_deadline_is_a_timeout(model):
    with pytest.raises(ModelTimeout):
        Answer(model, "[[words=200 delay=0.05]] hello", within=0.5)


# length


def test_a_refusal_for_length_is_tried_once_more_with_half(standin, model_with):
    model = model_with(MODEL_CONTEXT="2048")
    filler, marker = "x" * 2000, unique()
    ask = f"[[status=422 error=too_many_tokens times=1 name={marker}]] {marker}"
    said = list(
        model.answer(
            [Line("human", filler), Line("bot", filler), Line("human", ask)],
            "",
            Call(time.monotonic() + 20),
        )
    )
    assert "".join(map(str, said)) == reply_to(ask)
    asked = [str(request["body"]) for request in standin.requests if marker in str(request["body"])]
    assert len(asked) == 2
    assert len(asked[1]) < len(asked[0])


def test_a_second_refusal_for_length_is_final(model):
    with pytest.raises(ModelRefused):
        Answer(model, "[[status=422 error=too_many_tokens]] hello")


# cancelling


def cancelled(model, ask: str, until: threading.Event) -> float:
    """Return how long a call went on after it was cancelled, in seconds."""
    call = Call(time.monotonic() + 30)
    ended = []

    def run() -> None:
        with pytest.raises(Cancelled):
            list(model.answer([Line("human", ask)], "", call))
        ended.append(time.monotonic())

    thread = threading.Thread(target=run)
    thread.start()
    assert until.wait(20)
    since = time.monotonic()
    call.cancel()
    call.cancel()
    thread.join(20)
    return ended[0] - since


@pytest.mark.parametrize("at", [0, 3])
def test_a_cancel_closes_the_connection_silent_or_in_mid_stream(model, standin, at):
    name = unique()
    cancelled(model, f"[[words=9 hold={name}:{at}]] hello", standin.holds[name].holding)
    assert standin.holds[name].closed.wait(1.0)


def test_a_cancel_ends_a_wait(model, standin):
    begun = len(standin.requests)
    asked = threading.Event()
    threading.Thread(target=lambda: wait_for(lambda: len(standin.requests) > begun, asked)).start()
    assert cancelled(model, "[[status=503 estimated=30]] hello", asked) < 5


def wait_for(happened, event) -> None:
    while not happened():
        time.sleep(0.01)
    event.set()


def test_a_cancelled_call_asks_nothing(model, standin):
    marker, call = unique(), Call(time.monotonic() + 20)
    call.cancel()
    with pytest.raises(Cancelled):
        list(model.answer([Line("human", marker)], "", call))
    assert not any(marker in str(request) for request in standin.requests)


# what is asked


def test_the_hugging_face_request(standin):
    env = {"MODEL_URL": standin.url, "MAX_NEW_TOKENS": "25", "MODEL_TEMPERATURE": "0"}
    Answer(model_for(load_settings(env)), "hello")
    assert standin.requests[-1]["body"] == {
        "inputs": "Human: hello Bot:",
        "parameters": {
            "max_new_tokens": 25,
            "return_full_text": False,
            "stop": ["Human:"],
            "truncate": 2048 - 25,
        },
        "stream": True,
        "options": {"use_cache": False},
    }


def test_what_a_hugging_face_server_cuts_off_is_not_the_system_prompt(standin):
    env = {"MODEL_URL": standin.url, "SYSTEM_PROMPT": "x" * 300, "MAX_NEW_TOKENS": "25"}
    Answer(model_for(load_settings(env)), "hello")
    assert standin.requests[-1]["body"]["parameters"]["truncate"] == 2048 - 25


def test_the_cache_is_used_when_it_is_wanted(standin):
    Answer(model_for(load_settings({"MODEL_URL": standin.url, "MODEL_USE_CACHE": "true"})), "hello")
    assert standin.requests[-1]["body"]["options"] == {"use_cache": True}


def test_the_chat_request_has_roles_and_the_system_prompt(standin):
    env = {"MODEL_URL": f"{standin.url}/v1/chat/completions", "SYSTEM_PROMPT": "Be kind."}
    model = model_for(load_settings({**env, "MODEL_TEMPERATURE": "0.5", "MODEL_TOP_P": "0.9"}))
    lines = [Line("bot", "left out"), Line("human", "a"), Line("bot", "b"), Line("human", "c")]
    list(model.answer(lines, "", Call(time.monotonic() + 20)))
    body = standin.requests[-1]["body"]
    assert body["messages"] == [
        {"role": "system", "content": "Be kind."},
        {"role": "user", "content": "a"},
        {"role": "assistant", "content": "b"},
        {"role": "user", "content": "c"},
    ]
    assert (body["temperature"], body["top_p"]) == (0.5, 0.9)
