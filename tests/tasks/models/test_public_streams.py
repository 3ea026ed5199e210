"""Streams as servers sent them, from public bug reports: the text of each is read.

A source is the repository and the number of the issue or pull request that has the stream; the
text is shortened. Those without a source are kinds that no report was found for.
"""

from __future__ import annotations

import gzip
import json
import socket
import threading
import time
import zlib
from typing import Any, NamedTuple

import pytest

from chat.errors import ModelRefused, ModelUnavailable
from chat.settings import load_settings
from tasks.models import Call, Model, Thinking, answer, model_for
from tasks.prompt import PromptMessage
from tests.tasks.models.conftest import PATHS, Reply, text_of
from tests.tasks.models.raw_server import RawServer, http, raw_server

SSE = "text/event-stream"
WHOLE = "Hello there"


def model_at(server: RawServer, protocol: str = "chat") -> Model:
    return model_for(load_settings({"MODEL_URL": server.url + PATHS[protocol]}))


def response(body: bytes, kind: str | None = SSE, *, cut: bool = False, **headers: str) -> bytes:
    """Return a response in chunks of one event each. If it is ``cut``, the last one is missing."""
    lines = ["HTTP/1.1 200 OK", "Transfer-Encoding: chunked", "Connection: close"]
    lines += [f"Content-Type: {kind}"] if kind else []
    lines += [f"{name}: {value}" for name, value in headers.items()]
    head = "\r\n".join(lines).encode() + b"\r\n\r\n"
    parts = [part for part in body.split(b"\n\n") if part] or [b"\n"]
    parts = [part + b"\n\n" for part in parts[:-1]] + parts[-1:]
    if body.endswith(b"\n\n"):
        parts[-1] += b"\n\n"
    if "Content-Encoding" in headers:
        parts = [body[n : n + 7] for n in range(0, len(body), 7)]
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts)
    return head + chunks + (b"" if cut else b"0\r\n\r\n")


def data(*events: Any, prefix: str = "data: ", end: str = "\n\n") -> bytes:
    """Return events. A string is sent as it is, all else as JSON."""
    texts = [event if isinstance(event, str) else json.dumps(event) for event in events]
    return "".join(f"{prefix}{text}{end}" for text in texts).encode()


def delta(content: Any = None, finish: Any = None, **more: Any) -> dict[str, Any]:
    """Return an event of the chat protocol."""
    fields = {"index": 0, "delta": {"content": content, **more}, "finish_reason": finish}
    return {"object": "chat.completion.chunk", "model": "m", "choices": [fields]}


def message(content: Any, finish: Any = "stop", **more: Any) -> dict[str, Any]:
    """Return a whole answer of the chat protocol."""
    fields = {"role": "assistant", "content": content, **more}
    return {"model": "m", "choices": [{"index": 0, "message": fields, "finish_reason": finish}]}


def text(text: str | None, finish: Any = None) -> dict[str, Any]:
    """Return an event of the completions protocol."""
    return {"model": "m", "choices": [{"index": 0, "text": text, "finish_reason": finish}]}


def token(text: str, special: bool = False, **more: Any) -> dict[str, Any]:
    """Return an event of the Hugging Face protocol."""
    return {"token": {"id": 1, "text": text, "special": special}, "generated_text": None, **more}


HELLO, THERE, STOP = delta("Hello"), delta(" there"), delta(None, "stop")
DONE = "[DONE]"
USAGE = {"choices": [], "usage": {"total_tokens": 9}}
FILTER = {"hate": {"filtered": False, "severity": "safe"}}


class Stream(NamedTuple):
    name: str
    source: str
    body: bytes | dict[str, Any]
    kind: str | None = SSE
    protocol: str = "chat"
    finish: str = "stop"


