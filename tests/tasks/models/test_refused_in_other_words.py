"""Which parameters an error complains about, in other words, forms and languages.

They are written after the wordings of the servers and of the libraries of validation that are named
beside them, and in the languages of gateways. A name with a number is a report.
"""

from __future__ import annotations

from typing import Any

import pytest

from tasks.models.parameters import Change
from tasks.models.refused_parameters import refused
from tests.tasks.models.test_refused_parameters import CHAT, OMITTED, RENAMED, openai

ERRORS: list[tuple[str, Any, dict[str, Change]]] = [
    (
        "pydantic 1",
        {
            "detail": [
                {
                    "loc": ["body", "top_p"],
                    "msg": "extra fields not permitted",
                    "type": "value_error.extra",
                }
            ]
        },
        {"top_p": OMITTED},
    ),
    (
        "pydantic range",
        {
            "detail": [
                {
                    "type": "less_than_equal",
                    "loc": ["body", "temperature"],
                    "msg": "Input should be less than or equal to 1",
                    "input": 1.5,
                    "ctx": {"le": 1.0},
                }
            ]
        },
        {"temperature": OMITTED},
    ),
    (
        "pydantic max",
        {
            "detail": [
                {
                    "type": "less_than_equal",
                    "loc": ["body", "max_tokens"],
                    "msg": "Input should be less than or equal to 4096",
                    "input": 20000,
                    "ctx": {"le": 4096},
                }
            ]
        },
        {"max_tokens": Change("max_tokens", 4096)},
    ),
    (
        "pydantic union",
        {
            "detail": [
                {
                    "type": "string_type",
                    "loc": ["body", "stop", "str"],
                    "msg": "Input should be a valid string",
                    "input": ["Human:"],
                }
            ]
        },
        {"stop": OMITTED},
    ),
    (
        "aws-samples/bedrock-access-gateway#191",
        openai(
            "An error occurred (ValidationException) when calling the "
            "ConverseStream operation: The model returned the following errors: "
            "`temperature` and `top_p` cannot both be specified for this model. "
            "Please use only one."
        ),
        {"top_p": OMITTED},
    ),
    (
        "bedrock extraneous",
        {
            "message": (
                "Malformed input request: #: extraneous key [top_p] is not permitted, "
                "please reformat your input and try again."
            )
        },
        {"top_p": OMITTED},
    ),
    (
        "bedrock extraneous stop",
        {
            "message": (
                "Malformed input request: #: extraneous key [stop] is not permitted, "
                "please reformat your input and try again."
            )
        },
        {"stop": OMITTED},
    ),
    (
        "bedrock required key",
        {
            "message": (
                "Malformed input request: #: required key [max_tokens_to_sample] not "
                "found#: extraneous key [stream] is not permitted"
            )
        },
        {"stream": OMITTED},
    ),
    (
        "bedrock stopSequences",
        {
            "message": (
                "The model returned the following errors: stop sequences are not "
                "supported for this model"
            )
        },
        {"stop": OMITTED},
    ),
    (
        "bedrock this model doesn't support the stopSequences field",
        {
            "message": (
                "This model doesn't support the stopSequences field. Remove "
                "stopSequences and try again."
            )
        },
        {"stop": OMITTED},
    ),
    (
        "bedrock this model doesn't support temperature field",
        {
            "message": (
                "This model doesn't support the temperature field. Remove temperature "
                "and try again."
            )
        },
        {"temperature": OMITTED},
    ),
    (
        "bedrock streaming",
        {"message": "The model is unsupported for streaming"},
        {"stream": OMITTED},
    ),
    (
        "bedrock max",
        {
            "message": (
                "The maximum tokens you requested exceeds the model limit of 8192. Try "
                "again with a maximum tokens value that is lower than 8192."
            )
        },
        {"max_tokens": Change("max_tokens", 8192)},
    ),
    ("stop words", openai("stop words are not supported by this model"), {"stop": OMITTED}),
    ("stop sequences not supported", openai("stop sequences not supported"), {"stop": OMITTED}),
    (
        "stop too many",
        openai(
            (
                "Invalid 'stop': array too long. Expected an array with maximum length "
                "4, but got an array with length 5 instead."
            ),
            "stop",
        ),
        {"stop": OMITTED},
    ),
    (
        "anthropic stop ws",
        openai("stop_sequences: each stop sequence must contain non-whitespace"),
        {"stop": OMITTED},
    ),
    (
        "nashsu/llm_wiki#670, in Chinese",
        openai("参数 temperature 不支持"),
        {"temperature": OMITTED},
    ),
    (
        "chinese zhipu",
        {"error": {"code": "1214", "message": "max_tokens 参数非法。取值范围为[1,4095]"}},
        {"max_tokens": Change("max_tokens", 4095)},
    ),
    (
        "chinese zhipu temp",
        {
            "error": {
                "code": "1210",
                "message": "API 调用参数有误 请检查文档。temperature 取值范围 (0,1)",
            }
        },
        {"temperature": OMITTED},
    ),
    (
        "dashscope",
        openai(
            "<400> InternalError.Algo.InvalidParameter: Range of max_tokens should be [1, 8192]"
        ),
        {"max_tokens": Change("max_tokens", 8192)},
    ),
    (
        "dashscope stream",
        openai(
            "<400> InternalError.Algo.InvalidParameter: This model only support "
            "stream mode, please enable the stream parameter to access the model."
        ),
        {},
    ),
    (
        "dashscope thinking",
        openai("parameter.enable_thinking must be set to false for non-streaming calls"),
        {},
    ),
    (
        "moonshot",
        openai("Invalid request: temperature should be in the range [0, 1]"),
        {"temperature": OMITTED},
    ),
    (
        "together",
        openai(
            "Input validation error: `inputs` tokens + `max_new_tokens` must be <= "
            "8193. Given: 43 `inputs` tokens and 20000 `max_new_tokens`"
        ),
        {"max_tokens": Change("max_tokens", 4096)},
    ),
    (
        "fireworks",
        openai("Extra inputs are not permitted, field: 'top_p', value: 0.9"),
        {"top_p": OMITTED},
    ),
    (
        "fireworks max",
        openai("Requests with max_tokens > 4096 must have stream=true"),
        {"max_tokens": Change("max_tokens", 4096)},
    ),
    (
        "perplexity",
        openai("max_tokens must be at most 8000, got 20000", "max_tokens"),
        {"max_tokens": Change("max_tokens", 8000)},
    ),
    (
        "xai reasoning",
        {
            "code": "Client specified an invalid argument",
            "error": "Model grok-3-mini does not support parameter stop.",
        },
        {"stop": OMITTED},
    ),
    ("xai presence", {"error": "Model grok-4 does not support parameter presencePenalty."}, {}),
    (
        "cohere compat",
        {"message": "unknown field: parameter 'top_p' is not a valid field"},
        {"top_p": OMITTED},
    ),
    ("cohere 2", {"message": "invalid request: unsupported parameter: stop"}, {"stop": OMITTED}),
    (
        "nvidia nim",
        {
            "detail": [
                {
                    "type": "extra_forbidden",
                    "loc": ["body", "stop"],
                    "msg": "Extra inputs are not permitted",
                    "input": ["Human:"],
                }
            ]
        },
        {"stop": OMITTED},
    ),
    (
        "nim plain",
        {"status": 400, "title": "Bad Request", "detail": "Unsupported parameter(s): `stop`"},
        {"stop": OMITTED},
    ),
    (
        "databricks",
        {"error_code": "BAD_REQUEST", "message": 'Bad request: json: unknown field "top_p"\n'},
        {"top_p": OMITTED},
    ),
    (
        "databricks2",
        {
            "error_code": "BAD_REQUEST",
            "message": "max_tokens (20000) must be less than or equal to 4096",
        },
        {"max_tokens": Change("max_tokens", 4096)},
    ),
    (
        "cloudflare",
        {
            "errors": [
                {
                    "message": (
                        "AiError: Bad input: Error: oneOf at '/' not met, 0 matches: required "
                        "properties at '/' are 'prompt', Type mismatch of '/stop', 'string' "
                        "not in 'array'"
                    ),
                    "code": 5006,
                }
            ],
            "success": False,
        },
        {"stop": OMITTED},
    ),
    (
        "cloudflare length",
        {
            "errors": [
                {
                    "message": (
                        "AiError: Bad input: Error: must have required property; max_tokens "
                        "must be <= 2048"
                    ),
                    "code": 5006,
                }
            ]
        },
        {"max_tokens": Change("max_tokens", 2048)},
    ),
    (
        "gemini max",
        [
            {
                "error": {
                    "code": 400,
                    "message": (
                        "Unable to submit request because it has a maxOutputTokens value of "
                        "20000 but the supported range is from 1 (inclusive) to 8193 "
                        "(exclusive). Update the value and try again."
                    ),
                    "status": "INVALID_ARGUMENT",
                }
            }
        ],
        {"max_tokens": Change("max_tokens", 8192)},
    ),
    (
        "vertex stop",
        {"error": {"message": "Unable to submit request because it has too many stop sequences"}},
        {"stop": OMITTED},
    ),
    (
        "azure max completion",
        openai("max_tokens or max_completion_tokens is not supported"),
        {"max_tokens": RENAMED},
    ),
    (
        "azure mistral",
        {
            "detail": [
                {
                    "type": "extra_forbidden",
                    "loc": ["body", "top_p"],
                    "msg": "Extra inputs are not permitted",
                    "input": 0.9,
                }
            ]
        },
        {"top_p": OMITTED},
    ),
    (
        "azure ai extra-parameters",
        {
            "error": {
                "code": "Invalid input",
                "message": (
                    "invalid input error: Extra parameters ['stream', 'top_p'] are not "
                    "allowed when extra-parameters is not set or set to be 'error'."
                ),
            }
        },
        {"stream": OMITTED, "top_p": OMITTED},
    ),
    (
        "azure o1 stream",
        openai(
            (
                "Unsupported value: 'stream' does not support true with this model. "
                "Supported values are: false."
            ),
            "stream",
            "unsupported_value",
        ),
        {"stream": OMITTED},
    ),
    (
        "litellm list",
        {
            "error": {
                "message": (
                    "litellm.UnsupportedParamsError: openai does not support parameters: "
                    "['top_p', 'stop'], for model=o1. To drop these, set "
                    "`litellm.drop_params=True`"
                ),
                "code": "400",
            }
        },
        {"top_p": OMITTED, "stop": OMITTED},
    ),
    (
        "litellm dict",
        {
            "error": {
                "message": (
                    "litellm.UnsupportedParamsError: groq does not support parameters: "
                    "{'top_p': 0.9}, for model=x."
                ),
                "code": "400",
            }
        },
        {"top_p": OMITTED},
    ),
    (
        "vllm ValueError",
        {"object": "error", "message": "temperature must be non-negative, got -1.0.", "code": 400},
        {"temperature": OMITTED},
    ),
    (
        "vllm topp",
        {"object": "error", "message": "top_p must be in (0, 1], got 0.0.", "code": 400},
        {"top_p": OMITTED},
    ),
    (
        "vllm context",
        {
            "object": "error",
            "message": (
                "'max_tokens' or 'max_completion_tokens' is too large: 20000. This "
                "model's maximum context length is 2048 tokens and your request has 14 "
                "input tokens (20000 > 2048 - 14)."
            ),
            "code": 400,
        },
        {"max_tokens": Change("max_tokens", 1024)},
    ),
    (
        "sglang",
        {
            "object": "error",
            "message": (
                "Requested token count exceeds the model's maximum context length of "
                "4096 tokens. You requested a total of 20014 tokens: 14 tokens from "
                "the input messages and 20000 tokens for the completion."
            ),
            "code": 400,
        },
        {"max_tokens": Change("max_tokens", 2048)},
    ),
    (
        "llamacpp",
        {
            "error": {
                "code": 400,
                "message": "Unsupported param: top_p",
                "type": "invalid_request_error",
            }
        },
        {"top_p": OMITTED},
    ),
    (
        "llamacpp type",
        {
            "error": {
                "code": 500,
                "message": "[json.exception.type_error.302] type must be string, but is array",
            }
        },
        {},
    ),
    (
        "tabby",
        {
            "detail": [
                {"loc": ["body", "stop"], "msg": "str type expected", "type": "type_error.str"}
            ]
        },
        {"stop": OMITTED},
    ),
    (
        "lm studio",
        {"error": "'stop' field must be a string or array of strings"},
        {"stop": OMITTED},
    ),
    (
        "lmdeploy",
        {"message": "The temperature `0.7` must be in [0, 0.5]", "code": 400, "object": "error"},
        {"temperature": OMITTED},
    ),
    (
        "xinference",
        {
            "detail": (
                "[address=0.0.0.0:1, pid=1] create_chat_completion() got an unexpected "
                "keyword argument 'top_p'"
            )
        },
        {"top_p": OMITTED},
    ),
    (
        "trtllm",
        {
            "object": "error",
            "message": "top_p is not supported for beam search",
            "type": "BadRequestError",
        },
        {"top_p": OMITTED},
    ),
    (
        "tf serve",
        {"detail": "Unsupported fields in the request: {'stop', 'top_p'}"},
        {"stop": OMITTED, "top_p": OMITTED},
    ),
    ("mlx", {"error": "stop must be a list of strings"}, {"stop": OMITTED}),
    (
        "localai yaml",
        {
            "error": {
                "code": 500,
                "message": (
                    "failed reading parameters from request: json: cannot unmarshal array "
                    "into Go struct field OpenAIRequest.stop of type string"
                ),
            }
        },
        {"stop": OMITTED},
    ),
    (
        "go unmarshal",
        {
            "error": (
                "json: cannot unmarshal number 0.7 into Go struct field "
                "ChatRequest.temperature of type int"
            )
        },
        {"temperature": OMITTED},
    ),
    (
        "newapi",
        {
            "error": {
                "message": "field max_tokens is invalid, should be in [1, 8192]",
                "type": "new_api_error",
            }
        },
        {"max_tokens": Change("max_tokens", 8192)},
    ),
    (
        "ajv",
        {"error": {"message": "body must NOT have additional properties: 'top_p'"}},
        {"top_p": OMITTED},
    ),
    (
        "ajv2",
        {
            "message": [
                {
                    "instancePath": "",
                    "keyword": "additionalProperties",
                    "params": {"additionalProperty": "top_p"},
                    "message": "must NOT have additional properties",
                }
            ]
        },
        {"top_p": OMITTED},
    ),
    (
        "zod",
        {
            "success": False,
            "error": {
                "issues": [
                    {
                        "code": "unrecognized_keys",
                        "keys": ["top_p"],
                        "path": [],
                        "message": "Unrecognized key(s) in object: 'top_p'",
                    }
                ],
                "name": "ZodError",
            },
        },
        {"top_p": OMITTED},
    ),
    (
        "zod path",
        {
            "error": {
                "issues": [
                    {
                        "code": "too_big",
                        "maximum": 1,
                        "path": ["temperature"],
                        "message": "Number must be less than or equal to 1",
                    }
                ]
            }
        },
        {"temperature": OMITTED},
    ),
    (
        "aspnet",
        {
            "type": "https://tools.ietf.org/html/rfc9110",
            "title": "One or more validation errors occurred.",
            "status": 400,
            "errors": {"temperature": ["The field temperature must be between 0 and 0.5."]},
        },
        {"temperature": OMITTED},
    ),
    (
        "spring",
        {
            "timestamp": "x",
            "status": 400,
            "error": "Bad Request",
            "message": (
                'JSON parse error: Unrecognized field "top_p" (class x.Req), not '
                'marked as ignorable (3 known properties: "model", "messages", '
                '"temperature"])'
            ),
        },
        {"top_p": OMITTED},
    ),
    (
        "html",
        (
            "<html><head><title>400</title></head><body><p>Unknown parameter: "
            "'top_p'</p></body></html>"
        ),
        {"top_p": OMITTED},
    ),
    (
        "html escaped",
        "<html><body>Unknown parameter: &#39;top_p&#39;</body></html>",
        {"top_p": OMITTED},
    ),
    ("german", openai("Der Parameter 'top_p' wird nicht unterstützt."), {"top_p": OMITTED}),
    ("japanese", openai("パラメータ 'stop' はサポートされていません"), {"stop": OMITTED}),
    (
        "french",
        openai("Le paramètre « temperature » n'est pas pris en charge"),
        {"temperature": OMITTED},
    ),
    ("spanish", openai("El parámetro 'top_p' no está permitido"), {"top_p": OMITTED}),
    ("russian", openai("Параметр top_p не поддерживается"), {"top_p": OMITTED}),
    ("korean", openai("'temperature' 매개변수는 지원되지 않습니다"), {"temperature": OMITTED}),
    ("param empty msg", openai("Provider returned error", "temperature"), {"temperature": OMITTED}),
    ("param path", openai("bad", "body.top_p"), {"top_p": OMITTED}),
    ("param $", openai("bad", "$.top_p"), {"top_p": OMITTED}),
    (
        "escaped JSON in message",
        {
            "error": {
                "message": (
                    'upstream: {\\"error\\": {\\"message\\": \\"Unsupported parameter: '
                    "'top_p'\\\"}}"
                )
            }
        },
        {"top_p": OMITTED},
    ),
    (
        "o1 fixed",
        openai(
            ("Unsupported value: 'messages[0].role' does not support 'system' with this model."),
            "messages[0].role",
            "unsupported_value",
        ),
        {},
    ),
    (
        "OpenAI's o1",
        openai("this model has beta-limitations: temperature, top_p and n are fixed at 1"),
        {"temperature": OMITTED, "top_p": OMITTED},
    ),
    ("opus", openai("`temperature` is deprecated for this model."), {"temperature": OMITTED}),
    (
        "pollinations/pollinations#4310",
        openai(
            "Unsupported parameter: 'top_p' is not supported with this model.",
            "top_p",
            "unsupported_parameter",
        ),
        {"top_p": OMITTED},
    ),
    ("n stop in message not param", openai("Please stop sending requests: rate exceeded"), {}),
    ("key", openai("Your API key does not support this model. stop."), {}),
    ("stream only", openai("Only stream mode is supported for this model"), {}),
    ("must stream", openai("stream must be set to true"), {}),
    ("stream param required", {"detail": "Stream must be set to true"}, {}),
]


@pytest.mark.parametrize(("error", "changes"), [e[1:] for e in ERRORS], ids=[e[0] for e in ERRORS])
def test_the_parameters_that_a_server_refuses_are_found(error, changes):
    assert refused(CHAT, error, {}) == changes
