"""A stand-in for a model's server that uses little CPU. One asyncio process.

    python -m bench.token_server PORT

`POST /v1/completions` and `POST /v1/chat/completions` speak OpenAI's protocol, streamed or whole,
over connections that are kept alive. The last directive in a request sets the length and the rate
of the reply: `ask(200, 20)` is 200 words at 20 a second, rate 0 is all of them at once.
The reply is `reply(words)`. `GET /stats` returns how late words were sent since the last such
request, in milliseconds: a late stand-in would slow every system.
"""

from __future__ import annotations

import asyncio
import gc
import json
import re
import sys
from functools import cache
from typing import Any

DEFAULT_WORDS = 8
_DIRECTIVE = re.compile(rb"\[\[words=(\d+) rate=([\d.]+)\]\]")
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_STREAMED = re.compile(rb'"stream": *true')
_STREAM_HEAD = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
)


def ask(words: int = DEFAULT_WORDS, rate: float = 0) -> str:
    """Return a message whose reply has ``words`` words, ``rate`` of them a second."""
    return f"[[words={words} rate={rate:g}]] hello"


def reply(words: int) -> str:
    """Return the whole reply of ``words`` words."""
    return " ".join(f"w{number}" for number in range(words))


def _chunk(data: str) -> bytes:
    event = f"data: {data}\n\n".encode()
    return b"%x\r\n%s\r\n" % (len(event), event)


def _choice(chat: bool, text: str, finish: str | None) -> dict[str, Any]:
    content: dict[str, Any] = {"delta": {"content": text}} if chat else {"text": text}
    return {"choices": [{"index": 0, **content, "finish_reason": finish}]}


@cache
def _chunks(chat: bool, words: int) -> list[bytes]:
    """Return one chunk a word, and one more that ends the stream."""
    texts = [f" w{number}" for number in range(words)]
    chunks = [_chunk(json.dumps(_choice(chat, text, None))) for text in texts]
    end = _chunk(json.dumps(_choice(chat, "", "stop"))) + _chunk("[DONE]") + b"0\r\n\r\n"
    return [*chunks, end]


class TokenServer(asyncio.Protocol):
    """One connection of a client."""

    late: list[float] = []  # seconds; of all connections  # noqa: RUF012

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: Any = transport
        self._received = b""
        self._timer: asyncio.TimerHandle | None = None

    def connection_lost(self, error: Exception | None) -> None:
        if self._timer:
            self._timer.cancel()

    def data_received(self, data: bytes) -> None:
        self._received += data
        while b"\r\n\r\n" in self._received:
            head, _, rest = self._received.partition(b"\r\n\r\n")
            found = _LENGTH.search(head)
            length = int(found[1]) if found else 0
            if len(rest) < length:
                return
            self._received = rest[length:]
            self._answer(head.split(b" ", 2)[1], rest[:length])

    def _answer(self, path: bytes, body: bytes) -> None:
        if path == b"/stats":
            late = sorted(self.late)
            self.late.clear()
            p99 = late[int(len(late) * 0.99)] if late else 0.0
            return self._json({"words": len(late), "late_p99_ms": p99 * 1000})
        if not body:
            return self._json({"object": "list", "data": [{"id": "bench"}]})
        directives = _DIRECTIVE.findall(body)
        words, rate = directives[-1] if directives else (DEFAULT_WORDS, 0)
        words, rate = int(words), float(rate)
        chat = b"/chat/" in path
        if not _STREAMED.search(body):
            text = reply(words)
            message = {"message": {"role": "assistant", "content": text}}
            content: dict[str, Any] = message if chat else {"text": text}
            return self._json({"choices": [{"index": 0, **content, "finish_reason": "stop"}]})
        chunks = _chunks(chat, words)
        if not rate:
            return self._transport.write(_STREAM_HEAD + b"".join(chunks))
        self._transport.write(_STREAM_HEAD)
        return self._send(chunks, 0, asyncio.get_running_loop().time(), 1 / rate)

    def _send(self, chunks: list[bytes], number: int, due: float, every: float) -> None:
        """Send chunk ``number``, and the next when it is due: delays do not add up."""
        loop = asyncio.get_running_loop()
        self.late.append(loop.time() - due)
        if number == len(chunks) - 2:  # the last word and the end
            self._timer = None
            self._transport.write(chunks[-2] + chunks[-1])
            return
        self._transport.write(chunks[number])
        due += every
        self._timer = loop.call_at(due, self._send, chunks, number + 1, due, every)

    def _json(self, body: dict[str, Any]) -> None:
        data = json.dumps(body).encode()
        head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
        self._transport.write(head % len(data) + data)


async def serve(port: int) -> None:
    """Serve until killed."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(TokenServer, "127.0.0.1", port, backlog=4096)
    gc.freeze()
    await server.serve_forever()


if __name__ == "__main__":
    try:
        from uvloop import run
    except ImportError:
        from asyncio import run
    run(serve(int(sys.argv[1])))
