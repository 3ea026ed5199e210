"""Reads from a server's error which parameters of a request it does not take.

The servers have no common form for that: each names the parameter in a sentence or a field of its
own. tests/tasks/models/test_refused_parameters.py has the errors that people have reported.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from tasks.models.parameters import ESSENTIAL, NESTED, Body, Change, Changes

# Other statuses say nothing about parameters. 0 and 413: an error event in a stream.
STATUSES = {0, 400, 406, 413, 415, 416, 422, 500, 501}
# A refused parameter is sent under its other name, and after a second refusal not at all.
_OTHER_NAME = {"max_tokens": "max_completion_tokens"}
# Parameters that limit the length of a reply. A limit that is too high is lowered.
_LIMITS = {"max_tokens", "max_completion_tokens", "max_new_tokens"}
# Names that are also English words, or parts of other names: an error is about them only if it
# has them in quotation marks or where a list of names stands.
_COMMON_WORDS = {"stop", "stream", "options", "truncate"}
# What servers also call a parameter: that of the server behind them, or a word of their own.
_ALIASES = {
    "stop": r"stop[ _]?(?:sequence|word|string|token)s?",
    "max_tokens": r"max[ _]?(?:output|new|completion|gen)[ _]?(?:tokens|len)|maximum tokens",
}

_MAX_TEXT = 4000  # characters of an error that are searched
_MAX_DEPTH = 8  # of the objects, lists and JSON strings in an error
# What a server repeats of the request is the person's text.
_ECHOES = {"input", "input_value", "inputs", "messages", "prompt", "body", "request", "url"}
_ECHO_IN_TEXT = re.compile(r"""['"]input['"]\s*:|\binput_value=""")
# A name after these words is a suggestion, or one of those that the server does take.
_SUGGESTION = re.compile(
    r"(?:did you mean|(?:^|[.;,:] *)(?:please )?use\b|expected (?:one of )?`|"
    r"(?:supported|allowed|valid|known|available) (?:parameters|fields|properties|keys)"
    r"(?: are\b|:)|"
    r"to drop)[^.;]*",
    re.IGNORECASE | re.MULTILINE,
)
_COMPLAINT = re.compile(
    r"support|recogni[sz]ed|unknown|unexpected|unused|not used|permitted|allowed|forbidden|"
    r"invalid|not valid|incorrect|illegal|reject|accept|must|should|only|too (?:large|long|high)|"
    r"at most|at least|exceed|maximum|minimum|greater|less than|range|deprecated|removed|"
    r"cannot|can't|can not|could not|not available|unavailable|disabled|not implemented|"
    r"cannot find field|no such|supplied|not used|ignored|> \d|< \d|>= \d|<= \d|fixed|too many|"
    r"unmarshal|mismatch|extraneous|"
    # Chinese, Japanese, Korean, German, French, Spanish and Portuguese, Russian
    r"不支持|不允许|不能|非法|无效|错误|有误|必须|范围|超|サポート|無効|範囲|지원|유효|범위|"
    r"unterst|ung.ltig|zul.ssig|erlaubt|pris en charge|invalid|autoris|permitid|admit|soportad|"
    r"suportad|поддерж|недопуст",
    re.IGNORECASE,
)
# The server takes each of them, but not together.
_ONE_OF_THEM = re.compile(r"cannot both|can't both|not both|only one|mutually exclusive", re.I)
# The prompt together with the reply is too long: a shorter prompt helps, no parameter does, ...
_TOO_LONG_TOGETHER = re.compile(
    r"context length|input tokens|your request has|`inputs`|in the messages|"
    r"\bprompt\b(?=.*(?:token|long|length))",
    re.IGNORECASE,
)
# ... unless the reply alone may be longer than this.
_CONTEXT = re.compile(
    r"(?:context length (?:is|of)|must be <=?|context (?:size|window) (?:is|of)) (\d+)"
)
_A_LIMIT = re.compile(
    r"at most|less than|<=|> ?\d|range|between|\[\d|maximum|up to|exceed|too large|范围|最大|超",
    re.IGNORECASE,
)
# The server takes nothing but streams.
_STREAMS_ONLY = re.compile(
    r"stream\w*\W{0,3}(?:must|should|needs?|has to)\b.{0,20}\b(?:true|enabled)|"
    r"only supports? stream|only stream",
    re.IGNORECASE,
)


def refused(body: Body, error: Any, changes: Changes) -> Changes:
    """Return ``changes`` and those that ``error`` asks for. The same, if it asks for none.

    ``body`` is what was sent, with ``changes``. ``error`` is the body of the server's answer:
    parsed JSON, or text.
    """
    optional = {name: value for name, value in _flat(body) if name not in ESSENTIAL}
    texts = list(_texts(error))
    new: dict[str, Change] = {}
    for text in texts:
        if not text.is_name and _TOO_LONG_TOGETHER.search(text.value):
            new |= _limits_beyond_the_context(text.value, optional)
            continue
        for name in _named(text, optional):
            if name not in new or new[name].limit is None:
                new[name] = _change(name, optional[name], text.about or text.value, changes)
    if len(new) > 1 and any(_ONE_OF_THEM.search(text.value) for text in texts):
        new = dict([list(new.items())[-1]])
    return {**changes, **new}


