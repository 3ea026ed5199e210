"""What identifies us to a model's server."""

from __future__ import annotations

import base64
from collections.abc import Mapping

import requests

_SHORTEST_SECRET = 6  # characters; shorter values, such as a version, stand in other words


class Credentials(requests.auth.AuthBase):
    """Adds a token and further headers to a request, but never a password from ``.netrc``."""

    def __init__(self, token: str | None, headers: Mapping[str, str], url: str = "") -> None:
        """``url`` may have a user and a password, which take the place of the token.

        One of ``headers`` may be another ``Authorization``, which takes the place of both.
        """
        authorization = {"Authorization": f"Bearer {token}"} if token else {}
        user, password = requests.utils.get_auth_from_url(url)
        if user or password:
            encoded = base64.b64encode(f"{user}:{password}".encode()).decode()
            authorization = {"Authorization": f"Basic {encoded}"}
        if any(name.lower() == "authorization" for name in headers):
            authorization = {}
        self._headers = authorization | dict(headers)
        self._secrets = [
            secret
            for secret in (token or "", password, *headers.values())
            if len(secret) >= _SHORTEST_SECRET
        ]

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers.update(self._headers)
        return request

    def redacted(self, text: str) -> str:
        """Return a text of the server without our secrets. Some servers repeat a wrong key."""
        for secret in self._secrets:
            text = text.replace(secret, "***")
        return text