STREAMS = [
    # how a stream ends
    Stream(
        "an empty finish reason in every event",
        "ollama/ollama#4357, sgl-project/sglang#3912",
        data(delta("Hello", ""), delta(" there", ""), delta("", "stop"), DONE),
    ),
    Stream(
        "a finish reason that is the word null",
        "PowerShell/AIShell#350",
        data(delta("Hello", "null"), delta(" there", "null"), delta("", "stop"), DONE),
    ),
    Stream(
        "no finish reason, and a space after the end's mark",
        "mistralai/mistral-vibe#793",
        data(HELLO, THERE, "[DONE] "),
    ),
    Stream(
        "an end's mark without a space before it",
        "huggingface/huggingface_hub#4536, vllm-project/guidellm#1106",
        data(HELLO, THERE, DONE, prefix="data:"),
    ),
    Stream(
        "neither an end's mark nor a finish reason",
        "anomalyco/opencode#43882, alfredapp/openai-workflow#52",
        data(HELLO, THERE),
    ),
    Stream("the end's mark twice, and in quotes", "", data(HELLO, THERE, '"[DONE]"', DONE)),
    Stream("text after the end's mark", "", data(HELLO, THERE, STOP, DONE, delta("junk"))),
    Stream(
        "text beside the finish reason",
        "lobehub/lobehub#3252, jeremychone/rust-genai#164",
        data(HELLO, delta(" there", "stop"), USAGE, DONE),
    ),
    Stream(
        "a finish reason in every event",
        "BerriAI/litellm#376",
        data(delta("Hello", "stop"), delta(" there", "stop"), DONE),
    ),
    Stream("text after the finish reason", "", data(delta("Hello", "stop"), THERE, DONE)),
    Stream("the limit", "", data(HELLO, delta(" there", "length"), DONE), finish="length"),
    Stream("Gemini's limit", "", data(HELLO, delta(" there", "MAX_TOKENS")), finish="length"),
    Stream("a filter in mid-reply", "", data(HELLO, delta(" there", "content_filter"), DONE)),
    Stream("an error after the end", "", data(HELLO, THERE, STOP, {"error": {"message": "x"}})),
    Stream("no JSON after the end", "", data(HELLO, THERE, STOP, "{broken")),
    # events without text
    Stream(
        "Azure's first event",
        "AbanteAI/archive-old-cli-mentat#429, simonw/llm#294",
        data({"id": "", "model": "", "choices": [], "prompt_filter_results": [FILTER]}, HELLO)
        + data(THERE, STOP, DONE),
    ),
    Stream(
        "Azure's last event, which has no delta",
        "microsoft/autogen#6465",
        data(HELLO, THERE, {"choices": [{"index": 0, "content_filter_offsets": {}}]}, STOP, DONE),
    ),
    Stream(
        "a delta that is null",
        "microsoft/agent-framework#5734, openai/openai-python#3189",
        data(HELLO, THERE, {"choices": [{"index": 0, "delta": None, "finish_reason": "stop"}]}),
    ),
    Stream(
        "choices that are null",
        "pydantic/pydantic-ai#5170",
        data({"choices": None, "usage": None}, HELLO, THERE, STOP, DONE),
    ),
    Stream(
        "the usage alone",
        "openai/openai-agents-js#107",
        data(HELLO, THERE, STOP, USAGE, DONE),
    ),
    Stream(
        "events that are null, without blank lines",
        "Kilo-Org/kilocode#3083, earendil-works/pi#2466",
        data(HELLO, "null", THERE, "null", STOP, end="\n"),
    ),
    Stream(
        "comments while the server works",
        "openai/openai-go#227",
        b": OPENROUTER PROCESSING\n\n: OPENROUTER PROCESSING\n\n" + data(HELLO, THERE, STOP, DONE),
    ),
    Stream(
        "fields without data, and empty data",
        "openai/openai-python#2721, theopenco/llmgateway#2334",
        b"retry: 3000\n\nid: 1\n\ndata:\n\ndata: \n\n" + data(HELLO, THERE, STOP, DONE),
    ),
    Stream("a ping", "", b"event: ping\ndata: {}\n\n" + data({"type": "ping"}, HELLO, THERE, STOP)),
    Stream(
        "a role first, and content that is null",
        "vllm-project/vllm#19662",
        data(delta(None, role="assistant"), delta("", role="assistant"), HELLO, THERE, STOP),
    ),
    # lines
    Stream(
        "no space after the colon",
        "openai/openai-python#498",
        data(HELLO, THERE, STOP, DONE, prefix="data:"),
    ),
    Stream(
        "line ends of two characters",
        "sysid/sse-starlette#106",
        data(HELLO, THERE, STOP, DONE, end="\r\n\r\n"),
    ),
    Stream("line ends of a carriage return", "", data(HELLO, THERE, STOP, DONE, end="\r\r")),
    Stream(
        "an event on many lines",
        "profullstack/sh1pt#705",
        b'data: {"choices":\ndata: [{"delta":{"content":"Hello there"}}]}\n\n' + data(DONE),
    ),
    Stream(
        "an event on many lines, of which one has a field",
        "ggml-org/llama.cpp#12107",
        data(json.dumps(HELLO, indent=4), json.dumps(THERE, indent=4), DONE),
    ),
    Stream(
        "two events without a blank line between them",
        "ggml-org/llama.cpp#14268",
        data(HELLO, THERE, STOP, DONE, end="\n"),
    ),
    Stream(
        "two values in one event",
        "danny-avila/LibreChat#4820",
        data(json.dumps(HELLO) + json.dumps(THERE), DONE),
    ),
    Stream("a field's name twice", "", data(HELLO, THERE, STOP, prefix="data: data: ")),
    Stream("a byte order mark", "", b"\xef\xbb\xbf" + data(HELLO, THERE, STOP, DONE)),
    Stream("a character that is cut", "", data(HELLO, THERE).replace(b" there", b" there\xe2\x80")),
    Stream("logprobs that are no number", "", data(HELLO, {**THERE, "logprob": float("nan")})),
    Stream("JSON as a string", "", data(json.dumps(json.dumps(HELLO)), THERE)),
    # no event stream
    Stream("a stream of another type", "", data(HELLO, THERE, STOP, DONE), "text/plain"),
    Stream("a stream without a type", "", data(HELLO, THERE, STOP, DONE), None),
    Stream("a stream that is called JSON", "", data(HELLO, THERE, STOP), "application/json"),
    Stream("a body", "", message(WHOLE), "application/json"),
    Stream("a body that is called a stream", "", message(WHOLE), SSE),
    Stream("a body without a type", "", message(WHOLE), None),
    Stream("a body on many lines", "", json.dumps(message(WHOLE), indent=2).encode()),
    Stream("a body in one event", "", data(message(WHOLE), DONE)),
    Stream(
        "Ollama's own protocol",
        "code-yeongyu/oh-my-openagent#1120, 0xPlaygrounds/rig#825",
        data(
            {"model": "m", "message": {"role": "assistant", "content": "Hello"}, "done": False},
            {"model": "m", "message": {"role": "assistant", "content": " there"}, "done": False},
            {"model": "m", "message": {"content": ""}, "done": True, "done_reason": "length"},
            prefix="",
            end="\n",
        ),
        "application/x-ndjson",
        finish="length",
    ),
    Stream(
        "Ollama's other protocol, of a proxy",
        "eyalrot/ollama_openai#33",
        data(
            {"model": "m", "response": "Hello", "done": False},
            {"model": "m", "response": " there", "done": True},
            prefix="",
            end="\n",
        ),
        "application/x-ndjson",
    ),
    Stream(
        "llama.cpp's own protocol",
        "",
        data({"content": "Hello", "stop": False}, {"content": " there", "stop": True}),
        protocol="completions",
    ),
    Stream(
        "Anthropic's own protocol",
        "",
        b"event: message_start\n"
        + data({"type": "message_start", "message": {"content": [], "model": "m"}})
        + data({"type": "content_block_delta", "delta": {"type": "text_delta", "text": WHOLE}})
        + data({"type": "message_delta", "delta": {"stop_reason": "max_tokens"}})
        + data({"type": "message_stop"}),
        finish="length",
    ),
    # where the text is
    Stream(
        "parts",
        "",
        data(delta([{"type": "text", "text": "Hello"}]), delta([{"text": " there"}, {"x": 1}])),
    ),
    Stream("a refusal", "", data(delta(None, refusal="Hello"), delta(None, refusal=" there"))),
    Stream("a refusal among parts", "", data(delta([{"type": "refusal", "refusal": WHOLE}]))),
    Stream(
        "a digit that is a number",
        "cloudflare/ai#651, mastra-ai/mastra#18289",
        data(delta("$"), delta(6), delta(".")),
    ),
    Stream("text in a chat", "", data(text("Hello"), text(" there", "stop"), DONE)),
    Stream(
        "a delta in a completion",
        "",
        data(HELLO, THERE, STOP, DONE),
        protocol="completions",
    ),
    Stream("a completion", "", data(text("Hello"), text(" there"), DONE), protocol="completions"),
    Stream(
        "a message in place of each delta",
        "",
        data(message("Hello", None), message(" there", None), message("", "stop"), DONE),
    ),
    Stream(
        "a message with the text so far beside each delta",
        "open-webui/open-webui#9927",
        data(
            {"choices": [{"delta": {"content": "Hello"}, "message": {"content": "Hello"}}]},
            {"choices": [{"delta": {"content": " there"}, "message": {"content": WHOLE}}]},
            {"choices": [{"delta": {"content": ""}, "message": {"content": WHOLE}}]},
        ),
    ),
    Stream(
        "a message with the whole text at the end",
        "abundantbeing/hermes-browser-extension#11",
        data(HELLO, THERE, message(WHOLE), DONE),
    ),
    Stream("a delta with the whole text at the end", "", data(HELLO, THERE, delta(WHOLE, "stop"))),
    Stream(
        "the text so far in each delta",
        "QwenLM/qwen-code#3896, swuecho/chat#687",
        data(HELLO, delta("Hello th"), delta("Hello ther"), delta(WHOLE), STOP, DONE),
    ),
    Stream(
        "a number other than 0",
        "BerriAI/litellm#376",
        data(*[{"choices": [{"index": 1, "delta": {"content": t}}]} for t in ("Hello", " there")]),
    ),
    Stream(
        "a second answer",
        "",
        data(
            HELLO,
            {"choices": [{"index": 1, "delta": {"content": "Good"}}]},
            THERE,
            {"choices": [{"index": 1, "delta": {"content": " day"}, "finish_reason": "stop"}]},
            STOP,
        ),
    ),
    # the Hugging Face protocol
    Stream(
        "no space, and a special token at the end",
        "huggingface/text-generation-inference#104",
        data(
            token("Hello"),
            token(" there"),
            token("</s>", True, details={"finish_reason": "eos_token"}) | {"generated_text": WHOLE},
            prefix="data:",
        ),
        protocol="hugging face",
    ),
    Stream(
        "the limit in the details",
        "huggingface/text-generation-inference#36",
        data(
            token("Hello"),
            token(" there", details={"finish_reason": "length"}) | {"generated_text": WHOLE},
        ),
        protocol="hugging face",
        finish="length",
    ),
    Stream(
        "the text at the end only",
        "",
        data(token("<s>", True), token("</s>", True) | {"generated_text": WHOLE}),
        protocol="hugging face",
    ),
    Stream(
        "a list of lists",
        "",
        json.dumps([[{"generated_text": WHOLE}]]).encode(),
        "application/json",
        "hugging face",
    ),
    Stream(
        "a chat as the generated text",
        "",
        json.dumps([{"generated_text": [{"role": "user"}, {"content": WHOLE}]}]).encode(),
        "application/json",
        "hugging face",
    ),
    Stream(
        "the prompt before the text",
        "",
        json.dumps([{"generated_text": f"Human: hello Bot: {WHOLE}"}]).encode(),
        "application/json",
        "hugging face",
    ),
    # thinking, which is no text
    Stream(
        "reasoning content",
        "QwenLM/qwen-code#1448",
        data(delta(None, reasoning_content="Hm."), HELLO, THERE, STOP),
    ),
    Stream("reasoning", "", data(delta("", reasoning="Hm."), HELLO, THERE, STOP)),
    Stream("details", "", data(delta("", reasoning_details=[{"text": "Hm."}]), HELLO, THERE)),
    Stream(
        "parts that think",
        "vercel/ai#8072, symfony/ai#2422, simonw/llm-mistral#39",
        data(
            delta([{"type": "thinking", "thinking": [{"type": "text", "text": "Hm."}]}]),
            delta([{"type": "text", "text": "Hello"}]),
            THERE,
        ),
    ),
    Stream("tags", "ollama/ollama#8837", data(delta("<think>\n\n</think>\n\n"), HELLO, THERE)),
    Stream(
        "tags over several events",
        "open-webui/open-webui#9927",
        data(delta("\n<th"), delta("ink>Hm. </thi"), delta("nk>"), delta("\n\nHello"), THERE),
    ),
    Stream(
        "a closing tag without an opening one",
        "open-webui/open-webui#9808, ggml-org/llama.cpp#11861, vllm-project/vllm#13125",
        data(delta("Hm. "), delta("So."), delta("\n</think>"), delta("\n\n"), HELLO, THERE),
    ),
]