def _change(name: str, value: Any, text: str, changes: Changes) -> Change:
    limited = name in changes and changes[name].limit
    if name in _LIMITS and not limited and (lower := _highest_number_below(value, text)):
        return Change(name, lower)
    return Change(_OTHER_NAME.get(name), changes[name].limit if limited else None)


def _highest_number_below(value: Any, text: str) -> int | None:
    if not _A_LIMIT.search(text):
        return None
    found = re.findall(r"(?<![\w.-])(\d{1,9})(?![\w-])( \(exclusive\))?", text)
    numbers = (int(number) - bool(exclusive) for number, exclusive in found)
    return max((number for number in numbers if 1 < number < value), default=None)


def _limits_beyond_the_context(text: str, optional: Mapping[str, Any]) -> dict[str, Change]:
    """Return half of the context for a reply that may be longer than the whole context."""
    found = _CONTEXT.search(text)
    context = int(found[1]) if found else 0
    return {
        name: Change(name, max(context // 2, 1))
        for name in _LIMITS & optional.keys()
        if 0 < context <= optional[name]
    }


def _flat(body: Body) -> Iterator[tuple[str, Any]]:
    for name, value in body.items():
        yield name, value
        if name in NESTED and isinstance(value, dict):
            yield from value.items()


class _Text(NamedTuple):
    value: str
    is_name: bool  # whether the whole text is the name of a parameter, by the place it stands in
    about: str = ""  # the message about a parameter whose name stands apart


def _texts(error: Any, depth: int = 0, key: str = "") -> Iterator[_Text]:
    """Yield all texts in an error, without those that repeat the request."""
    if depth > _MAX_DEPTH or key in _ECHOES:
        return
    if isinstance(error, dict):
        for name, value in error.items():
            if name in ("loc", "path") and isinstance(value, list):  # pydantic, zod
                about = str(error.get("msg") or error.get("message") or "")
                yield _Text(_parameter_at(value), is_name=True, about=about)
            else:
                yield from _texts(value, depth + 1, str(name))
    elif isinstance(error, list):
        for value in error:
            yield from _texts(value, depth + 1)
    elif isinstance(error, str):
        text = error[:_MAX_TEXT]
        start = text.find("{")
        if start >= 0 and (nested := _json_in(text[start:])) is not None:
            yield from _texts(nested, depth + 1)
            text = text[:start]
        text = text[: found.start()] if (found := _ECHO_IN_TEXT.search(text)) else text
        is_name = key in ("param", "field", "parameter", "additionalProperty")
        yield _Text(_SUGGESTION.sub("", text), is_name)


def _json_in(text: str) -> Any:
    """Return the object at the beginning of ``text``, None if there is none."""
    try:
        return json.JSONDecoder().raw_decode(text)[0]
    except (ValueError, RecursionError):
        return None


def _parameter_at(location: list[Any]) -> str:
    """Return the parameter at a location, such as ``["body", "stop", 0]``."""
    names = [name for name in location if isinstance(name, str) and name not in ("body", *NESTED)]
    return names[0] if names else ""


def _named(text: _Text, optional: Mapping[str, Any]) -> list[str]:
    """Return the parameters that a text complains about."""
    if text.is_name and text.value.rpartition(".")[2] in optional:
        return [text.value.rpartition(".")[2]]
    if not _COMPLAINT.search(text.value):
        return []
    named = [name for name in optional if _pattern(name).search(text.value)]
    if "stream" in named and _STREAMS_ONLY.search(text.value):
        named.remove("stream")
    return named


def _pattern(name: str) -> re.Pattern[str]:
    first, *others = name.split("_")
    camel = first + "".join(other.title() for other in others)
    spelling = f"(?:{name}|{camel}|{' '.join((first, *others))})"
    alias = rf"(?<![A-Za-z_])(?:{_ALIASES.get(name, spelling)})(?![A-Za-z_])"
    if name not in _COMMON_WORDS:
        plain = rf"(?<![A-Za-z_]){spelling}(?![A-Za-z_])"
        return re.compile(f"{plain}|{alias}", re.IGNORECASE)
    quoted = rf"""(?:["'`./\[]{spelling}["'`\]])|(?:\.{spelling} of type)"""
    listed = rf"(?:[:,] ?{spelling}(?=$|[,.\s\"'}})\]]))"
    said = rf"(?:(?:parameters?|fields?|arguments?|property|key|name|value) {spelling}\b)"
    subject = rf"(?:^{spelling}\b(?=:|\s+(?:is|are|must|does|should|can|not)\b|\s*\n))"
    verb = rf"(?:\b{spelling}ing (?:is |mode )*(?:not|un)|support(?:ed for)? {spelling}ing\b)"
    patterns = [quoted, listed, said, subject, verb]
    if name in _ALIASES:
        patterns.append(alias)
    return re.compile("|".join(patterns), re.MULTILINE | re.IGNORECASE)
