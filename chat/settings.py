"""The settings of a process: environment variables, read once at its start, with types and bounds.

All variables are optional except ``MODEL_URL``, which only the worker needs. An empty variable
counts as unset. A variable of the environment overrides the same variable in ``.env``.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import quote, urlsplit

from dotenv import dotenv_values
from marshmallow import EXCLUDE, Schema, ValidationError, fields, post_load, pre_load, validate

# The first of these that is set names Redis. Add-ons set all but REDIS_URL, which the operator may
# set, too: REDIS_TLS_URL is the same Redis as that add-on's REDIS_URL, with TLS.
_REDIS_URLS = ("REDIS_TLS_URL", "REDIS_URL", "REDISCLOUD_URL")
# If one of these is set, a Redis is named.
REDIS_VARIABLES = (*_REDIS_URLS, "REDIS_HOST", "REDIS_PORT")
DEFAULT_MODEL_NAME = "EleutherAI/gpt-j-6b"
_CLOSED_MODEL_HOST = "api-inference.huggingface.co"
# https://datatracker.ietf.org/doc/html/rfc9110#section-5.5. A space at an end would be refused too.
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_HEADER_VALUE = re.compile(r"(?! )[\x20-\x7e\xa0-\xff]*(?<! )")
# They say where a request ends, so they are ours.
_FRAMING_HEADERS = {"connection", "content-length", "expect", "te", "transfer-encoding", "upgrade"}
_MISSPELT = {"HUGGINFACE_INFERENCE_TOKEN": "HUGGINGFACE_INFERENCE_TOKEN"}


class SettingsError(Exception):
    """A variable has a value that cannot be used. The error message names the variable."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The settings of one process. Times are in seconds."""

    redis_url: str = field(repr=False)  # may hold a password
    broker_url: str = field(repr=False)
    one_redis: bool  # whether the sessions and Celery's queue are in the same Redis
    model_url: str | None = field(repr=False)  # its query may hold a key
    model_name: str
    model_token: str | None = field(repr=False)
    model_headers: Mapping[str, str] = field(repr=False)  # of each request; may hold a key
    fallback_url: str | None = field(repr=False)
    fallback_name: str | None
    fallback_token: str | None = field(repr=False)
    fallback_headers: Mapping[str, str] = field(repr=False)
    model_timeout: float
    max_new_tokens: int
    model_temperature: float | None
    model_top_p: float | None
    model_use_cache: bool
    model_context: int  # tokens
    system_prompt: str | None
    history_window: int  # messages in a prompt, with the new one
    session_ttl: int  # 0: sessions never expire
    max_message_length: int  # code points
    allowed_origins: tuple[str, ...]
    port: int
    web_concurrency: int  # gunicorn worker processes
    worker_concurrency: int  # simultaneous replies of one worker process
    app_env: str
    log_level: str  # of the log of messages, chat/message_log.py
    log_format: str | None  # json or text; None: text where there is a terminal
    log_message_text: bool
    metrics_token: str | None = field(repr=False)  # who has it may read /metrics

    def of_fallback(self) -> Settings | None:
        """Return these settings with the second model's in the place of the first's, if set."""
        if not self.fallback_url:
            return None
        return replace(
            self,
            model_url=self.fallback_url,
            model_name=self.fallback_name or self.model_name,
            model_token=self.fallback_token,
            model_headers=self.fallback_headers,
            fallback_url=None,
        )


def _origins(value: str) -> tuple[str, ...]:
    return tuple(origin.strip().rstrip("/") for origin in value.split(",") if origin.strip())


def _redis_variable(env: Mapping[str, str]) -> str:
    """Return the name of the variable that decides the URL of Redis."""
    return next((name for name in _REDIS_URLS if name in env), "REDIS_HOST")


def _redis_url(env: Mapping[str, str]) -> str:
    """Return the URL of Redis.

    Besides a URL the tutorial's variables are accepted: ``REDIS_URL=host:port`` or ``REDIS_HOST``
    and ``REDIS_PORT``, each with ``REDIS_USER`` and ``REDIS_PASSWORD``.
    """
    name = _redis_variable(env)
    value = env.get(name, "") if name in _REDIS_URLS else ""
    if "://" not in value and name in ("REDIS_URL", "REDIS_HOST"):
        address = value or f"{env.get('REDIS_HOST', '127.0.0.1')}:{env.get('REDIS_PORT', '6379')}"
        user, password = env.get("REDIS_USER", ""), env.get("REDIS_PASSWORD", "")
        login = f"{quote(user, safe='')}:{quote(password, safe='')}@" if user or password else ""
        value = f"redis://{login}{address}"
    return value


