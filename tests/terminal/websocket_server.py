"""A WebSocket server that sends the bytes that a test chooses."""

from __future__ import annotations

import base64
import hashlib
import socket
import threading
from contextlib import contextmanager, suppress

from terminal.handshake import SUBPROTOCOL

ACCEPT = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455, 1.3


def text_frame(text):
    """Return a text frame whose length is in the 16-bit form."""
    data = text.encode()
    return bytes([0x81, 126]) + len(data).to_bytes(2, "big") + data


@contextmanager
def websocket_server(serve):
    """Run a server; yield its URL and a list of the bodies of all frames that it has received.

    The server runs ``serve(connection, received)`` for each connection, and then closes it.
    """
    received = []
    listener = socket.create_server(("127.0.0.1", 0))

    def receive(connection):
        with suppress(OSError, ValueError):
            while head := connection.recv(2, socket.MSG_WAITALL):
                body = connection.recv(4 + (head[1] & 127), socket.MSG_WAITALL)
                received.append(bytes(c ^ body[n % 4] for n, c in enumerate(body[4:])))

    def upgrade(connection):
        request = b""
        while not request.endswith(b"\r\n\r\n"):
            request += connection.recv(4096)
        lines = request.split(b"\r\n")
        key = next(line.split()[1] for line in lines if line.startswith(b"Sec-WebSocket-Key"))
        accept = base64.b64encode(hashlib.sha1(key + ACCEPT).digest()).decode()  # noqa: S324
        head = (
            "HTTP/1.1 101 Switching Protocols",
            "Upgrade: websocket",
            "Connection: Upgrade",
            f"Sec-WebSocket-Accept: {accept}",
            f"Sec-WebSocket-Protocol: {SUBPROTOCOL}",
        )
        connection.sendall(("\r\n".join(head) + "\r\n\r\n").encode())

    def run():
        with suppress(OSError):
            while True:
                connection = listener.accept()[0]
                with connection, suppress(OSError):
                    upgrade(connection)
                    threading.Thread(target=receive, args=[connection], daemon=True).start()
                    serve(connection, received)
                    connection.shutdown(socket.SHUT_RDWR)

    threading.Thread(target=run, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}", received
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
