"""More streams: gateways that translate, servers' own protocols, and marks of thinking.

A source is the repository and the number of the issue or pull request that shows the stream or its
fields. Those without one have the fields that the named server is known to send, or are kinds that
no report was found for. Most are read in this process, as a whole and cut at each byte.
"""

from __future__ import annotations

import json
from typing import Any, NamedTuple

import pytest

from chat.errors import ModelRefused
from tasks.models.answer import Answer
from tasks.models.failures import AllThinking, ModelUnusable, TransientError
from tasks.models.reply_items import Restart, Thinking
from tests.tasks.models.conftest import Reply
from tests.tasks.models.raw_server import raw_server
from tests.tasks.models.test_any_cut import Chunks
from tests.tasks.models.test_public_streams import (
    DONE,
    HELLO,
    STOP,
    THERE,
    USAGE,
    WHOLE,
    data,
    delta,
    message,
    model_at,
    response,
)


class Odd(NamedTuple):
    name: str
    source: str
    body: bytes | dict[str, Any] | list[Any]
    text: str = WHOLE
    finish: str = "stop"
    thinks: bool | None = False  # None: thought and text come at once, so either is right


def chunk(content: Any, **more: Any) -> dict[str, Any]:
    """Return an event of the chat protocol whose delta is given."""
    return {"choices": [{"index": 0, "delta": content, **more}]}


def lines(*events: Any) -> bytes:
    return data(*events, prefix="", end="\n")


def texts(*parts: str) -> bytes:
    """Return a stream of these texts."""
    return data(*map(delta, parts), STOP, DONE)


HARMONY = "<|channel|>analysis<|message|>Hm.<|end|><|start|>assistant<|channel|>final<|message|>"
TORN = b'data: {"id":"1","object":"chat.completion.cdata: '

