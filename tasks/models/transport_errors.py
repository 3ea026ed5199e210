"""The exceptions of requests, urllib3 and sockets. None of them leaves `tasks.models`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPException

import requests
import urllib3

from tasks.models.call import Call
from tasks.models.failures import TransientError

TRANSPORT_ERRORS = (
    requests.RequestException,
    urllib3.exceptions.HTTPError,
    HTTPException,
    OSError,
)


@contextmanager
def translated_errors(call: Call) -> Iterator[None]:
    """Translate the exceptions of requests, urllib3 and sockets into ours."""
    try:
        yield
    except TRANSPORT_ERRORS as error:
        call.time_left()  # raises if a cancel or the deadline broke the connection
        raise TransientError(f"{type(error).__name__}: {_operating_system_error(error)}") from error


def _operating_system_error(error: BaseException) -> BaseException:
    """Return the innermost OSError that led to ``error``, or else ``error`` itself.

    The messages of requests and urllib3 may contain the URL, and with it a key.
    """
    innermost, next_error = error, error.__cause__ or error.__context__
    while next_error:
        if isinstance(next_error, OSError) and not isinstance(
            next_error, requests.RequestException
        ):
            innermost = next_error
        next_error = next_error.__cause__ or next_error.__context__
    return innermost