@pytest.mark.parametrize("stream", STREAMS, ids=[stream.name for stream in STREAMS])
def test_the_text_of_the_stream_is_read(stream):
    body = stream.body if isinstance(stream.body, bytes) else json.dumps(stream.body).encode()
    expected = "$6." if stream.name == "a digit that is a number" else WHOLE
    with raw_server(response(body, stream.kind)) as server:
        reply = Reply(model_at(server, stream.protocol), "hello")
        assert len(server.requests) == 1
    assert reply.text.removesuffix("\ufffd") == expected
    assert reply.finished
    assert reply.finished.finish == stream.finish


# what is no reply


def failure(body: bytes, kind: str | None = SSE) -> tuple[str, str, int]:
    """Return the code and the cause of the failure of a stream, and the number of requests."""
    with raw_server(response(body, kind)) as server:
        with pytest.raises((ModelRefused, ModelUnavailable)) as raised:
            Reply(model_at(server), "hello")
        return raised.value.code, str(raised.value), len(server.requests)


FAILED = [
    # the server's error in mid-stream: https://github.com/ggml-org/llama.cpp/pull/16109
    (b'error: {"code":500,"message":"x","type":"server_error"}\n\ndata: [DONE]\n\n', True),
    (b'error: {"code":400,"message":"x","type":"invalid_request_error"}\n\n', False),
    (b'event: error\ndata: {"message":"x"}\n\n', True),
    (b"event: error\ndata: x\n\n", True),
    # aaif-goose/goose#8027, mozilla-ai/any-llm#847, apache/rocketmq-dashboard#2178
    (data({"error": {"message": "x", "type": "server_error"}}, DONE), True),
    (data({"error": {"message": "x", "code": 429}}), True),
    (data({"error": {"message": "x", "code": "401"}}), False),
    (data({"error": "x"}), True),
    (data({"error": True, "message": "x"}), True),
    (data({"detail": "x"}), True),
    (data({"object": "error", "message": "x", "code": 503}), True),
    (data({"type": "error", "error": {"type": "overloaded_error", "message": "x"}}), True),
    (data({"success": False, "errors": [{"code": 3040, "message": "x"}], "result": None}), True),
    (data({"error_code": "INTERNAL", "message": "x"}), True),
    (b'{"error":"x"}\n', True),
    # vybestack/llxprt-code#148
    (b'[{"error":{"code":400,"message":"x","status":"INVALID_ARGUMENT"}}]', False),
    # damianvtran/local-operator#223, dcdpr/jp#978, diegosouzapw/OmniRoute#8210
    (data({"choices": [], "error": {"code": 502, "message": "x"}}), True),
    (data({"choices": [], "error": {"code": 400, "message": "x"}}), False),
    (data({"choices": [{"delta": {}, "finish_reason": "error", "error": {"message": "x"}}]}), True),
]


