"""The three protocols and each kind of failure, against the stand-in."""

from __future__ import annotations

import json
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
from tasks.models.retry_policy import MAX_TRIES
from tasks.prompt import PromptMessage
from tests.standin import reply_to
from tests.tasks.models.conftest import Reply, text_of


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
def test_the_path_selects_the_protocol(url, adapter):
    assert type(model_for(load_settings({"MODEL_URL": url}))._adapter) is adapter


def test_a_missing_url_is_an_error_that_names_the_variable():
    with pytest.raises(SettingsError, match="MODEL_URL"):
        model_for(load_settings({}))


def test_the_text_is_yielded_while_the_model_generates(model, standin):
    name = unique()
    texts, holding = [], standin.holds[name].holding
    items = model.answer(
        [PromptMessage("human", f"[[words=9 hold={name}:4]] hi")], "", Call(time.monotonic() + 20)
    )
    for _ in range(3):
        texts.append(next(items))
    assert holding.wait(20)
    standin.holds[name].released.set()
    texts += items
    assert text_of(texts) == reply_to(f"[[words=9 hold={name}:4]] hi")
    assert len(texts) > 5


def test_every_character_of_the_reply_arrives(model):
    ask = "[[words=40]] 😀 é\u2028 “x”"
    assert Reply(model, ask).text == reply_to(ask)


def test_the_key_is_sent_and_not_logged(model_with, standin, caplog):
    secret = unique()
    with caplog.at_level(logging.DEBUG), pytest.raises(ModelRefused):
        Reply(model_with(HUGGINGFACE_INFERENCE_TOKEN=secret), "[[status=401]] hello")
    assert standin.requests[-1]["authorization"] == f"Bearer {secret}"
    assert "401" in caplog.text
    assert secret not in caplog.text
    assert "hello" not in caplog.text


def test_a_key_in_the_url_is_not_logged(standin, caplog):
    model = model_for(load_settings({"MODEL_URL": f"{standin.url}/nowhere?key=hidden"}))
    with caplog.at_level(logging.INFO), pytest.raises(ModelRefused):
        Reply(model, "[[status=400]] hello")
    assert "hidden" not in caplog.text


# statuses


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410, 422])
def test_a_final_failure_is_not_retried(model, standin, status):
    marker = unique()
    with pytest.raises(ModelRefused, match=str(status)):
        Reply(model, f"[[status={status}]] {marker}")
    assert sum(marker in str(request) for request in standin.requests) == 1


@pytest.mark.parametrize("status", [500, 502, 503, 429])
def test_a_temporary_failure_is_retried(model, status):
    ask = f"[[status={status} times=2 name={unique()} retry_after=0.1]] hello"
    assert Reply(model, ask).text == reply_to(ask)


@pytest.mark.parametrize("status", [500, 429])
def test_retries_are_bounded(model, standin, status):
    marker = unique()
    with pytest.raises(ModelUnavailable):
        Reply(model, f"[[status={status} retry_after=0.1]] {marker}")
    assert sum(marker in str(request) for request in standin.requests) == MAX_TRIES


def test_a_loading_model_is_retried_with_notices(model):
    ask = f"[[status=503 estimated=0.2 times=7 name={unique()}]] hello"
    reply = Reply(model, ask, timeout=120)
    assert reply.text == reply_to(ask)
    assert reply.notices == [("model_unavailable", s) for s in (0.5, 1, 2, 4, 8, 8, 8)]


def test_a_model_that_loads_past_the_deadline_is_logged_as_a_timeout(model, caplog):
    with pytest.raises(ModelTimeout):
        Reply(model, "[[status=503 estimated=300]] hello", timeout=0.5)
    assert "model_timeout" in caplog.text


def test_the_notice_of_a_busy_model_has_its_retry_after(model):
    ask = f"[[status=429 retry_after=3 times=1 name={unique()}]] hello"
    assert Reply(model, ask).notices == [("busy", 3)]


def test_a_refused_connection_is_unavailable(protocol, caplog):
    with socket.socket() as not_listening:
        not_listening.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{not_listening.getsockname()[1]}/"
        with pytest.raises(ModelUnavailable), caplog.at_level(logging.WARNING):
            Reply(model_for(load_settings({"MODEL_URL": url})), "hello")
    assert "model_unavailable" in caplog.text


# bodies


def test_a_body_that_is_not_json_is_refused(model):
    with pytest.raises(ModelRefused):
        Reply(model, "[[fault=garbage]] hello")


