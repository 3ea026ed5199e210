"""Ports on loopback: which are free, and whether a server answers there."""

from __future__ import annotations

import errno
import socket

import requests

from local.errors import CannotStart

LOOPBACK = "127.0.0.1"


def port_from(name: str, value: str) -> int:
    """Return the port in ``value``, the value of the variable ``name``.

    Raises:
        CannotStart: The value is not a port.
    """
    if not value.isascii() or not value.isdigit() or not 1 <= int(value) <= 65535:
        raise CannotStart(f"{name} must be a port, a number from 1 to 65535, and not {value!r}.")
    return int(value)


def require_free(name: str, port: int) -> None:
    """Check that a server can listen on ``port``.

    Raises:
        CannotStart: It cannot. The message names the variable ``name``, which chooses another port.
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
    """Return ``preferred`` if it is free, else any free port."""
    try:
        return _listen_once(preferred)
    except OSError:
        return _listen_once(0)


def answers(url: str) -> bool:
    """Whether a local server answers ``url`` with a success status."""
    with requests.Session() as session:
        session.trust_env = False  # use no proxy for loopback
        try:
            return session.get(url, timeout=1.0).ok
        except requests.RequestException:
            return False


def _listen_once(port: int) -> int:
    with socket.socket() as probe:
        # Servers set it too: connections in TIME_WAIT then do not block the port.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind((LOOPBACK, port))
        probe.listen()
        chosen: int = probe.getsockname()[1]
        return chosen
