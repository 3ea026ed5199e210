"""HTTP requests to a model's server."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from urllib3 import HTTPResponse

from chat.log_context import context_fields
from tasks.models.call import Call
from tasks.models.connection import Connection
from tasks.models.connection_pool import ConnectionPool
from tasks.models.credentials import Credentials
from tasks.models.failures import failure_of
from tasks.models.response import Response
from tasks.models.transport_errors import TRANSPORT_ERRORS, translated_errors

_ANSWERED = {200, 201, 202, 203}  # some gateways are not exact


def loggable_url(url: str) -> str:
    """Return a URL without its user, password and query, which may contain a key."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return f"{parts.scheme}://{host}{parts.path}"


@contextmanager
def post(
    pool: ConnectionPool, url: str, credentials: Credentials, body: dict[str, Any], call: Call
) -> Iterator[Response]:
    """Post a JSON body. Yields the response as soon as its head has arrived.

    Afterwards the connection is kept if the response has ended or is `Response.about_to_end`, and
    closed in all other cases. After an error a retry may so reach another server behind a proxy.

    Raises:
        TransientError, ModelLoading: The failure may not happen again.
        BadRequest, PromptTooLong, ModelUnusable: The same request would fail again.
        ModelTimeout, Cancelled: As `Call.time_left`.
    """
    with _exchange(pool, "POST", url, credentials, body, call) as (answer, response):
        if answer.status not in _ANSWERED:
            raise failure_of(answer, response.whole_body(credentials))
        yield response


def get(pool: ConnectionPool, url: str, credentials: Credentials, call: Call) -> tuple[int, Any]:
    """Return the status and the body of a resource, as `Response.whole_body` does.

    Raises:
        TransientError: There is no answer.
        ModelTimeout, Cancelled: As `Call.time_left`.
    """
    with _exchange(pool, "GET", url, credentials, None, call) as (answer, response):
        return answer.status, response.whole_body(credentials)


@contextmanager
def _exchange(
    pool: ConnectionPool,
    method: str,
    url: str,
    credentials: Credentials,
    body: dict[str, Any] | None,
    call: Call,
) -> Iterator[tuple[HTTPResponse, Response]]:
    connection, keep = pool.take(), False
    try:
        with translated_errors(call):
            try:
                answer = _send(connection, method, url, credentials, body, call)
            except TRANSPORT_ERRORS as error:
                if not (connection.was_closed_while_idle(error) and call.may_resend()):
                    raise
                connection.close()
                connection = pool.new()
                answer = _send(connection, method, url, credentials, body, call)
            response = Response(answer, connection, call)
            yield answer, response
            keep = (response.about_to_end or response.has_ended) and not call.cancelled
    finally:
        if keep:
            pool.put(connection)
        else:
            connection.close()


def _send(
    connection: Connection,
    method: str,
    url: str,
    credentials: Credentials,
    body: dict[str, Any] | None,
    call: Call,
) -> HTTPResponse:
    return connection.request(
        method,
        url,
        call,
        body,
        credentials,
        {
            "Accept": "text/event-stream, application/json",
            "Accept-Encoding": "identity",
        },
        _request_id(),
    )


def _request_id() -> str | None:
    """Return the id of the message, by which the server's log can be searched."""
    message_id = context_fields().get("message_id")
    return str(message_id) if message_id else None
