"""HTTP responses for errors: always JSON, never a traceback."""

from __future__ import annotations

import logging
import math

from flask import Flask, Response, jsonify
from werkzeug.exceptions import HTTPException

from chat.errors import RedisUnavailable
from web.log_throttle import LogThrottle

log = logging.getLogger(__name__)
_busy_log = log.getChild("busy")
_busy_log.addFilter(LogThrottle())  # an outage refuses every request


def answer_in_json(app: Flask) -> None:
    """Make ``app`` respond to each error with ``{"detail": …}``."""

    @app.errorhandler(HTTPException)
    def refused(error: HTTPException) -> Response:
        response = jsonify(detail=error.description)
        response.status_code = error.code or 500
        for name, value in error.get_headers():
            if name.lower() not in ("content-type", "content-length"):
                response.headers[name] = value
        return response

    @app.errorhandler(RedisUnavailable)
    def busy(error: RedisUnavailable) -> tuple[Response, int, dict[str, str]]:
        _busy_log.warning("%s", error)
        headers = {"Retry-After": str(math.ceil(error.retry_after or 1))}
        return jsonify(detail="The chat is out of reach right now. Try again."), 503, headers

    @app.errorhandler(Exception)
    def failed(_: Exception) -> tuple[Response, int]:
        log.exception("a request failed with an unexpected error")
        return jsonify(detail="Something went wrong on our side."), 500