class Address(fields.String):
    """A URL that has a host and one of the given schemes.

    marshmallow's ``Url`` accepts public host names only. A private network may use others, for
    example with underscores.
    """

    def __init__(self, *schemes: str, **options: Any) -> None:
        super().__init__(validate=self._check, **options)
        self._schemes = schemes

    def _check(self, value: str) -> None:
        try:
            parts = urlsplit(value)
            usable = parts.scheme in self._schemes and bool(parts.hostname) and parts.port != 0
        except ValueError:
            usable = False
        if not usable or re.search(r"\s", value):
            raise ValidationError(
                f"must be {' or '.join(f'{scheme}://HOST:PORT' for scheme in self._schemes)}"
            )


class Headers(fields.Field):  # type: ignore[type-arg]
    """A JSON object of request headers. No error shows its text, which may hold a key."""

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> dict[str, str]:
        try:
            headers = json.loads(value)
        except (ValueError, RecursionError):
            headers = None
        if not isinstance(headers, dict) or not all(
            isinstance(text, str) for text in headers.values()
        ):
            raise ValidationError('must be a JSON object of texts, such as {"api-key": "KEY"}')
        for name, text in headers.items():
            if not _HEADER_NAME.fullmatch(name) or name.lower() in _FRAMING_HEADERS:
                raise ValidationError("has a name that is not that of a header to add")
            if not _HEADER_VALUE.fullmatch(text):
                raise ValidationError(f"has characters in {name} that a header cannot have")
        return headers


def _with_certificate_check(url: str, cert_reqs: str) -> str:
    """Return the URL with ``ssl_cert_reqs``, unless it has one or has no TLS."""
    parts = urlsplit(url)
    if not parts.scheme.startswith("rediss") or "ssl_cert_reqs=" in parts.query:
        return url
    query = f"{parts.query}&" if parts.query else ""
    return parts._replace(query=f"{query}ssl_cert_reqs={cert_reqs}").geturl()


def _number(
    kind: type[fields.Integer | fields.Float], name: str, default: Any, **limits: Any
) -> Any:
    return kind(data_key=name, load_default=default, validate=validate.Range(**limits))