@pytest.mark.parametrize(("body", "again"), FAILED)
def test_an_error_in_a_stream_is_repeated_if_that_may_help(body, again):
    code, cause, requests = failure(body)
    assert "x" in cause.partition("mid-stream: ")[2]
    assert (code, requests) == (("model_unavailable", 4) if again else ("model_refused", 1))


@pytest.mark.parametrize("reason", ["error", "insufficient_system_resource", "abort"])
def test_a_model_that_failed_is_asked_again(reason):
    assert failure(data(HELLO, delta("", reason)))[2] == 4


@pytest.mark.parametrize("reason", ["content_filter", "tool_calls", "SAFETY"])
def test_a_refusal_without_text_names_its_reason(reason):
    code, cause, requests = failure(data(delta("", reason), DONE))
    assert (code, requests) == ("model_refused", 1)
    assert reason.lower() in cause


@pytest.mark.parametrize(
    "body",
    [
        data(delta("", reasoning_content="Hm."), delta("", "length"), DONE),
        data(delta("<think>Hm."), delta("", "length"), DONE),
        data(delta("", reasoning="Hm."), delta("\n\n"), delta("", "length"), DONE),
        data(message("", "length", reasoning_content="Hm.")),
    ],
)
def test_a_limit_within_the_thinking_says_what_to_raise(body):
    code, cause, requests = failure(body)
    assert (code, requests) == ("model_refused", 1)
    assert "MAX_NEW_TOKENS" in cause


