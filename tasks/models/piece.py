"""What one event of a stream, or one body that is not a stream, says about the reply.

The keys of an event show its protocol's shape, whichever protocol was asked: gateways
translate, and not all of them completely.
"""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from tasks.models.finish_reason import finish_word

# Fields beside a message's content that hold what the model thinks.
_THINKING_FIELDS = (
    "reasoning_content",
    "reasoning",
    "reasoning_details",
    "reasoning_text",
    "thinking",
    "thinking_blocks",
    "thought",
)
# Fields of an event without choices that hold text.
_TEXT_FIELDS = ("response", "content", "text", "completion", "output_text", "text_output")
# Fields that hold all else: Cloudflare, DashScope, OpenAI's responses, KoboldCpp, Vertex AI.
_CONTAINERS = ("result", "output", "results", "predictions")


class Piece(NamedTuple):
    """A piece of an answer."""

    text: str = ""  # that follows the text of the pieces before
    whole: str = ""  # the whole text so far, or, in some servers' streams, text that follows
    thinking: bool = False  # whether it has what the model thinks
    finish: str = ""  # the server's word for why the model stopped, if it has
    number: int | None = None  # of several answers to one request, the number of this one


def plain_text(data: str, number: int | None) -> str | None:
    """Return the text of an event that says nothing else, None if it may say more.

    Nearly all events of a stream are such. `piece_of` takes three times as long.
    """
    if type(data) is not str:
        return None
    try:
        event = json.loads(data)
        if "error" in event:
            return None
        if "choices" in event:
            (choice,) = event["choices"]
            if choice.get("finish_reason") is not None or choice.get("index", number) != number:
                return None
            delta = choice.get("delta")
            if delta is not None and "extra_content" in delta:
                return None
            text = choice["text"] if delta is None else delta["content"]
        else:
            token = event["token"]
            if token["special"] or event.get("generated_text") is not None or event.get("details"):
                return None
            text = token["text"]
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return None
    return text if text and isinstance(text, str) else None


def piece_of(event: dict[str, Any], index: int | None) -> Piece | None:
    """Return what an event says, None if it has no known shape.

    ``index`` is the number of the answer that is read, None if it is not known yet.
    """
    choices = event.get("choices") or event.get("candidates")
    if choices and isinstance(choices, list):
        choice = next((c for c in choices if _index(c) == index), choices[0])
        return _choice(choice) if isinstance(choice, dict) else None
    if "token" in event or "generated_text" in event:
        return _hugging_face(event)
    kind = event.get("type")
    if isinstance(kind, str) and kind.startswith("response."):
        return _openai_response(event)
    message = event.get("message")
    if isinstance(message, dict) and message.get("content") is not None:  # Ollama
        text, thinking = _message(message)
        return Piece(text, "", thinking, _own_finish(event))
    delta = event.get("delta")
    if delta is not None:  # Anthropic, Cohere
        text, thinking = _message(delta)
        return Piece(text, "", thinking, _own_finish(event))
    for name in _TEXT_FIELDS:
        if isinstance(event.get(name), str | list | int | float):
            text, thinking = _content(event[name])
            return Piece(text, "", thinking or _thinks(event), _own_finish(event))
    for name in _CONTAINERS:
        if name in event and (piece := _contained(event[name], index)):
            return piece._replace(finish=piece.finish or _own_finish(event))
    if _thinks(event) or "choices" in event or "usage" in event or _own_finish(event):
        return Piece(thinking=_thinks(event), finish=_own_finish(event))
    return None


def _contained(inner: Any, index: int | None) -> Piece | None:
    """Return what the value of such a field says: an object, a text, or a list of one of these."""
    if isinstance(inner, dict):
        return piece_of(inner, index)
    if isinstance(inner, list) and inner and all(isinstance(item, str) for item in inner):
        inner = "".join(inner)
    if isinstance(inner, list):  # OpenAI's responses have the reasoning before the message
        pieces = [piece_of(item, index) for item in inner if isinstance(item, dict)]
        return next((piece for piece in pieces if piece and (piece.text or piece.whole)), None)
    return Piece(inner) if isinstance(inner, str) else None


def _openai_response(event: dict[str, Any]) -> Piece:
    """Return what an event of OpenAI's responses says. The ones without delta repeat the text."""
    kind, response = str(event["type"]), event.get("response")
    if "delta" in event:
        thinks = "reasoning" in kind
        return Piece("" if thinks else _content(event["delta"])[0], "", thinks)
    if kind == "response.incomplete":
        details = response.get("incomplete_details") if isinstance(response, dict) else None
        return Piece(finish=str(details.get("reason")) if isinstance(details, dict) else "length")
    return Piece(finish="stop" if kind == "response.completed" else "")


