"""A TLS proxy for a server that has no TLS."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import threading
from collections.abc import Iterator

from tests.processes import free_port


@contextlib.contextmanager
def tls_proxy(port: int, context: ssl.SSLContext) -> Iterator[int]:
    """Give a port on loopback that terminates TLS and forwards to ``port``."""
    public = free_port()
    loop = asyncio.new_event_loop()

    async def forward(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await source.read(65536):
                sink.write(data)
                await sink.drain()
        sink.close()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        upstream = await asyncio.open_connection("127.0.0.1", port)
        await asyncio.gather(forward(reader, upstream[1]), forward(upstream[0], writer))

    server = loop.run_until_complete(asyncio.start_server(handle, "127.0.0.1", public, ssl=context))
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield public
    finally:
        server.close()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
