"""How many token streams the adapters of `tasks.models` can read, and with which delay.

    python -m bench.models

A server in a process of its own writes 20 tokens a second into each stream. Each token is the time
at which it was written. The streams are read as a worker reads them, each in a thread. The number
of streams grows until the adapters are too slow: until one token in a hundred arrives more than
50 ms late. The same is measured with bare sockets, without the adapters. The ratio of the two is
the figure that matters. Then a server answers at once, and one reply follows another: how much
processor time and how many connections a reply costs. A run takes about two minutes.
"""

from __future__ import annotations

import asyncio
import json
import re
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
from tasks.models import Call, Cancelled, model_for
from tasks.prompt import PromptMessage

ROOT = Path(__file__).parent.parent
TOKENS_PER_SECOND = 20  # in each stream
MAX_DELAY = 0.05  # seconds
STREAMS = (1, 100, 200, 250, 300, 400)  # with more, the server is too slow itself
REPLIES = 300  # one after the other
DURATION = 1.5  # seconds of a measurement, after all streams have begun

KEPT_HEAD = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
)
HEAD = KEPT_HEAD.removesuffix(b"\r\n") + b"Connection: close\r\n\r\n"
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
    """The delay of tokens, from writing to reading, and the processor time for some streams."""

    p99: float  # seconds; one token in a hundred is later
    median: float  # seconds
    cpu: float  # the share of one core


# the server


async def _serve() -> None:
    server = await asyncio.start_server(_stream, "127.0.0.1", 0, backlog=1000)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


async def _stream(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    path = (await reader.readline()).split()[1].decode()
    if path == "/instant/v1/completions":
        await _answer_at_once(reader, writer)
        return
    event = EVENTS[path]
    writer.write(HEAD)
    write_at = time.monotonic()
    try:
        while not writer.is_closing():
            data = f"data: {json.dumps(event(f' {time.monotonic_ns()}'))}\n\n".encode()
            writer.write(b"%x\r\n%s\r\n" % (len(data), data))
            write_at += 1 / TOKENS_PER_SECOND
            await asyncio.sleep(write_at - time.monotonic())
    except OSError:
        pass
    finally:
        writer.close()


async def _answer_at_once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer each request of a connection with the number of requests that it has served."""
    number = 0
    try:
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            length = re.search(rb"content-length: *(\d+)", head, re.IGNORECASE)
            assert length
            await reader.readexactly(int(length[1]))
            number += 1
            event = EVENTS["/v1/completions"](f"{number}")
            data = f"data: {json.dumps(event)}\n\ndata: [DONE]\n\n".encode()
            writer.write(KEPT_HEAD + b"%x\r\n%s\r\n0\r\n\r\n" % (len(data), data))
    except (OSError, asyncio.IncompleteReadError):
        pass
    finally:
        writer.close()


# the readers


class Readers:
    """Reads ``count`` streams, each in a thread, and notes when each token arrives."""

    def __init__(self, port: int, path: str, count: int) -> None:
        self._port, self._path = port, path
        self.began = threading.Semaphore(0)  # released once for each stream
        # When each token was written and when it arrived, in nanoseconds.
        self.tokens: list[list[tuple[int, int]]] = [[] for _ in range(count)]
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
        for item in model.answer([PromptMessage("human", "hello")], "", call):
            assert isinstance(item, str)  # the stream never ends
            yield item

    def _bare(self, call: Call) -> Iterator[str]:
        with socket.create_connection(("127.0.0.1", self._port)) as client:
            call.shut_down_on_cancel(client)
            client.sendall(b"POST /v1/completions HTTP/1.1\r\n\r\n")
            while data := client.recv(65536):
                if b'text": "' in data:
                    yield data.partition(b'text": "')[2].partition(b'"')[0].decode()


def _measure(port: int, path: str, count: int) -> Figure:
    readers = Readers(port, path, count)
    try:
        for _ in range(count):
            assert readers.began.acquire(timeout=60)
        time.sleep(0.5)  # until the tokens that were delayed at the beginning have arrived
        begin, cpu = time.monotonic_ns(), time.process_time()
        time.sleep(DURATION)
        end, cpu = time.monotonic_ns(), time.process_time() - cpu
    finally:
        readers.close()
    delays = sorted(
        (arrived - written) / 1e9
        for tokens in readers.tokens
        for written, arrived in tokens
        if begin <= arrived < end
    )
    wall = (end - begin) / 1e9
    # A token that has not arrived counts as late by the whole measurement.
    overdue = max(0, int(count * (TOKENS_PER_SECOND * wall - 1)) - len(delays))
    delays += [wall] * overdue
    return Figure(delays[int(len(delays) * 0.99)], statistics.median(delays), cpu / wall)


def _measure_replies(port: int) -> str:
    """Ask for one reply after the other, as one thread of a worker does."""
    model = model_for(
        load_settings({"MODEL_URL": f"http://127.0.0.1:{port}/instant/v1/completions"})
    )
    numbers: list[str] = []
    times: list[float] = []
    cpu = time.thread_time()
    for _ in range(REPLIES):
        begin = time.monotonic()
        call = Call(begin + 60)
        items = model.answer([PromptMessage("human", "hello")], "", call)
        numbers += [item for item in items if isinstance(item, str)]
        times.append(time.monotonic() - begin)
    cpu = time.thread_time() - cpu
    return (
        f"{REPLIES} replies, one after the other: {statistics.median(times) * 1000:.2f} ms each,"
        f" {cpu / REPLIES * 1e6:.0f} us of the processor each, {numbers.count('1')} connections"
    )


def main() -> None:
    """Measure all protocols and print the figures."""
    server = subprocess.Popen(
        [sys.executable, "-m", "bench.models", "serve"], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    try:
        assert server.stdout
        port = int(server.stdout.readline())
        print(_measure_replies(port), flush=True)
        bare: dict[int, Figure] = {}  # by number of streams
        for path, name in NAMES.items():
            for count in STREAMS:
                figure = _measure(port, path, count)
                if figure.p99 > MAX_DELAY:  # another program may have used the processor
                    figure = min(figure, _measure(port, path, count))
                base = bare.setdefault(count, figure)
                print(
                    f"{name}, {count} streams: {figure.median * 1000:.2f} ms"
                    f" ({figure.median / base.median:.1f} of the bare),"
                    f" one in a hundred over {figure.p99 * 1000:.1f} ms,"
                    f" {figure.cpu:.0%} of a core ({figure.cpu / base.cpu:.1f} of the bare),"
                    f" {figure.cpu / (count * TOKENS_PER_SECOND) * 1e6:.0f} us a token",
                    flush=True,
                )
                if figure.p99 > MAX_DELAY and path != "socket" and count > 1:
                    break
    finally:
        server.terminate()
        server.wait()


if __name__ == "__main__":
    if sys.argv[1:] == ["serve"]:
        asyncio.run(_serve())
    else:
        main()