def _index(choice: Any) -> Any:
    return choice.get("index") if isinstance(choice, dict) else None


def _choice(choice: dict[str, Any]) -> Piece:
    delta, message = choice.get("delta"), choice.get("message")
    text, whole, thinking = "", "", False
    if delta:
        text, thinking = _message(delta)
    if not text and "text" in choice:
        text, _ = _content(choice["text"])
    if not text and message:
        whole, thinks = _message(message)
        thinking = thinking or thinks
    if not text and "content" in choice:  # Gemini's own protocol
        text, thinks = _content(choice["content"])
        thinking = thinking or thinks
    finish = choice.get("finish_reason") or choice.get("finishReason")
    index = choice.get("index")
    return Piece(
        text,
        whole,
        thinking or _thinks(choice),
        finish_word(finish) if finish else "",
        index if isinstance(index, int) else None,
    )


def _hugging_face(event: dict[str, Any]) -> Piece:
    token, whole, text = event.get("token"), event.get("generated_text"), ""
    if isinstance(token, str):  # KoboldCpp
        text = token
    elif isinstance(token, dict) and not token.get("special"):
        text, _ = _content(token.get("text"))
    details = event.get("details")
    finish = finish_word(details.get("finish_reason")) if isinstance(details, dict) else ""
    if isinstance(whole, list) and whole and isinstance(whole[-1], dict):  # a chat, the reply last
        whole = whole[-1].get("content")
    whole_text, _ = _content(whole)
    finish = finish or _own_finish(event)
    return Piece(text, whole_text, False, finish or ("" if whole is None else "stop"))


def _message(message: Any) -> tuple[str, bool]:
    """Return the text of a message or delta, and whether it has what the model thinks."""
    if not isinstance(message, dict):
        return _content(message)
    content = message.get("content")
    text, thinking = (content, False) if isinstance(content, str) else _content(content)
    if "extra_content" in message and _is_thought(message["extra_content"]):
        return "", True
    if not text:
        if isinstance(message.get("message"), dict):
            return _message(message["message"])
        text, _ = _content(message.get("text") or message.get("refusal"))
    return text, thinking or ((len(message) > 1 or content is None) and _thinks(message))


def _content(content: Any) -> tuple[str, bool]:
    """Return the text of a content, whatever its form, and whether it has thinking in it."""
    if isinstance(content, str):
        return content, False
    if isinstance(content, dict):
        content = content.get("parts") or [content]
    if isinstance(content, list):
        parts = [_part(part) for part in content]
        return "".join(text for text, _ in parts), any(thinking for _, thinking in parts)
    if isinstance(content, int | float) and not isinstance(content, bool):
        return str(content), False  # Cloudflare's gateway makes numbers of digits
    return "", False


def _part(part: Any) -> tuple[str, bool]:
    if not isinstance(part, dict):
        return part if isinstance(part, str) else "", False
    kind = str(part.get("type") or "")
    if "think" in kind or "reasoning" in kind or "summary" in kind or part.get("thought") is True:
        return "", True
    if "thinking" in part and not part.get("text"):  # Cohere
        return "", True
    text = part.get("text") or part.get("refusal") or part.get("content")
    if isinstance(text, dict):
        text = text.get("value")
    return text if isinstance(text, str) else "", False


def _is_thought(extra: Any) -> bool:
    """Whether Gemini marks a text as thinking, in the protocol that it shares with OpenAI."""
    google = extra.get("google") if isinstance(extra, dict) else None
    return isinstance(google, dict) and google.get("thought") is True


def _thinks(fields: dict[str, Any]) -> bool:
    return any(fields.get(name) for name in _THINKING_FIELDS)


def _own_finish(event: dict[str, Any]) -> str:
    """Return why the model stopped, of an event that has no choices."""
    delta, meta = event.get("delta"), event.get("meta_info")  # the latter is SGLang's
    for fields in (event, delta, meta):
        if not isinstance(fields, dict):
            continue
        for name in ("finish_reason", "finishReason", "done_reason", "stop_reason"):
            if word := finish_word(fields.get(name)):
                return word
    if event.get("stopped_limit") is True or event.get("truncated") is True:
        return "length"
    ended = event.get("type") in ("message_stop", "message-end")
    return "stop" if ended or event.get("done") is True or event.get("stop") is True else ""
