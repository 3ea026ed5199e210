"""A client of one session that records when each part of a reply arrived."""

from __future__ import annotations

import asyncio
import json
import time
import uuid
from dataclasses import dataclass, field
from typing import Any

from bench.load.dialects import DIALECTS, Dialect, Torn
from bench.load.websocket_client import OPEN_WITHIN, WebSocketClient, connect
from bench.token_server import ask, reply

PATIENCE = 120.0  # seconds for a whole reply; a run in which one takes longer is broken
SOURCES = 8  # addresses of loopback: each has 28,000 ports to the same server


@dataclass
class Reply:
    """A received reply. Times are monotonic, in seconds."""

    words: int
    sent: float
    done: asyncio.Future[None]
    pieces: list[tuple[float, str]] = field(default_factory=list)
    ended: float = 0.0
    error: str = ""

    @property
    def whole(self) -> bool:
        text = "".join(text for _, text in self.pieces)
        return not self.error and text.strip() == reply(self.words)


class Conversation:
    """One WebSocket of one session."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self._replies: dict[str, Reply] = {}
        self._greeted = asyncio.Event()
        self.replies: list[Reply] = []

    @classmethod
    async def open(cls, port: int, dialect: str, token: str = "", number: int = 0) -> Conversation:
        """Open a WebSocket, the ``number``-th of many, and wait until it accepts messages."""
        this = cls(DIALECTS[dialect](token))
        this.socket = await connect(
            port,
            this._dialect.path,
            this._on_text,
            subprotocols=this._dialect.subprotocols,
            source=f"127.0.0.{1 + number % SOURCES}",
        )
        if not this._dialect.greeted:
            await asyncio.wait_for(this._greeted.wait(), OPEN_WITHIN)
        return this

    @property
    def acknowledged(self) -> int:
        return self._dialect.acknowledged

    def close(self) -> None:
        self.socket.close()

    def send(self, words: int, rate: float = 0) -> Reply:
        """Send a message; ``done`` of the returned reply is set at its end."""
        message_id = str(uuid.uuid4())
        done = asyncio.get_running_loop().create_future()
        asked = Reply(words, time.monotonic(), done)
        self._replies[message_id] = asked
        self.replies.append(asked)
        self.socket.send(self._dialect.ask(message_id, ask(words, rate)))
        return asked

    async def ask(self, words: int, rate: float = 0) -> Reply:
        """Send a message and wait for the end of its reply; `Reply.whole` is False if it failed."""
        asked = self.send(words, rate)
        await asyncio.wait(
            [asked.done, self.socket.closed],
            timeout=PATIENCE + words / (rate or 1000),
            return_when=asyncio.FIRST_COMPLETED,
        )
        return asked

    def _on_text(self, socket: WebSocketClient, payload: bytes, when: float) -> None:
        try:
            answer, pieces = self._dialect.read(payload)
        except Torn as error:
            for asked in self._replies.values():
                asked.error = str(error)
                _finish(asked)
            return
        if answer:
            socket.send(answer)
        if self._dialect.greeted and not self._greeted.is_set():
            self._greeted.set()
        for piece in pieces:
            asked = self._replies.get(piece.message_id)
            if asked is None:
                continue
            if piece.text:
                asked.pieces.append((when, piece.text))
            if piece.ended:
                asked.ended, asked.error = when, asked.error or piece.error
                del self._replies[piece.message_id]
                _finish(asked)


def _finish(asked: Reply) -> None:
    if not asked.done.done():
        asked.done.set_result(None)


async def tokens(port: int, dialect: str, count: int) -> list[str]:
    """Create sessions over HTTP; return their tokens, empty ones if the system has no sessions."""
    if not DIALECTS[dialect].has_sessions:
        return [""] * count
    left = iter(range(count))
    begun = await asyncio.gather(*(_begin(port, left) for _ in range(min(16, count))))
    return [token for some in begun for token in some]


async def _begin(port: int, left: Any) -> list[str]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    found = []
    try:
        for _ in left:
            writer.write(
                f"POST /token?name=bench HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n"
                "Content-Length: 0\r\n\r\n".encode()
            )
            head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
            length = int(head.partition("content-length:")[2].partition("\r\n")[0])
            body = await reader.readexactly(length)
            if " 200 " not in head.partition("\r\n")[0]:
                raise ConnectionError(f"no session: {body.decode()}")
            found.append(json.loads(body)["token"])
    finally:
        writer.close()
    return found