@pytest.mark.parametrize("fault", ["bare", "list"])
def test_a_body_that_is_not_a_stream_is_accepted(model, fault):
    ask = f"[[fault={fault} words=3]] hello"
    assert Reply(model, ask).text == reply_to(ask)


def test_an_empty_answer_is_refused(model):
    with pytest.raises(ModelRefused, match="empty"):
        Reply(model, "[[fault=empty]] hello")


def test_the_reply_ends_at_the_stop_sequence_unless_a_chat_model_writes_it(model, protocol):
    ask = "[[fault=stop words=2]] hello"
    further = " \nHuman: and more" if protocol == "chat" else ""
    assert Reply(model, ask).text == reply_to(ask) + further


def test_surrogates_are_joined_or_replaced(model):
    assert Reply(model, "[[fault=surrogates]] hello").text == "ok 😀 alone \ufffd end"


# streams that break


@pytest.mark.parametrize("fault", ["cut:3", "error:3", "cut:0"])
def test_a_broken_stream_is_continued_or_restarted(model, protocol, fault):
    ask = f"[[words=9 fault={fault} times=1 name={unique()}]] hello"
    reply = Reply(model, ask)
    assert reply.text == reply_to(ask)
    restarts = protocol == "chat" and fault != "cut:0"
    assert reply.restarts == restarts


def test_a_stream_that_always_breaks_at_once_is_unavailable(model):
    with pytest.raises(ModelUnavailable):
        Reply(model, "[[words=9 fault=cut:0]] hello")


def test_a_partial_reply_is_continued_or_restarted(model, protocol):
    ask = "[[words=9]] hello"
    whole = reply_to(ask)
    for length in (1, 7, len(whole) - 1):
        reply = Reply(model, ask, whole[:length].rstrip())
        assert reply.text == whole
        assert reply.restarts == (protocol == "chat")


def test_a_partial_reply_that_is_whole_already_needs_no_more_text(model):
    ask = "[[words=2]] hello"
    assert Reply(model, ask, reply_to(ask)).text == reply_to(ask)


# continue: a text that must stay


def test_a_text_that_must_stay_is_continued_at_the_word(model):
    message = "[[words=30]] please"
    for cut in (1, len("echo: please w0 w1"), len("echo: please w0 w1 w"), 39):
        reply = Reply(model, message, reply_to(message)[:cut], keeps=True)
        assert (reply.text, reply.restarts) == (reply_to(message), 0)


@pytest.mark.parametrize("fault", ["cut:4", "error:4"])
def test_a_text_that_must_stay_outlives_a_broken_stream(model, fault):
    message = f"[[words=9 times=2 name={uuid.uuid4()} fault={fault}]] please"
    reply = Reply(model, message, "echo: please w0", keeps=True)
    assert (reply.text, reply.restarts) == (reply_to(message), 0)


def test_a_text_that_must_stay_and_is_whole_needs_no_more_text(model):
    reply = Reply(model, "please", "echo: please", keeps=True)
    assert (reply.text, reply.texts, reply.restarts) == ("echo: please", [], 0)
    assert reply.finished.finish == "stop"


def test_a_text_that_must_stay_may_be_longer_than_the_prompt(model_with, standin):
    model = model_with(MODEL_CONTEXT="400", MAX_NEW_TOKENS="100")
    text = " ".join(f"word{number}" for number in range(400))
    Reply(model, "please", text, keeps=True)
    sent = json.dumps(standin.requests[-1]["body"])
    assert len(sent) < 400 * 3
    assert "word399" in sent
    assert "please" in sent


def test_a_chat_server_is_asked_for_the_rest_once_it_has_begun_anew(standin):
    model = model_for(load_settings({"MODEL_URL": f"{standin.url}/v1/chat/completions"}))
    Reply(model, "[[words=3]] please", "echo: please w0", keeps=True)
    prefilled, asked = (request["body"] for request in standin.requests[-2:])
    assert prefilled["continue_final_message"] is True
    assert prefilled["add_generation_prompt"] is False
    assert prefilled["messages"][-1]["content"] == "echo: please w0"
    assert not asked.keys() & {"continue_final_message", "add_generation_prompt"}
    assert [message["role"] for message in asked["messages"]] == ["user", "assistant", "user"]


def test_silence_past_the_deadline_is_a_timeout(model):
    with pytest.raises(ModelTimeout):
        Reply(model, "[[fault=silence]] hello", timeout=0.5)


def test_a_slow_stream_past_the_deadline_is_a_timeout(model):
    with pytest.raises(ModelTimeout):
        Reply(model, "[[words=200 delay=0.05]] hello", timeout=0.5)


