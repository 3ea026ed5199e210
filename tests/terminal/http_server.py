"""An HTTP server that is not the chat, for the client's error handling."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

TOKEN = "aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa"
SESSION_ENDED = b'{"detail": "Session expired or does not exist"}'  # the body of a 400


@contextmanager
def http_server(status, body=b"", at=None, **headers):
    """Run a server that answers every request alike; yield its URL and a list of its requests.

    ``at`` maps paths to other statuses. The list has the request line and the headers of each.
    """
    received = []

    class Handler(BaseHTTPRequestHandler):
        def answer(self):
            received.append((self.requestline, dict(self.headers)))
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
        yield f"http://127.0.0.1:{server.server_address[1]}", received
    finally:
        server.shutdown()
        server.server_close()