@pytest.mark.parametrize("body", [b"", b"\n\n", b": ping\n\n"])
def test_a_stream_without_events_is_asked_for_again(body):
    assert failure(body)[::2] == ("model_unavailable", 4)


@pytest.mark.parametrize(
    "body", [data(delta("", role="assistant")), data(STOP), data(message(None))]
)
def test_an_answer_without_text_is_refused(body):
    assert failure(body)[::2] == ("model_refused", 1)


@pytest.mark.parametrize("body", [b"<html>It works!</html>", b"Bad gateway\n", data("x", "y")])
def test_a_page_is_refused(body):
    code, cause, requests = failure(body, "text/html")
    assert (code, requests) == ("model_refused", 1)
    assert "not JSON" in cause


# a connection that was cut


def test_a_stream_that_was_cut_is_asked_for_again():
    rest = response(data(HELLO, THERE, STOP))
    with raw_server(response(data(HELLO), cut=True), rest) as server:
        reply = Reply(model_at(server), "hello")
        assert (reply.text, reply.restarts, len(server.requests)) == (WHOLE, 1, 2)


@pytest.mark.parametrize("body", [data(HELLO, THERE, STOP), data(HELLO, delta(" there", "stop"))])
def test_a_stream_that_was_cut_after_its_finish_reason_is_whole(body):
    with raw_server(response(body, cut=True)) as server:
        assert Reply(model_at(server), "hello").text == WHOLE
        assert len(server.requests) == 1