ODD = [
    # what models think between marks of their own
    Odd(
        "gpt-oss",
        "kekzl/imp#768, ml-explore/mlx-lm#1867",
        texts("<|channel|>", "analysis", "<|message|>", "Hm.", "<|end|>", "<|start|>", "assistant")[
            :-14
        ]
        + texts("<|channel|>", "final", "<|message|>", "Hello", " there", "<|return|>"),
        thinks=True,
    ),
    Odd("gpt-oss as a body", "ml-explore/mlx-lm#1867", message(HARMONY + WHOLE), thinks=None),
    Odd(
        "gpt-oss that uses another channel before",
        "odysseus-dev/odysseus#4522",
        texts("<|channel|>commentary to=functions.x<|message|>{}<|call|>", HARMONY, WHOLE),
        thinks=True,
    ),
    Odd(
        "gpt-oss that says who speaks",
        "",
        texts("<|start|>assistant<|channel|>analysis<|message|>Hm.", HARMONY, WHOLE),
        thinks=True,
    ),
    Odd("gpt-oss without thinking", "", texts("<|channel|>final<|message|>", WHOLE), thinks=None),
    Odd(
        "gpt-oss with a form",
        "",
        texts("<|channel|>final <|constrain|>text<|message|>", WHOLE),
        thinks=None,
    ),
    Odd(
        "gpt-oss that writes about a mark",
        "",
        texts(HARMONY, "Use <|end|> and <|return|> so.", "<|return|>"),
        "Use <|end|> and <|return|> so.",
        thinks=None,
    ),
    Odd(
        "Kimi",
        "sgl-project/sglang#9192",
        texts("◁thi", "nk▷Hm.", "◁/think▷", WHOLE),
        thinks=True,
    ),
    Odd(
        "Seed",
        "open-webui/open-webui#16856, anomalyco/opencode#3703",
        texts("<seed:think>", "<seed:cot_budget_reflect>Hm.</seed:think>", WHOLE),
        thinks=True,
    ),
    Odd(
        "MiniMax", "getkimchi/kimchi#598", texts("<mm:think>", "Hm.</mm:think>", WHOLE), thinks=True
    ),
    Odd(
        "Bedrock's Kimi",
        "Chevey339/kelivo#450",
        texts("<thought>", "</thought>" + WHOLE),
        thinks=True,
    ),
    Odd("Open WebUI's list", "", texts("<reasoning>Hm.", "</reasoning>" + WHOLE), thinks=True),
    Odd(
        "Gemma", "kekzl/imp#768", texts("<|channel>thought\n", "Hm.<channel|>", WHOLE), thinks=True
    ),
    Odd("Magistral", "simonw/llm-mistral#39", texts("[THINK]", "Hm.[/THINK]", WHOLE), thinks=True),
    Odd("capital letters", "", texts("<Think>", "Hm.</THINK>", WHOLE), thinks=True),
    Odd(
        "thinking twice",
        "",
        texts("<think>Hm.</think>\n<think>", "So.</think>", WHOLE),
        thinks=True,
    ),
    Odd(
        "an end of thinking at the end of a sentence",
        "kvcache-ai/ktransformers#1820, skalesapp/skales#166",
        texts("Hm. So.", "</think>", WHOLE),
    ),
    Odd("an end of thinking at the beginning", "", texts("</think>", WHOLE)),
    Odd(
        "text about marks",
        "",
        texts(
            "Use <think>, ", "`<|channel|>analysis`, ◁think▷, [THINK] and </seed:think>.\n</think>"
        ),
        "Use <think>, `<|channel|>analysis`, ◁think▷, [THINK] and </seed:think>.\n</think>",
    ),
    Odd(
        "a mark in quotes at the beginning",
        "",
        texts("`<think>` begins it."),
        "`<think>` begins it.",
    ),
    # thinking beside the text
    Odd(
        "Gemini's mark",
        "",
        data(
            chunk({"content": "Hm.", "extra_content": {"google": {"thought": True}}}), HELLO, THERE
        ),
        thinks=True,
    ),
    Odd(
        "OpenRouter's details that are encrypted",
        "",
        data(
            chunk(
                {"content": "", "reasoning_details": [{"type": "reasoning.encrypted", "data": "x"}]}
            ),
            *(HELLO, THERE, STOP, USAGE, DONE),
        ),
        thinks=True,
    ),
    Odd(
        "vLLM's thinking, alone in its delta",
        "",
        data(chunk({"reasoning_content": "Hm."}), HELLO, THERE, STOP),
        thinks=True,
    ),
    Odd(
        "two names for the same",
        "",
        data(
            chunk({"content": "", "reasoning": "Hm.", "reasoning_content": "Hm."}),
            HELLO,
            THERE,
            STOP,
        ),
        thinks=True,
    ),
    Odd(
        "Ollama's own protocol",
        "",
        lines(
            {"message": {"role": "assistant", "content": "", "thinking": "Hm."}, "done": False},
            {"message": {"content": WHOLE}, "done": False},
            {"message": {"content": ""}, "done": True, "done_reason": "stop"},
        ),
        thinks=True,
    ),
    Odd(
        "Ollama's other protocol",
        "",
        lines(
            {"response": "", "thinking": "Hm.", "done": False},
            {"response": WHOLE, "done": False},
            {"response": "", "done": True, "done_reason": "length", "context": [1]},
        ),
        finish="length",
        thinks=True,
    ),
    Odd(
        "Cohere",
        "vercel/ai#8279, deepset-ai/haystack-core-integrations#2266",
        data(
            {"type": "message-start", "delta": {"message": {"role": "assistant"}}},
            {"type": "content-delta", "delta": {"message": {"content": {"thinking": "Hm."}}}},
            {"type": "content-delta", "delta": {"message": {"content": {"text": "Hello"}}}},
            {"type": "content-delta", "delta": {"message": {"content": {"text": " there"}}}},
            {"type": "message-end", "delta": {"finish_reason": "MAX_TOKENS"}},
        ),
        finish="length",
        thinks=True,
    ),
    Odd(
        "Anthropic",
        "",
        data(
            {
                "type": "message_start",
                "message": {"content": [], "model": "m", "stop_reason": None},
            },
            {"type": "content_block_start", "content_block": {"type": "thinking", "thinking": ""}},
            {"type": "content_block_delta", "delta": {"type": "thinking_delta", "thinking": "Hm."}},
            {"type": "content_block_delta", "delta": {"type": "signature_delta", "signature": "x"}},
            {"type": "content_block_stop", "index": 0},
            {"type": "ping"},
            {"type": "content_block_delta", "delta": {"type": "text_delta", "text": WHOLE}},
            {"type": "message_delta", "delta": {"stop_reason": "end_turn"}},
            {"type": "message_stop"},
        ),
        thinks=True,
    ),
    Odd(
        "Anthropic's body",
        "",
        {
            "type": "message",
            "content": [{"type": "thinking", "thinking": "Hm."}, {"type": "text", "text": WHOLE}],
            "stop_reason": "max_tokens",
        },
        finish="length",
        thinks=None,
    ),
    # OpenAI's responses
    Odd(
        "responses, which repeat the text",
        "Wei-Shaw/sub2api#1471",
        b"event: response.created\n"
        + data(
            {"type": "response.created", "response": {"output": [], "error": None}},
            {"type": "response.output_item.added", "item": {"type": "message", "content": []}},
            {"type": "response.output_text.delta", "delta": "Hello"},
            {"type": "response.output_text.delta", "delta": " there"},
            {"type": "response.output_text.done", "text": WHOLE},
            {"type": "response.content_part.done", "part": {"type": "output_text", "text": WHOLE}},
            {"type": "response.completed", "response": {"status": "completed"}},
        ),
    ),
    Odd(
        "responses that think and reach the limit",
        "",
        data(
            {"type": "response.reasoning_summary_text.delta", "delta": "Hm."},
            {"type": "response.reasoning_summary_text.done", "text": "Hm."},
            {"type": "response.output_text.delta", "delta": WHOLE},
            {
                "type": "response.incomplete",
                "response": {"incomplete_details": {"reason": "max_output_tokens"}},
            },
        ),
        finish="length",
        thinks=True,
    ),
    Odd(
        "a response as a body",
        "",
        {
            "object": "response",
            "output": [
                {"type": "reasoning", "summary": [{"type": "summary_text", "text": "Hm."}]},
                {"type": "message", "content": [{"type": "output_text", "text": WHOLE}]},
            ],
        },
    ),
    # lists
    Odd(
        "Gemini's stream as a list",
        "",
        json.dumps(
            [
                {"candidates": [{"content": {"parts": [{"text": "Hello"}]}}]},
                {
                    "candidates": [
                        {"content": {"parts": [{"text": " there"}]}, "finishReason": "STOP"}
                    ]
                },
            ],
            indent=2,
        ).encode(),
    ),
    Odd(
        "Gemini's thought",
        "",
        data(
            {"candidates": [{"content": {"parts": [{"text": "Hm.", "thought": True}]}}]},
            {
                "candidates": [
                    {"content": {"parts": [{"text": WHOLE}]}, "finishReason": "MAX_TOKENS"}
                ]
            },
        ),
        finish="length",
        thinks=True,
    ),
    Odd("events in a list", "", [HELLO, THERE, STOP]),
    Odd("two replies in a list", "", [{"generated_text": WHOLE}, {"generated_text": "Good day"}]),
    Odd("a delta in a list", "", data(chunk([{"content": "Hello"}]), THERE, STOP)),
    Odd("a choice that is null", "", data({"choices": [None]}, HELLO, THERE, STOP)),
    # lines
    Odd(
        "an event that was cut off, and the next one in its line",
        "anomalyco/opencode#8282, anomalyco/opencode#23442",
        TORN + data(HELLO)[6:] + data(THERE, STOP, DONE),
    ),
    Odd(
        "two events in a line",
        "anomalyco/opencode#8282",
        data(HELLO)[:-2] + data(THERE, STOP, DONE),
    ),
    Odd(
        "a line end and a tab in a string",
        "anomalyco/opencode#23442",
        b'data: {"choices":[{"delta":{"content":"Hello\n\tthere"}}]}\n\n' + data(STOP),
        "Hello\n\tthere",
    ),
    Odd("capital letters in a field", "", data(HELLO, THERE, STOP, prefix="Data: ")),
    Odd("a space before a field", "", data(HELLO, THERE, STOP, prefix=" data: ")),
    Odd(
        "the separators of RFC 7464",
        "",
        b"\x1e" + b"\n\x1e".join(json.dumps(e).encode() for e in (HELLO, THERE, STOP)),
    ),
    Odd("a comment of HTML", "", b"<!-- x -->\n" + data(HELLO, THERE, STOP)),
    Odd("text with an event in it", "", texts('x data: {"a":1} y'), 'x data: {"a":1} y'),
    Odd("text that is the end's mark", "", texts("[DONE]", " is a mark"), "[DONE] is a mark"),
    Odd("an event that names the end", "", data(HELLO, THERE) + b"event: done\ndata: done\n\n"),
    Odd("the end as JSON", "", data(HELLO, THERE, {"done": True})),
    Odd("the end without brackets", "", data(HELLO, THERE, "DONE")),
    # no errors
    Odd(
        "an error that is null or empty",
        "",
        data(HELLO | {"error": None}, THERE | {"error": {}}, STOP),
    ),
    Odd(
        "a code of success",
        "",
        data(
            HELLO | {"code": 0, "message": "Success"},
            {"code": 0, "message": "Success"},
            THERE,
            STOP,
        ),
    ),
    Odd("a greeting", "", data({"status": "ok", "message": "connected"}, HELLO, THERE, STOP)),
    Odd("a place in a queue", "", data({"code": "queue", "message": "3rd"}, HELLO, THERE, STOP)),
    Odd("a warning", "", data(HELLO, {"warning": "deprecated"}, THERE, STOP)),
    # how a stream ends
    Odd("a finish reason of false", "", data(delta("Hello", False), delta(" there", False), DONE)),
    Odd("a finish reason that is a number", "", data(HELLO, delta(" there", 1), DONE)),
    Odd(
        "Mistral's limit",
        "",
        data(HELLO, delta(" there", "model_length")),
        finish="length",
    ),
    Odd(
        "xAI's limit",
        "",
        data(HELLO, delta(" there", "REASON_MAX_LEN")),
        finish="length",
    ),
    Odd(
        "Perplexity's last event",
        "",
        data(HELLO, THERE, message(WHOLE) | {"object": "chat.completion.done"}),
    ),
    Odd(
        "Azure's filter after the end",
        "",
        data(HELLO, THERE, STOP, {"choices": [{"index": 0, "content_filter_offsets": {}}]}, DONE),
    ),
    Odd(
        "Azure's own data",
        "",
        data(
            chunk({"role": "assistant", "context": {"citations": [{"content": "x"}]}}), HELLO, THERE
        ),
    ),
    Odd(
        "Groq's own fields",
        "",
        data(chunk({"content": ""}) | {"x_groq": {"id": "1"}}, HELLO, THERE, STOP | {"x_groq": {}}),
    ),
    # servers' own protocols
    Odd(
        "Cohere's first protocol",
        "",
        lines(
            {"event_type": "text-generation", "text": "Hello", "is_finished": False},
            {"event_type": "text-generation", "text": " there", "is_finished": False},
            {"event_type": "stream-end", "finish_reason": "COMPLETE", "response": {"text": WHOLE}},
        ),
    ),
    Odd(
        "KoboldCpp's stream",
        "LostRuins/lite.koboldai.net#213, LostRuins/koboldcpp#220",
        b"event: message\n"
        + data(
            {"token": "Hello", "finish_reason": None},
            {"token": " there", "finish_reason": "length"},
        ),
        finish="length",
    ),
    Odd("KoboldCpp's body", "", {"results": [{"text": WHOLE, "finish_reason": "stop"}]}),
    Odd(
        "Triton",
        "triton-inference-server/tensorrtllm_backend#503",
        data(
            {"model_name": "m", "text_output": "Hello"},
            {"model_name": "m", "text_output": " there"},
        ),
    ),
    Odd(
        "LMDeploy's own protocol",
        "",
        lines(
            {"text": "Hello", "tokens": 1, "finish_reason": None},
            {"text": " there", "tokens": 2, "finish_reason": "length"},
        ),
        finish="length",
    ),
    Odd(
        "SGLang's own protocol",
        "",
        data(
            {"text": "Hello", "meta_info": {"finish_reason": None}},
            {"text": "Hello th", "meta_info": {"finish_reason": None}},
            {"text": WHOLE, "meta_info": {"finish_reason": {"type": "length", "length": 3}}},
            DONE,
        ),
        finish="length",
    ),
    Odd(
        "Cloudflare's own protocol",
        "",
        data({"response": "Hello", "p": "x"}, {"response": None}, {"response": " there"}, DONE),
    ),
    Odd("Cloudflare's body", "", {"result": {"response": WHOLE}, "success": True, "errors": []}),
    Odd(
        "ERNIE",
        "",
        data({"result": "Hello", "is_end": False}, {"result": " there", "is_end": True}),
    ),
    Odd("Vertex AI and Databricks", "", {"predictions": [{"candidates": [{"text": WHOLE}]}]}),
    Odd("Replicate's body", "", {"output": ["Hello", " there"], "status": "succeeded"}),
    Odd("predictions that are texts", "", {"predictions": [WHOLE]}),
    Odd(
        "Bedrock's Converse as a body",
        "",
        {"output": {"message": {"content": [{"text": WHOLE}]}}, "stopReason": "end_turn"},
    ),
    Odd(
        "Vercel's messages",
        "",
        data(
            {"type": "text-start", "id": "0"},
            {"type": "text-delta", "id": "0", "delta": "Hello"},
            {"type": "text-delta", "id": "0", "delta": " there"},
            {"type": "finish"},
            DONE,
        ),
    ),
]