# length


def test_a_prompt_refused_for_its_length_is_retried_with_half(standin, model_with):
    model = model_with(MODEL_CONTEXT="2048")
    filler, marker = "x" * 2000, unique()
    ask = f"[[status=422 error=too_many_tokens times=1 name={marker}]] {marker}"
    texts = list(
        model.answer(
            [
                PromptMessage("human", filler),
                PromptMessage("bot", filler),
                PromptMessage("human", ask),
            ],
            "",
            Call(time.monotonic() + 20),
        )
    )
    assert text_of(texts) == reply_to(ask)
    bodies = [str(request["body"]) for request in standin.requests]
    first, second = (body for body in bodies if marker in body)
    assert len(second) < len(first)


def test_a_second_refusal_for_length_is_final(model):
    with pytest.raises(ModelRefused):
        Reply(model, "[[status=422 error=too_many_tokens]] hello")


# cancellation


def cancel_duration(model, ask: str, cancel_at: threading.Event) -> float:
    """Cancel a call once ``cancel_at`` is set. Returns the seconds until it ended."""
    call = Call(time.monotonic() + 30)
    ended = []

    def run() -> None:
        with pytest.raises(Cancelled):
            list(model.answer([PromptMessage("human", ask)], "", call))
        ended.append(time.monotonic())

    thread = threading.Thread(target=run)
    thread.start()
    assert cancel_at.wait(20)
    cancelled_at = time.monotonic()
    call.cancel()
    call.cancel()
    thread.join(20)
    return ended[0] - cancelled_at


@pytest.mark.parametrize("at", [0, 3])
def test_a_cancel_closes_the_connection_before_and_in_mid_stream(model, standin, at):
    name = unique()
    cancel_duration(model, f"[[words=9 hold={name}:{at}]] hello", standin.holds[name].holding)
    assert standin.holds[name].closed.wait(1.0)


def test_a_cancel_ends_a_pause(model, standin):
    before = len(standin.requests)
    requested = threading.Event()
    threading.Thread(
        target=lambda: set_when(lambda: len(standin.requests) > before, requested)
    ).start()
    assert cancel_duration(model, "[[status=503 estimated=30]] hello", requested) < 5


def set_when(condition, event) -> None:
    while not condition():
        time.sleep(0.01)
    event.set()


def test_a_cancelled_call_sends_no_request(model, standin):
    marker, call = unique(), Call(time.monotonic() + 20)
    call.cancel()
    with pytest.raises(Cancelled):
        list(model.answer([PromptMessage("human", marker)], "", call))
    assert not any(marker in str(request) for request in standin.requests)


# requests


def test_the_hugging_face_request(standin):
    env = {"MODEL_URL": standin.url, "MAX_NEW_TOKENS": "25", "MODEL_TEMPERATURE": "0"}
    Reply(model_for(load_settings(env)), "hello")
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


def test_a_hugging_face_server_does_not_truncate_the_system_prompt(standin):
    env = {"MODEL_URL": standin.url, "SYSTEM_PROMPT": "x" * 300, "MAX_NEW_TOKENS": "25"}
    Reply(model_for(load_settings(env)), "hello")
    assert standin.requests[-1]["body"]["parameters"]["truncate"] == 2048 - 25


def test_the_cache_is_used_if_configured(standin):
    Reply(model_for(load_settings({"MODEL_URL": standin.url, "MODEL_USE_CACHE": "true"})), "hello")
    assert standin.requests[-1]["body"]["options"] == {"use_cache": True}


def test_the_chat_request_has_roles_and_the_system_prompt(standin):
    env = {"MODEL_URL": f"{standin.url}/v1/chat/completions", "SYSTEM_PROMPT": "Be kind."}
    model = model_for(load_settings({**env, "MODEL_TEMPERATURE": "0.5", "MODEL_TOP_P": "0.9"}))
    messages = [
        PromptMessage("bot", "left out"),
        PromptMessage("human", "a"),
        PromptMessage("bot", "b"),
        PromptMessage("human", "c"),
    ]
    list(model.answer(messages, "", Call(time.monotonic() + 20)))
    body = standin.requests[-1]["body"]
    assert body["messages"] == [
        {"role": "system", "content": "Be kind."},
        {"role": "user", "content": "a"},
        {"role": "assistant", "content": "b"},
        {"role": "user", "content": "c"},
    ]
    assert (body["temperature"], body["top_p"]) == (0.5, 0.9)
