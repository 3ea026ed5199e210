"""How fast and how many streams of tokens the adapters of `tasks.models` hand on, without the rest.

    python -m bench.models

A server in a process of its own writes tokens, 20 a second in each stream, and into each the moment
of its writing. The streams are read as a worker reads them, in a thread each: one, and then ever
more, until the adapters fall behind, that is, until one token in a hundred is handed on later than
50 ms. What it takes to do nothing but read the sockets stands beside it: the ratio is what to look
at. It takes some two minutes.
"""

from __future__ import annotations

import asyncio
import json
import socket
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from chat.settings import load_settings
from tasks.models import Call, Cancelled, Restart, Wait, model_for
from tasks.prompt import Line

ROOT = Path(__file__).parent.parent
A_SECOND = 20  # tokens of a stream
LATE = 0.05  # seconds
STEPS = (1, 100, 200, 250, 300, 400)  # streams; with more the server is what is late
LENGTH = 1.5  # seconds of a measurement, after all streams have begun

HEAD = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n"
    b"Connection: close\r\n\r\n"
)
EVENTS: dict[str, Callable[[str], dict[str, Any]]] = {
    "/": lambda text: {"index": 1, "token": {"id": 1, "text": text, "special": False}},
    "/v1/completions": lambda text: {"choices": [{"text": text, "finish_reason": None}]},
    "/v1/chat/completions": lambda text: {
        "choices": [{"delta": {"content": text}, "finish_reason": None}]
    },
}
NAMES = {
    "socket": "bare sockets",
    "/": "Hugging Face",
    "/v1/completions": "completions",
    "/v1/chat/completions": "chat",
}


class Figure(NamedTuple):
    """What a number of streams came to."""

    late: float  # seconds from a token's writing to its handing on that one in a hundred exceeds
    median: float  # seconds
    cpu: float  # the share of one core


# the server


async def _serve() -> None:
    server = await asyncio.start_server(_stream, "127.0.0.1", 0, backlog=1000)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


async def _stream(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    path = (await reader.readline()).split()[1].decode()
    event = EVENTS[path]
    writer.write(HEAD)
    turn = time.monotonic()
    try:
        while not writer.is_closing():
            data = f"data: {json.dumps(event(f' {time.monotonic_ns()}'))}\n\n".encode()
            writer.write(b"%x\r\n%s\r\n" % (len(data), data))
            turn += 1 / A_SECOND
            await asyncio.sleep(turn - time.monotonic())
    except OSError:
        pass
    finally:
        writer.close()


# the readers


class Readers:
    """So many streams, each read in a thread, and how late each of their tokens came."""

    def __init__(self, port: int, path: str, count: int) -> None:
        self._port, self._path = port, path
        self.began = threading.Semaphore(0)  # once for each stream
        self.tokens: list[list[tuple[int, int]]] = [[] for _ in range(count)]  # written, came
        self._calls = [Call(time.monotonic() + 600) for _ in range(count)]
        read = self._bare if path == "socket" else self._read
        self._threads = [
            threading.Thread(target=self._note, args=(read(call), tokens), daemon=True)
            for call, tokens in zip(self._calls, self.tokens, strict=True)
        ]
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        """Close all streams."""
        for call in self._calls:
            call.cancel()
        for thread in self._threads:
            thread.join()

    def _note(self, texts: Iterator[str], tokens: list[tuple[int, int]]) -> None:
        try:
            for text in texts:
                tokens.append((int(text), time.monotonic_ns()))
                if len(tokens) == 1:
                    self.began.release()
        except (Cancelled, ConnectionResetError):
            pass

    def _read(self, call: Call) -> Iterator[str]:
        url = f"http://127.0.0.1:{self._port}{self._path}"
        model = model_for(load_settings({"MODEL_URL": url}))
        for piece in model.answer([Line("human", "hello")], "", call):
            assert not isinstance(piece, Wait | Restart)
            yield piece

    def _bare(self, call: Call) -> Iterator[str]:
        with socket.create_connection(("127.0.0.1", self._port)) as client:
            call.hold(client)
            client.sendall(b"POST /v1/completions HTTP/1.1\r\n\r\n")
            while data := client.recv(65536):
                if b'text": "' in data:
                    yield data.partition(b'text": "')[2].partition(b'"')[0].decode()


def _measure(port: int, path: str, count: int) -> Figure:
    readers = Readers(port, path, count)
    try:
        for _ in range(count):
            assert readers.began.acquire(timeout=60)
        time.sleep(0.5)  # what their beginnings held up
        begun, cpu = time.monotonic_ns(), time.process_time()
        time.sleep(LENGTH)
        ended, cpu = time.monotonic_ns(), time.process_time() - cpu
    finally:
        readers.close()
    came = sorted(
        (there - written) / 1e9
        for tokens in readers.tokens
        for written, there in tokens
        if begun <= there < ended
    )
    wall = (ended - begun) / 1e9
    # Those that are overdue count with what they have waited so far.
    overdue = max(0, int(count * (A_SECOND * wall - 1)) - len(came))
    came += [wall] * overdue
    return Figure(came[int(len(came) * 0.99)], statistics.median(came), cpu / wall)


def main() -> None:
    """Measure all protocols and print the figures."""
    server = subprocess.Popen(
        [sys.executable, "-m", "bench.models", "serve"], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    try:
        assert server.stdout
        port = int(server.stdout.readline())
        bare: dict[int, Figure] = {}
        for path, name in NAMES.items():
            for count in STEPS:
                figure = _measure(port, path, count)
                if figure.late > LATE:  # it may have been another program's turn
                    figure = min(figure, _measure(port, path, count))
                base = bare.setdefault(count, figure)
                print(
                    f"{name}, {count} streams: {figure.median * 1000:.2f} ms"
                    f" ({figure.median / base.median:.1f} of the bare),"
                    f" one in a hundred over {figure.late * 1000:.1f} ms,"
                    f" {figure.cpu:.0%} of a core ({figure.cpu / base.cpu:.1f} of the bare)",
                    flush=True,
                )
                if figure.late > LATE and path != "socket" and count > 1:
                    break
    finally:
        server.terminate()
        server.wait()


if __name__ == "__main__":
    if sys.argv[1:] == ["serve"]:
        asyncio.run(_serve())
    else:
        main()
