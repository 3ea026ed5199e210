"""One HTTP request to a model's server."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import requests

from tasks.models.call import Call
from tasks.models.connection import Connection
from tasks.models.connection_pool import ConnectionPool
from tasks.models.failures import failure_of
from tasks.models.response import Response
from tasks.models.transport_errors import TRANSPORT_ERRORS, translated_errors


class Bearer(requests.auth.AuthBase):
    """Sends a given token or none, but never one from a ``.netrc`` file."""

    def __init__(self, token: str | None) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        if self._token:
            request.headers["Authorization"] = f"Bearer {self._token}"
        return request


def loggable_url(url: str) -> str:
    """Return a URL without its user, password and query, which may contain a key."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.hostname}{f':{parts.port}' if parts.port else ''}{parts.path}"


@contextmanager
def post(
    pool: ConnectionPool, url: str, token: str | None, body: dict[str, Any], call: Call
) -> Iterator[Response]:
    """Post a JSON body. Yields the response as soon as its head has arrived.

    Afterwards the connection is kept if the response has ended or is `Response.about_to_end`, and
    closed in all other cases. After an error a retry may so reach another server behind a proxy.

    Raises:
        TransientError, ModelLoading: The failure may not happen again.
        ModelRefused, BadRequest, PromptTooLong: The same request would fail again.
        ModelTimeout, Cancelled: As `Call.time_left`.
    """
    connection, keep = pool.take(), False
    try:
        with translated_errors(call):
            try:
                answer = _send(connection, url, token, body, call)
            except TRANSPORT_ERRORS as error:
                if not (connection.was_closed_while_idle(error) and call.may_resend()):
                    raise
                connection.close()
                connection = Connection()
                answer = _send(connection, url, token, body, call)
            response = Response(answer, connection, call)
            if answer.status_code != 200:
                raise failure_of(answer, response.error_body())
            yield response
            keep = (response.about_to_end or response.has_ended) and not call.cancelled
    finally:
        if keep:
            pool.put(connection)
        else:
            connection.close()


def _send(
    connection: Connection, url: str, token: str | None, body: dict[str, Any], call: Call
) -> requests.Response:
    return connection.post(
        url,
        call,
        json=body,
        auth=Bearer(token),
        headers={
            "Accept": "text/event-stream, application/json",
            "Accept-Encoding": "identity",
        },
    )
