"""Which parameters an error complains about. The errors are those that people have reported.

Beside each stands the report, a thread on GitHub.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from tasks.models.parameters import Change, changed
from tasks.models.refused_parameters import refused

CHAT: dict[str, Any] = {
    "model": "a-model",
    "messages": [{"role": "user", "content": "Please stop the stream at temperature 3."}],
    "max_tokens": 20000,
    "stop": ["Human:"],
    "stream": True,
    "temperature": 0.7,
    "top_p": 0.9,
}
TGI: dict[str, Any] = {
    "inputs": "Human: hello Bot:",
    "parameters": {
        "max_new_tokens": 2000,
        "return_full_text": False,
        "stop": ["Human:"],
        "truncate": 1792,
        "temperature": 0.7,
        "top_p": 1.0,
    },
    "stream": True,
    "options": {"use_cache": False},
}
OMITTED = Change()
RENAMED = Change("max_completion_tokens")


def openai(message: str, param: str | None = None, code: str | None = None) -> dict[str, Any]:
    kind = "invalid_request_error"
    return {"error": {"message": message, "type": kind, "param": param, "code": code}}


def extra(*names: str) -> list[dict[str, Any]]:
    text = "Extra inputs are not permitted"
    return [
        {
            "type": "extra_forbidden",
            "loc": ["body", name],
            "msg": text,
            "input": {"stream": "top_p"},
        }
        for name in names
    ]


def gemini(*names: str) -> list[dict[str, Any]]:
    texts = [
        f'Invalid JSON payload received. Unknown name "{n}": Cannot find field.' for n in names
    ]
    violations = [{"description": text} for text in texts]
    details = [
        {"@type": "type.googleapis.com/google.rpc.BadRequest", "fieldViolations": violations}
    ]
    fields = {"code": 400, "message": "\n".join(texts), "status": "INVALID_ARGUMENT"}
    return [{"error": {**fields, "details": details}}]


USE_THE_OTHER = (
    "Unsupported parameter: 'max_tokens' is not supported with this model."
    " Use 'max_completion_tokens' instead."
)
STOP = "Unsupported parameter: 'stop' is not supported with this model."
XAI = {
    "code": "Client specified an invalid argument",
    "error": "Argument not supported on this model: stop",
}

REPORTED: list[tuple[str, Any, dict[str, Change]]] = [
    # Parameters that a server does not know, or not for this model.
    (
        "griptape-ai/ComfyUI-Griptape#312",
        openai(USE_THE_OTHER, "max_tokens", "unsupported_parameter"),
        {"max_tokens": RENAMED},
    ),
    (
        "caozhiyuan/copilot-api#164",
        {"error": {"message": USE_THE_OTHER, "code": "invalid_request_body"}},
        {"max_tokens": RENAMED},
    ),
    ("anomalyco/opencode#37964, as text", USE_THE_OTHER, {"max_tokens": RENAMED}),
    (
        "musistudio/claude-code-router#173",
        {"error": {"message": f"Error from provider: {json.dumps(openai(USE_THE_OTHER))}"}},
        {"max_tokens": RENAMED},
    ),
    (
        "huggingface/smolagents#1893",
        openai(STOP, "stop", "unsupported_parameter"),
        {"stop": OMITTED},
    ),
    (
        "kd-research/Techies#42",
        f"litellm.BadRequestError: OpenAIException - {STOP}",
        {"stop": OMITTED},
    ),
    (
        "BerriAI/litellm#12635",
        openai(
            f"litellm.BadRequestError: XaiException - {json.dumps(XAI)}. Received Model"
            " Group=xai_grok-4\nAvailable Model Group Fallbacks=None",
            code="400",
        ),
        {"stop": OMITTED},
    ),
    ("huggingface/smolagents#1766", XAI, {"stop": OMITTED}),
    (
        "charmbracelet/crush#386, camel case",
        {"error": "Argument not supported on this model: maxTokens"},
        {"max_tokens": RENAMED},
    ),
    (
        "BerriAI/litellm#10791",
        openai("Unrecognized request argument supplied: stop"),
        {"stop": OMITTED},
    ),
    (
        "quarkiverse/quarkus-langchain4j#285",
        openai("Unrecognized request arguments supplied: temperature, topP"),
        {"temperature": OMITTED, "top_p": OMITTED},
    ),
    (
        "BerriAI/litellm, UnsupportedParamsError",
        "litellm.UnsupportedParamsError: bedrock does not support parameters: ['stop'], for"
        " model=x. To drop these, set `litellm.drop_params=True` or for the proxy, stream: true",
        {"stop": OMITTED},
    ),
    ("fanenr/chatbot#21", openai("property 'store' is unsupported, did you mean 'stop'?"), {}),
    ("CherryHQ/cherry-studio#1099", openai("property 'top_p' is unsupported"), {"top_p": OMITTED}),
    ("n4ze3m/page-assist#418", gemini("stop"), {"stop": OMITTED}),
    (
        "MinLL/SkyrimNet-GamePlugin#77",
        gemini("temperature", "top_p"),
        {"temperature": OMITTED, "top_p": OMITTED},
    ),
    (
        "partITech/php-mistral#76",
        {"object": "Error", "detail": extra("stop"), "message": extra("stop"), "code": 3001},
        {"stop": OMITTED},
    ),
    (
        "mistralai/platform-docs-public#7",
        {
            "object": "error",
            "message": json.dumps({"detail": extra("top_p", "stop")}),
            "param": None,
        },
        {"top_p": OMITTED, "stop": OMITTED},
    ),
    ("FastAPI", {"detail": extra("max_tokens")}, {"max_tokens": RENAMED}),
    (
        "nomtek/mistralai_client_dart#44: a field of a message",
        {
            "message": {
                "detail": [
                    {
                        "type": "extra_forbidden",
                        "loc": ["body", "messages", 0, "user", "stop"],
                        "msg": "Extra inputs are not permitted",
                    }
                ]
            }
        },
        {},
    ),
    (
        "vllm-project/vllm#10078",
        {
            "object": "error",
            "message": "[{'type': 'extra_forbidden', 'loc': ('body', 'stop'),"
            " 'msg': 'Extra inputs are not permitted', 'input': ['stream', 'temperature']}]",
            "type": "BadRequestError",
            "param": None,
            "code": 400,
        },
        {"stop": OMITTED},
    ),
    (
        "vllm-project/vllm#12864",
        openai(
            "1 validation error for ChatCompletionRequest\nstop\n  Extra inputs are not permitted"
            " [type=extra_forbidden, input_value='stream', input_type=str]\n    For further"
            " information visit https://errors.pydantic.dev/2.10/v/extra_forbidden"
        ),
        {"stop": OMITTED},
    ),
    (
        "ai-dynamo/dynamo#4021",
        {
            "message": "Unsupported parameter(s): `stop`, `top_p`",
            "type": "Bad Request",
            "code": 400,
        },
        {"stop": OMITTED, "top_p": OMITTED},
    ),
    (
        "huggingface/transformers#40516",
        {"detail": "Unexpected keys in the request: {'stop'}"},
        {"stop": OMITTED},
    ),
    ("tiylabs/tiygate#52", {"detail": "Unsupported parameter: top_p"}, {"top_p": OMITTED}),
    (
        "serde, as text",
        "Failed to deserialize the JSON body into the target type: unknown field `stop`, expected"
        " one of `model`, `messages`, `stream`, `temperature` at line 1 column 200",
        {"stop": OMITTED},
    ),
    ("Go's encoding/json", 'json: unknown field "stop"', {"stop": OMITTED}),
    (
        "diegosouzapw/OmniRoute#3044",
        {
            "error": {
                "message": "Provider returned error",
                "code": 400,
                "metadata": {"raw": json.dumps(openai(STOP)), "provider_name": "Crucible"},
            }
        },
        {"stop": OMITTED},
    ),
    # Values.
    (
        "johny-b/llmcomp#69",
        openai(
            "Unsupported value: 'temperature' does not support 0 with this model. Only the default"
            " (1) value is supported.",
            "temperature",
            "unsupported_value",
        ),
        {"temperature": OMITTED},
    ),
    (
        "BerriAI/litellm#33738",
        "litellm.UnsupportedParamsError: gpt-5-nano doesn't support temperature=0.1 while reasoning"
        " is active. Only temperature=1 is supported. To drop unsupported params set it",
        {"temperature": OMITTED},
    ),
    (
        "opencyvis/opencyvis-phone#12",
        openai("invalid temperature: only 1 is allowed for this model"),
        {"temperature": OMITTED},
    ),
    (
        "NeatChat/NeatChat#72: one of two is enough",
        openai(
            "`temperature` and `top_p` cannot both be specified for this model."
            " Please use only one."
        ),
        {"top_p": OMITTED},
    ),
    (
        "zzltly, ChatGPTNextWeb/NextChat#5410",
        openai(
            "Unsupported value: 'stream' does not support true with this model. Only the default"
            " (false) value is supported.",
            "stream",
            "unsupported_value",
        ),
        {"stream": OMITTED},
    ),
    ("a gateway", {"error": "Streaming is not supported for this model"}, {"stream": OMITTED}),
    (
        "optillm#4",
        openai(
            "max_tokens is too large: 20000. This model supports at most 4096 completion tokens,"
            " whereas you provided 20000.",
            "max_tokens",
        ),
        {"max_tokens": Change("max_tokens", 4096)},
    ),
    (
        "AQBot-Desktop/AQBot#93",
        {
            "error": {
                "message": "Param Incorrect",
                "param": "max_tokens is too large: 20000. This model supports at most 13107"
                " completion tokens, whereas you provided 20000.",
            }
        },
        {"max_tokens": Change("max_tokens", 13107)},
    ),
    (
        "deepseek-ai/DeepSeek-V3#69",
        openai("Invalid max_tokens value, the valid range of max_tokens is [1, 8192]"),
        {"max_tokens": Change("max_tokens", 8192)},
    ),
    (
        "Groq",
        openai(
            "`max_tokens` must be less than or equal to `8192`, the maximum value for `max_tokens`"
            " is less than the `context_window` for this model"
        ),
        {"max_tokens": Change("max_tokens", 8192)},
    ),
    (
        "Anthropic",
        openai(
            "max_tokens: 20000 > 8192, which is the maximum allowed number of output tokens for"
            " claude-3-5-sonnet-20240620"
        ),
        {"max_tokens": Change("max_tokens", 8192)},
    ),
    # The prompt and the reply are too long together: no parameter is wrong ...
    (
        "claude-code-best/claude-code#272",
        openai(
            "'max_tokens' or 'max_completion_tokens' is too large: 20000. This model's maximum"
            " context length is 30000 tokens and your request has 14235 input tokens"
        ),
        {},
    ),
    (
        "ChatGPTNextWeb/NextChat#3195",
        openai(
            "This model's maximum context length is 20192 tokens. However, you requested 20256"
            " tokens (256 in the messages, 20000 in the completion). Please reduce the length of"
            " the messages or completion.",
            "messages",
            "context_length_exceeded",
        ),
        {},
    ),
    # ... unless the reply alone may be longer.
    (
        "the same with a smaller context",
        openai(
            "This model's maximum context length is 8192 tokens. However, you requested 20064"
            " tokens (64 in the messages, 20000 in the completion).",
            "messages",
            "context_length_exceeded",
        ),
        {"max_tokens": Change("max_tokens", 4096)},
    ),
    # What the person wrote, a key, a name.
    ("a filter", openai("The response was filtered: 'stop'", "prompt", "content_filter"), {}),
    ("a key", openai("Incorrect API key provided: sk-stop"), {}),
    ("a name", openai("The model `stop` does not exist or you do not have access to it."), {}),
    ("nothing", None, {}),
    ("a number", 7, {}),
    ("a page", "<html>stop: only streams are allowed", {}),
]

REPORTED_OF_TGI: list[tuple[str, Any, dict[str, Change]]] = [
    (
        "argilla-io/synthetic-data-generator#48",
        {
            "error": "Input validation error: `top_p` must be > 0.0 and < 1.0",
            "error_type": "validation",
        },
        {"top_p": OMITTED},
    ),
    (
        "huggingface/transformers#28523",
        {"error": "Input validation error: `max_new_tokens` must be <= 192. Given: 2000"},
        {"max_new_tokens": Change("max_new_tokens", 192)},
    ),
    (
        "TGI",
        {
            "error": "Input validation error: `truncate` must be strictly positive and less than"
            " 1024. Given: 1792"
        },
        {"truncate": OMITTED},
    ),
    (
        "huggingface/huggingface.js#440",
        {
            "error": [
                "Error in `parameters.max_new_tokens`: ensure this value is less than or equal"
                " to 250"
            ]
        },
        {"max_new_tokens": Change("max_new_tokens", 250)},
    ),
    (
        "huggingface/huggingface_hub#2135",
        "The following `model_kwargs` are not used by the model: ['return_full_text'] (note: typos"
        " in the generate arguments will also show up in this list)",
        {"return_full_text": OMITTED},
    ),
    (
        "wangcx18/llm-vscode-inference-server#2",
        "SamplingParams.__init__() got an unexpected keyword argument 'return_full_text'",
        {"return_full_text": OMITTED},
    ),
    ("serde", "unknown field `options`, expected `inputs` or `parameters`", {"options": OMITTED}),
    (
        "pydantic",
        {
            "detail": [
                {"loc": ["body", "parameters", "truncate"], "msg": "extra fields not permitted"}
            ]
        },
        {"truncate": OMITTED},
    ),
    (
        "huggingface/chat-ui#340: too long together",
        {
            "error": "Input validation error: `inputs` tokens + `max_new_tokens` must be <= 2512."
            " Given: 1000 `inputs` tokens and 2000 `max_new_tokens`"
        },
        {},
    ),
    (
        "elastic/elasticsearch#103027",
        {"error": "Input validation error: `inputs` must have less than 512 tokens. Given: 571"},
        {},
    ),
]


@pytest.mark.parametrize(
    ("error", "changes"), [r[1:] for r in REPORTED], ids=[r[0] for r in REPORTED]
)
def test_the_parameters_that_a_chat_server_refuses_are_found(error, changes):
    assert refused(CHAT, error, {}) == changes


@pytest.mark.parametrize(
    ("error", "changes"), [r[1:] for r in REPORTED_OF_TGI], ids=[r[0] for r in REPORTED_OF_TGI]
)
def test_the_parameters_that_a_hugging_face_server_refuses_are_found(error, changes):
    assert refused(TGI, error, {}) == changes


def test_a_parameter_that_was_not_sent_is_not_refused():
    body = {"model": "m", "messages": [], "stream": True}
    assert refused(body, openai(STOP, "stop"), {}) == {}


def test_what_is_essential_is_never_refused():
    for name in ("model", "messages"):
        assert refused(CHAT, openai(f"Unsupported parameter: '{name}'", name), {}) == {}
    assert refused(TGI, openai("Unknown field `inputs`", "parameters"), {}) == {}


@pytest.mark.parametrize("other", ["max_tokens", "max_completion_tokens"])
def test_a_limit_is_lowered_once_then_renamed_then_left_out(other):
    too_large = openai("max_tokens is too large, at most 4096", "max_tokens")
    changes = refused(CHAT, too_large, {})
    assert changed(CHAT, changes)["max_tokens"] == 4096
    changes = refused(
        changed(CHAT, changes), openai("max_tokens: at most 9", "max_tokens"), changes
    )
    body = changed(CHAT, changes)
    assert body["max_completion_tokens"] == 4096
    assert "max_tokens" not in body
    unknown = openai("Unknown parameter", "max_completion_tokens")
    changes = refused(body, unknown, changes)
    assert not {"max_tokens", "max_completion_tokens"} & changed(CHAT, changes).keys()


def test_a_server_that_refuses_everything_is_asked_about_each_parameter_a_bounded_number_of_times():
    for whole in (CHAT, TGI):
        changes: dict[str, Change] = {}
        for requests in range(20):  # noqa: B007
            body = changed(whole, changes)
            flat = {**body, **body.get("parameters", {})}
            left = [name for name in flat if name not in ("model", "messages", "inputs")]
            left = [name for name in left if name != "parameters"]
            if not left:
                break
            before, changes = changes, refused(body, openai("no", left[0]), changes)
            assert changes != before
        assert requests <= 8


def test_a_field_of_a_nested_object_is_left_out_and_the_object_with_its_last_field():
    body = changed(TGI, {"truncate": OMITTED, "use_cache": OMITTED})
    assert "truncate" not in body["parameters"]
    assert body["parameters"]["stop"] == ["Human:"]
    assert "options" not in body
    assert changed(TGI, {}) == TGI
