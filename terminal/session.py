"""A session's beginning over HTTP, and the file that keeps its token if the person wants so."""

from __future__ import annotations

import os
import uuid
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import requests

from terminal.errors import Failed

ANSWER_WITHIN = 10.0  # seconds
_ANY_TOKEN_IS_SHORTER = 1024  # bytes


def check_url(url: str) -> str:
    """Return the chat's address as others may build on it.

    Raises:
        Failed: It is not an address of a web server.
    """
    try:
        parts = urlsplit(url.strip())
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise Failed(f"{url!r} is no address of a chat; one looks like http://127.0.0.1:3500.")
    return f"{parts.scheme}://{parts.netloc}{parts.path}".rstrip("/")


def begin(url: str, name: str) -> str:
    """Begin a session; return its token.

    Raises:
        Failed: There is no chat at ``url``, or it takes nobody in.
    """
    answer = _ask("POST", url, "/token", json={"name": name})
    body = _object(answer)
    if answer.status_code == 200 and _is_token(body.get("token")):
        return str(body["token"])
    if answer.status_code == 400 and isinstance(body.get("detail"), dict):
        raise Failed(f"The chat does not take this name: {body['detail'].get('msg')}.")
    if answer.status_code == 429:
        again = answer.headers.get("Retry-After", "some")
        raise Failed(f"Too many chats were begun from here; try again in {again} seconds.")
    raise Failed(f"What answers at {url} is no such chat (HTTP {answer.status_code}).")


def is_alive(url: str, token: str) -> bool:
    """Tell whether a session is still there.

    Raises:
        Failed: There is no chat at ``url`` that could say so.
    """

    def sign(request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {token}"  # .netrc would overrule a mere header
        return request

    return _ask("GET", url, "/refresh_token", auth=sign).status_code == 200


def _ask(method: str, url: str, path: str, **options: Any) -> requests.Response:
    try:
        # No redirection: it would make a GET of a POST, and show the token to another.
        answer = requests.request(
            method, url + path, timeout=ANSWER_WITHIN, allow_redirects=False, **options
        )
    except requests.exceptions.SSLError as error:
        raise Failed(f"The chat at {url} cannot be trusted: {error}.") from None
    except requests.Timeout:
        raise Failed(f"The chat at {url} does not answer.") from None
    except (requests.RequestException, ValueError):  # some addresses fail only when they are used
        raise Failed(f"Nothing answers at {url}. Is the chat running, and is it there?") from None
    if answer.is_redirect:
        raise Failed(f"The chat has moved to {answer.headers['Location']}; give that address.")
    if answer.status_code >= 500:
        raise Failed(f"The chat at {url} cannot take anybody in right now; try again in a moment.")
    return answer


def _object(answer: requests.Response) -> dict[str, Any]:
    try:
        body = answer.json()
    except ValueError:
        body = None
    return body if isinstance(body, dict) else {}


def _is_token(value: object) -> bool:
    try:
        return isinstance(value, str) and str(uuid.UUID(value)) == value
    except ValueError:
        return False


class TokenFile:
    """A file that only its owner can read, with the token of one chat."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def load(self) -> str | None:
        """Return the token that the file keeps, None if there is no file.

        Raises:
            Failed: It cannot be read, others can read it, or it holds something else.
        """
        try:
            with self._path.open("rb") as file:
                mode = os.fstat(file.fileno()).st_mode
                kept = file.read(_ANY_TOKEN_IS_SHORTER).decode(errors="replace").strip()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise Failed(f"{self._path} cannot be read: {error.strerror}.") from None
        if not _is_token(kept):
            raise Failed(f"{self._path} holds no chat's token; name another file.")
        if mode & 0o077:
            raise Failed(f"Others may read {self._path}; take that away: chmod 600 {self._path}")
        return kept

    def save(self, token: str) -> None:
        """Keep a token, in the place of an earlier one.

        Raises:
            Failed: The file cannot be written.
        """
        draft = self._path.with_name(f".{self._path.name}.{os.getpid()}")
        try:
            with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
                file.write(token + "\n")
            draft.replace(self._path)
        except OSError as error:
            with suppress(OSError):
                draft.unlink(missing_ok=True)
            raise Failed(f"{self._path} cannot be written: {error.strerror}.") from None
