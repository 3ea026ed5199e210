"""Requests to the chat over HTTP: create a session, and ask whether a session still exists."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import requests

from terminal.errors import Failed
from terminal.token_file import is_token

REQUEST_TIMEOUT = 10.0  # seconds

_SESSION_ENDED = "Session expired or does not exist"  # the contract's detail of a 400


def check_url(url: str) -> str:
    """Return the chat's address in a form to which paths can be appended.

    Raises:
        Failed: It is not an address of a web server.
    """
    try:
        parts = urlsplit(url.strip())
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise Failed(f"{url!r} is not the address of a chat. Example: http://127.0.0.1:3500")
    return f"{parts.scheme}://{parts.netloc}{parts.path}".rstrip("/")


def create_session(url: str, name: str) -> str:
    """Create a session; return its token.

    Raises:
        Failed: There is no chat at ``url``, or it does not create a session.
    """
    response = _request("POST", url, "/token", json={"name": name})
    body = _json_object(response)
    if response.status_code == 200 and is_token(body.get("token")):
        return str(body["token"])
    if response.status_code == 400 and isinstance(body.get("detail"), dict):
        raise Failed(f"The chat does not accept this name: {body['detail'].get('msg')}.")
    if response.status_code == 429:
        seconds = response.headers.get("Retry-After", "some")
        raise Failed(f"Too many chats were started from here. Try again in {seconds} seconds.")
    raise Failed(f"The server at {url} is not this chat (HTTP {response.status_code}).")


def is_alive(url: str, token: str) -> bool:
    """Whether a session still exists.

    Raises:
        Failed: There is no chat at ``url``, or its answer does not say whether the session exists.
    """

    def add_token(request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {token}"  # .netrc overrides ``headers=``
        return request

    response = _request("GET", url, "/refresh_token", auth=add_token)
    if response.status_code == 200:
        return True
    if response.status_code == 400 and _json_object(response).get("detail") == _SESSION_ENDED:
        return False
    raise Failed(
        f"The server at {url} does not say whether this chat still exists "
        f"(HTTP {response.status_code})."
    )


def _request(method: str, url: str, path: str, **options: Any) -> requests.Response:
    try:
        # A redirect would turn a POST into a GET, and send the token to another server.
        response = requests.request(
            method, url + path, timeout=REQUEST_TIMEOUT, allow_redirects=False, **options
        )
    except requests.exceptions.SSLError as error:
        raise Failed(f"The secure connection to {url} failed: {error}.") from None
    except requests.Timeout:
        raise Failed(f"The chat at {url} does not answer.") from None
    except (requests.RequestException, ValueError):  # ValueError: `http://a..b`, in requests 2.x
        raise Failed(f"Nothing answers at {url}. Is the chat running?") from None
    if response.is_redirect:
        raise Failed(f"The chat has moved to {response.headers['Location']}. Use that address.")
    if response.status_code >= 500:
        raise Failed(f"The chat at {url} is not available right now. Try again in a moment.")
    return response


def _json_object(response: requests.Response) -> dict[str, Any]:
    try:
        body = response.json()
    except ValueError:
        body = None
    return body if isinstance(body, dict) else {}
