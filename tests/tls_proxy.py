"""A door with TLS before a server that has none."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import threading
from collections.abc import Iterator

from tests.processes import free_port


@contextlib.contextmanager
def tls_proxy(port: int, context: ssl.SSLContext) -> Iterator[int]:
    """Give a port on loopback that speaks TLS and passes all on to ``port``."""
    door = free_port()
    loop = asyncio.new_event_loop()

    async def pipe(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await source.read(65536):
                sink.write(data)
                await sink.drain()
        sink.close()

    async def let_in(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        inside = await asyncio.open_connection("127.0.0.1", port)
        await asyncio.gather(pipe(reader, inside[1]), pipe(inside[0], writer))

    server = loop.run_until_complete(asyncio.start_server(let_in, "127.0.0.1", door, ssl=context))
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield door
    finally:
        server.close()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