def unframed(body: bytes) -> bytes:
    """Return a response that only the end of its connection ends."""
    return b"HTTP/1.0 200 OK\r\nContent-Type: text/event-stream\r\n\r\n" + body


def test_a_stream_that_ends_with_its_connection_is_whole():
    """RFC 9112, 8: such a message is complete unless the connection itself reports an error."""
    with raw_server(unframed(data(HELLO, THERE))) as server:
        assert Reply(model_at(server), "hello").text == WHOLE
        assert len(server.requests) == 1


@pytest.mark.parametrize("body", [data(HELLO) + data(THERE)[:-12], data(HELLO, "")[:-1] + b'{"a'])
def test_a_stream_that_ends_with_its_connection_within_an_event_was_cut(body):
    with raw_server(unframed(body), response(data(HELLO, THERE, STOP))) as server:
        assert Reply(model_at(server), "hello").text == WHOLE
        assert len(server.requests) == 2


def test_a_body_that_is_shorter_than_its_length_was_cut():
    answer = http(data(HELLO), **{"Content-Type": SSE, "Content-Length": "999"})
    with raw_server(answer, response(data(HELLO, THERE, STOP))) as server:
        assert Reply(model_at(server), "hello").text == WHOLE
        assert len(server.requests) == 2


def test_a_server_that_neither_ends_its_stream_nor_sends_more_is_not_waited_for(monkeypatch):
    monkeypatch.setattr(answer, "FINISH_PATIENCE", 0.05)

    def answer_and_wait(client: socket.socket) -> None:
        client.sendall(response(data(HELLO, THERE, STOP), cut=True))
        server.wait_closed(client)

    with raw_server(answer_and_wait) as server:
        assert Reply(model_at(server), "hello").text == WHOLE


