"""A web server that is no chat, for what a client makes of it."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@contextmanager
def answering(status, body=b"", at=None, **headers):
    """Give the address of a server that answers everything alike, and what it was asked.

    ``at`` has other statuses, by path.
    """
    asked = []

    class Handler(BaseHTTPRequestHandler):
        def answer(self):
            asked.append((self.requestline, dict(self.headers)))
            self.send_response((at or {}).get(self.path, status))
            for name, value in headers.items():
                self.send_header(name.replace("_", "-"), value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = answer

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=[0.02], daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", asked
    finally:
        server.shutdown()
        server.server_close()
