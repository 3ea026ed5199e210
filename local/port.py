"""Ports on loopback, and what listens there."""

from __future__ import annotations

import errno
import socket

import requests

from local.errors import CannotStart

LOOPBACK = "127.0.0.1"


def port_from(name: str, value: str) -> int:
    """Return the port that the variable ``name`` gives.

    Raises:
        CannotStart: It is not a port.
    """
    if not value.isascii() or not value.isdigit() or not 1 <= int(value) <= 65535:
        raise CannotStart(f"{name} must be a port, a number from 1 to 65535, and not {value!r}.")
    return int(value)


def require_free(name: str, port: int) -> None:
    """Do nothing if ``port`` can be listened on.

    Raises:
        CannotStart: It cannot; the sentence names the variable ``name`` that chooses another.
    """
    try:
        _listen_once(port)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            why = f"Port {port} is in use: stop what listens there"
        else:
            why = f"Port {port} cannot be listened on ({error.strerror}): allow it"
        raise CannotStart(f"{why}, or choose another port with {name}.") from None


def free_port(preferred: int = 0) -> int:
    """Return ``preferred`` if it is free, else a port that is."""
    try:
        return _listen_once(preferred)
    except OSError:
        return _listen_once(0)


def answers(url: str) -> bool:
    """Tell whether a server of ours serves ``url``."""
    with requests.Session() as session:
        session.trust_env = False  # no proxy on the way to ourselves
        try:
            return session.get(url, timeout=1.0).ok
        except requests.RequestException:
            return False


def _listen_once(port: int) -> int:
    with socket.socket() as probe:
        # As servers do it: connections that are still fading away do not count.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind((LOOPBACK, port))
        probe.listen()
        chosen: int = probe.getsockname()[1]
        return chosen