# the rest


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
def test_a_compressed_stream_is_read(encoding):
    body = data(HELLO, THERE, STOP, DONE)
    packed = gzip.compress(body) if encoding == "gzip" else zlib.compress(body)
    with raw_server(response(packed, **{"Content-Encoding": encoding})) as server:
        assert Reply(model_at(server), "hello").text == WHOLE


def test_the_reply_tells_which_model_answered():
    with raw_server(response(data({**HELLO, "model": "other/name"}, STOP))) as server:
        assert Reply(model_at(server), "hello").finished == ("stop", "other/name")


def test_without_a_name_it_is_the_configured_one():
    with raw_server(response(data(token(WHOLE)))) as server:
        reply = Reply(model_at(server, "hugging face"), "hello")
    assert reply.finished == ("stop", "EleutherAI/gpt-j-6b")


def test_a_chat_model_may_write_a_dialogue():
    play = "Human: Hello!\nBot: Hi!\nHuman: Bye."
    with raw_server(response(data(delta(play), STOP))) as server:
        assert Reply(model_at(server), "write a dialogue").text == play
        assert "stop" not in server.body(0)


def test_thinking_is_told_at_once_and_while_nothing_comes(monkeypatch):
    monkeypatch.setattr(answer, "THINKING_INTERVAL", 0.05)

    def think(client: socket.socket) -> None:
        client.sendall(response(data(delta("", reasoning_content="Hm.")), cut=True))
        assert told_thrice.wait(10)
        rest = data(HELLO, THERE, STOP)
        client.sendall(b"%x\r\n%s\r\n0\r\n\r\n" % (len(rest), rest))

    told_thrice = threading.Event()
    with raw_server(think) as server:
        said = []
        call = Call(time.monotonic() + 20)
        for item in model_at(server).answer([PromptMessage("human", "hello")], "", call):
            said.append(item)
            if len(said) == 3:
                told_thrice.set()
    assert all(isinstance(item, Thinking) for item in said[:3])
    assert text_of(said) == WHOLE


def test_thinking_is_told_while_nothing_but_comments_comes(monkeypatch):
    """OpenRouter sends `: OPENROUTER PROCESSING` before a pause would be noticed."""
    monkeypatch.setattr(answer, "THINKING_INTERVAL", 0.3)

    def think(client: socket.socket) -> None:
        client.sendall(response(data(delta("", reasoning_content="Hm.")), cut=True))
        comment, rest = b": OPENROUTER PROCESSING\n\n", data(HELLO, THERE, STOP)
        until = time.monotonic() + 10
        while not told_thrice.wait(0.1) and time.monotonic() < until:
            client.sendall(b"%x\r\n%s\r\n" % (len(comment), comment))
        client.sendall(b"%x\r\n%s\r\n0\r\n\r\n" % (len(rest), rest))

    told_thrice = threading.Event()
    with raw_server(think) as server:
        said = []
        call = Call(time.monotonic() + 20)
        for item in model_at(server).answer([PromptMessage("human", "hello")], "", call):
            said.append(item)
            if len(said) == 3:
                told_thrice.set()
    assert all(isinstance(item, Thinking) for item in said[:3])
    assert text_of(said) == WHOLE


def test_a_retry_does_not_take_thinking_for_text():
    cut = response(data(delta("<think>Hm. "), delta("So.")), cut=True)
    with raw_server(cut, response(data(text(WHOLE, "stop")))) as server:
        reply = Reply(model_at(server, "completions"), "hello")
        assert (reply.text, reply.thinking) == (WHOLE, 1)
        assert "Hm" not in server.body(1)["prompt"]