class SettingsSchema(Schema):
    """The environment variables with their defaults and bounds."""

    class Meta:
        unknown = EXCLUDE

    redis_url = Address("redis", "rediss", data_key="REDIS_URL", required=True)
    broker_url = Address("redis", "rediss", data_key="CELERY_BROKER_URL", load_default=None)
    redis_cert_reqs = fields.String(
        data_key="REDIS_SSL_CERT_REQS",
        load_default="required",
        validate=validate.OneOf(("required", "none")),
    )
    model_url = Address("http", "https", data_key="MODEL_URL", load_default=None)
    model_name = fields.String(data_key="MODEL_NAME", load_default=DEFAULT_MODEL_NAME)
    model_token = fields.String(data_key="HUGGINGFACE_INFERENCE_TOKEN", load_default=None)
    model_headers = Headers(data_key="MODEL_HEADERS", load_default=dict)
    fallback_url = Address("http", "https", data_key="MODEL_FALLBACK_URL", load_default=None)
    fallback_name = fields.String(data_key="MODEL_FALLBACK_NAME", load_default=None)
    fallback_token = fields.String(data_key="MODEL_FALLBACK_TOKEN", load_default=None)
    fallback_headers = Headers(data_key="MODEL_FALLBACK_HEADERS", load_default=dict)
    model_timeout = _number(fields.Float, "MODEL_TIMEOUT", 120.0, min=0, min_inclusive=False)
    max_new_tokens = _number(fields.Integer, "MAX_NEW_TOKENS", 256, min=1)
    model_temperature = _number(fields.Float, "MODEL_TEMPERATURE", None, min=0)
    model_top_p = _number(fields.Float, "MODEL_TOP_P", None, min=0, max=1, min_inclusive=False)
    model_use_cache = fields.Boolean(data_key="MODEL_USE_CACHE", load_default=False)
    model_context = _number(fields.Integer, "MODEL_CONTEXT", 2048, min=16)
    system_prompt = fields.String(data_key="SYSTEM_PROMPT", load_default=None)
    history_window = _number(fields.Integer, "HISTORY_WINDOW", 4, min=1)
    session_ttl = _number(fields.Integer, "SESSION_TTL", 3600, min=0)
    max_message_length = _number(fields.Integer, "MAX_MESSAGE_LENGTH", 4000, min=1)
    allowed_origins = fields.Function(
        data_key="ALLOWED_ORIGINS", deserialize=_origins, load_default=()
    )
    port = _number(fields.Integer, "PORT", 3500, min=1, max=65535)
    web_concurrency = _number(fields.Integer, "WEB_CONCURRENCY", 1, min=1)
    worker_concurrency = _number(fields.Integer, "WORKER_CONCURRENCY", 50, min=1)
    app_env = fields.String(data_key="APP_ENV", load_default="production")
    log_level = fields.String(
        data_key="LOG_LEVEL",
        load_default="info",
        validate=validate.OneOf(("debug", "info", "warning", "error")),
    )
    log_format = fields.String(
        data_key="LOG_FORMAT", load_default=None, validate=validate.OneOf(("json", "text"))
    )
    log_message_text = fields.Boolean(data_key="LOG_MESSAGE_TEXT", load_default=False)
    metrics_token = fields.String(data_key="METRICS_TOKEN", load_default=None)

    @pre_load
    def gather(self, data: Mapping[str, str], **_: Any) -> dict[str, str]:
        env = {name: value for name, value in data.items() if value.strip()}
        for misspelt, name in _MISSPELT.items():
            if misspelt in env:
                env.setdefault(name, env[misspelt])
        env["REDIS_URL"] = _redis_url(env)
        return env

    @post_load
    def build(self, data: dict[str, Any], **_: Any) -> Settings:
        for name, url in (
            ("MODEL_URL", data["model_url"]),
            ("MODEL_FALLBACK_URL", data["fallback_url"]),
        ):
            if url and urlsplit(url).hostname == _CLOSED_MODEL_HOST:
                raise ValidationError(
                    f"points at {_CLOSED_MODEL_HOST}, which was switched off; serve GPT-J yourself"
                    " or take any other model and put its address there (see README,"
                    " “Another Redis, another model”)",
                    name,
                )
        data["one_redis"] = data["broker_url"] in (None, "", data["redis_url"])
        cert_reqs = data.pop("redis_cert_reqs")
        # Verification is redis-py's default, and not kombu's.
        if cert_reqs == "none":
            data["redis_url"] = _with_certificate_check(data["redis_url"], cert_reqs)
        broker_url = data["broker_url"] or data["redis_url"]
        data["broker_url"] = _with_certificate_check(broker_url, cert_reqs)
        return Settings(**data)

    def handle_error(self, error: ValidationError, data: Any, **_: Any) -> None:
        """Name the variable of the URL of Redis that was set."""
        if isinstance(error.messages, dict) and "REDIS_URL" in error.messages:
            env = {name: value for name, value in data.items() if value.strip()}
            error.messages[_redis_variable(env)] = error.messages.pop("REDIS_URL")


def load_settings(environ: Mapping[str, str] | None = None) -> Settings:
    """Read the settings from ``environ``. With None: from ``.env`` and the process's environment.

    Raises:
        SettingsError: Values cannot be used. The error message names each such variable.
    """
    if environ is None:
        dotenv = {name: value or "" for name, value in dotenv_values(".env").items()}
        environ = dotenv | dict(os.environ)
    try:
        settings: Settings = SettingsSchema().load(environ)
        return settings
    except ValidationError as error:
        lines = [
            f"{name}: {' '.join(map(str, reasons)) if isinstance(reasons, list) else reasons}"
            for name, reasons in sorted(error.normalized_messages().items())
        ]
        raise SettingsError("\n".join(lines)) from None


def load_settings_or_exit() -> Settings:
    """Read the settings as `load_settings` does. End the process if a value cannot be used."""
    try:
        return load_settings()
    except SettingsError as error:
        raise SystemExit(f"Bad settings:\n{error}") from None
