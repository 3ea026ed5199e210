"""A WebSocket server that sends what a test wants, byte by byte."""

from __future__ import annotations

import base64
import hashlib
import socket
import threading
from contextlib import contextmanager, suppress

from terminal.websocket_client import EVENTS

ACCEPT = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455, 1.3


def frame(text):
    """Return a text frame of 126 bytes or more, or of fewer in the longer form."""
    data = text.encode()
    return bytes([0x81, 126]) + len(data).to_bytes(2, "big") + data


@contextmanager
def raw_server(serve):
    """Give the address of a server, and the bodies of all frames that it has heard.

    It runs ``serve(connection, heard)`` for each connection, and closes it then.
    """
    heard = []
    listener = socket.create_server(("127.0.0.1", 0))

    def hear(connection):
        with suppress(OSError, ValueError):
            while head := connection.recv(2, socket.MSG_WAITALL):
                body = connection.recv(4 + (head[1] & 127), socket.MSG_WAITALL)
                heard.append(bytes(c ^ body[n % 4] for n, c in enumerate(body[4:])))

    def upgrade(connection):
        asked = b""
        while not asked.endswith(b"\r\n\r\n"):
            asked += connection.recv(4096)
        key = next(x.split()[1] for x in asked.split(b"\r\n") if x.startswith(b"Sec-WebSocket-Key"))
        accept = base64.b64encode(hashlib.sha1(key + ACCEPT).digest()).decode()  # noqa: S324
        head = (
            "HTTP/1.1 101 Switching Protocols",
            "Upgrade: websocket",
            "Connection: Upgrade",
            f"Sec-WebSocket-Accept: {accept}",
            f"Sec-WebSocket-Protocol: {EVENTS}",
        )
        connection.sendall(("\r\n".join(head) + "\r\n\r\n").encode())

    def run():
        with suppress(OSError):
            while True:
                connection = listener.accept()[0]
                with connection, suppress(OSError):
                    upgrade(connection)
                    threading.Thread(target=hear, args=[connection], daemon=True).start()
                    serve(connection, heard)
                    connection.shutdown(socket.SHUT_RDWR)

    threading.Thread(target=run, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}", heard
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
