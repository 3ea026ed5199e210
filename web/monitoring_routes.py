"""The HTTP routes for whoever watches the process: health, readiness and metrics."""

from __future__ import annotations

import hmac
import ipaddress
from collections.abc import Callable
from urllib.parse import urlsplit

from flask import Blueprint, Request, Response, abort, jsonify, request
from prometheus_client import CONTENT_TYPE_LATEST

from web.readiness import EXPLANATIONS, REDIS
from web.recent_result import RecentResult

# A check runs once in this time at most, however often somebody asks.
MAX_AGE = 1.0  # seconds
# For a check; longer than its client waits for Redis in the usual case.
CHECK_TIMEOUT = 2.5  # seconds

# A proxy adds one of these, unless its operator has made it quiet.
_PROXY_HEADERS = ("Forwarded", "Via", "X-Real-Ip", "X-Forwarded-For", "X-Forwarded-Host")
_LOCAL_NAMES = ("localhost", "127.0.0.1", "::1")


def monitoring_blueprint(
    missing_parts: Callable[[], list[str]],
    page: Callable[[], bytes],
    own_page: Callable[[], bytes],
    *,
    metrics_token: str | None,
) -> Blueprint:
    """Return the routes.

    ``missing_parts`` and ``page`` ask Redis. ``own_page`` does not: it is sent while Redis hangs.
    """
    routes = Blueprint("monitoring", __name__)
    readiness = RecentResult(missing_parts, max_age=MAX_AGE, timeout=CHECK_TIMEOUT)
    metrics = RecentResult(page, max_age=MAX_AGE, timeout=CHECK_TIMEOUT)

    @routes.get("/healthz")
    def healthz() -> Response:
        return jsonify(status="alive")

    @routes.get("/readyz")
    def readyz() -> tuple[Response, int, dict[str, str]]:
        missing = readiness.get()
        if missing is None:  # Redis hangs
            missing = [REDIS]
        uncached = {"Cache-Control": "no-store"}
        if not missing:
            return jsonify(status="ready"), 200, uncached
        detail = " ".join(EXPLANATIONS[part] for part in missing)
        return jsonify(detail=detail, missing=missing), 503, {**uncached, "Retry-After": "1"}

    @routes.get("/metrics")
    def show_metrics() -> Response:
        if metrics_token:
            _require_token(metrics_token)
        elif not _is_local(request):
            abort(403, "Set METRICS_TOKEN to read metrics from another machine.")
        body = metrics.get() or own_page()
        return Response(body, content_type=CONTENT_TYPE_LATEST)

    return routes


def _require_token(token: str) -> None:
    scheme, _, given = request.headers.get("Authorization", "").partition(" ")
    matches = hmac.compare_digest(given.strip().encode(), token.encode())
    if scheme.lower() != "bearer" or not matches:
        response = jsonify(detail="Send METRICS_TOKEN as a bearer token.")
        response.status_code = 401
        response.headers["WWW-Authenticate"] = "Bearer"
        abort(response)


def _is_local(request: Request) -> bool:
    """Whether a request comes from this machine, and not through a proxy on it."""
    try:
        loopback = ipaddress.ip_address(request.remote_addr or "").is_loopback
        host = urlsplit(f"//{request.headers.get('Host', '')}").hostname
    except ValueError:
        return False
    proxied = any(name in request.headers for name in _PROXY_HEADERS)
    return loopback and not proxied and host in _LOCAL_NAMES