def body_of(odd: Odd) -> bytes:
    return odd.body if isinstance(odd.body, bytes) else json.dumps(odd.body).encode()


def read(body: bytes, cuts: list[int]) -> tuple[str, str, bool]:
    """Return the text, how it finished, and whether clients are told that the model thinks."""
    answer = Answer(Chunks(body, cuts), ("Human: hello Bot:", ""))  # type: ignore[arg-type]
    text, thinks = "", False
    for item in answer.items():
        if isinstance(item, Restart):
            text = ""
        elif isinstance(item, Thinking):
            thinks = True
        else:
            text += item
    return text.strip(), answer.finish, thinks


@pytest.mark.parametrize("odd", ODD, ids=[odd.name for odd in ODD])
def test_the_text_is_read_whole_and_cut_at_each_byte(odd):
    body = body_of(odd)
    text, finish, thinks = read(body, [])
    assert (text, finish) == (odd.text, odd.finish)
    assert odd.thinks is None or thinks == odd.thinks
    for cut in range(1, len(body)):
        assert read(body, [cut])[:2] == (text, finish), (body[:cut], body[cut:])


@pytest.mark.parametrize("odd", ODD[::6], ids=[odd.name for odd in ODD[::6]])
def test_the_text_arrives_over_a_socket_with_one_request(odd):
    with raw_server(response(body_of(odd))) as server:
        reply = Reply(model_at(server), "hello")
        assert len(server.requests) == 1
    assert reply.text == odd.text
    assert reply.finished
    assert reply.finished.finish == odd.finish


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (data(delta("<|channel|>analysis<|message|>Hm."), delta("", "length")), AllThinking),
        (data(delta("◁think▷Hm."), delta("", "length")), AllThinking),
        (data(delta("<think>Hm.")), ModelRefused),
        # MiniMax
        (data({"base_resp": {"status_code": 1004, "status_msg": "login fail"}}), ModelUnusable),
        # Groq
        (data({"choices": [], "x_groq": {"error": "over capacity"}}), TransientError),
        (
            data({"type": "response.failed", "response": {"error": {"message": "x"}}}),
            TransientError,
        ),
        (data(HELLO, {"choices": [{"delta": {}, "finish_reason": "error"}]}), TransientError),
        # Replicate's events are plain text.
        (b"event: output\ndata: Hello\n\nevent: done\ndata: {}\n\n", ModelUnusable),
    ],
    ids=range(8),
)
def test_what_is_no_reply_fails_likewise_whole_and_cut(body, error):
    for cut in range(len(body)):
        with pytest.raises(error):
            read(body, [cut] if cut else [])


def test_what_a_model_thought_before_its_stream_was_cut_is_in_no_prompt():
    for opening in ("<|channel|>analysis<|message|>", "◁think▷", "<seed:think>", "[THINK]"):
        cut = response(data(delta(f"{opening}Hm. "), delta("So.")), cut=True)
        with raw_server(cut, response(texts(WHOLE))) as server:
            reply = Reply(model_at(server, "completions"), "hello")
            assert (reply.text, reply.thinking) == (WHOLE, 1)
            assert "Hm" not in server.requests[1].decode()
