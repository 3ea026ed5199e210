"""gunicorn's settings for the web process.

gunicorn loads them before gevent patches the standard library: import nothing here that opens
sockets or starts threads.
"""

import logging
import re
import resource
from urllib.parse import quote

from gunicorn import glogging

from chat.log_context import Event
from chat.log_format import write_json_lines, writes_json
from chat.settings import load_settings_or_exit
from chat.timing import GRACEFUL_TIMEOUT

_settings = load_settings_or_exit()
_json = writes_json(_settings)

wsgi_app = "web:create_app()"
bind = f"0.0.0.0:{_settings.port}"
workers = _settings.web_concurrency
reload = _settings.app_env == "development"

# Each socket is an open file, so raise the limit as far as the system allows.
_soft, _hard = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (_hard, _hard))
_OTHER_FILES = 100  # connections to Redis, logs, the page's files
_MAX_CONNECTIONS = 20_000

# A WebSocket costs a greenlet, some 17 KB with all its state. A thread would cost a stack.
worker_class = "web.server.gunicorn_worker.BoundedWorker"
worker_connections = _MAX_CONNECTIONS
if _hard != resource.RLIM_INFINITY:  # further clients wait until a connection ends
    worker_connections = min(_MAX_CONNECTIONS, _hard - _OTHER_FILES)
keepalive = 75
control_socket_disable = True  # signals are enough to control the processes

# The WebSockets are closed within this time; Heroku kills the dyno later (chat/timing.py).
graceful_timeout = int(GRACEFUL_TIMEOUT)


_MAX_LOG_LINE = 500  # characters; a line may contain what a client sent
_TOKEN = re.compile(r"[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}")


def _mask(record):
    """Mask tokens in what gunicorn logs of requests that it cannot read."""
    record.msg, record.args = _TOKEN.sub("***", record.getMessage())[:_MAX_LOG_LINE], ()
    return True


class Logger(glogging.Logger):
    """Logs no tokens, and paths as they were sent: a decoded line end would forge a log line."""

    def setup(self, cfg):
        super().setup(cfg)
        self.error_log.addFilter(_mask)
        if _json:
            write_json_lines(self.error_log)
            write_json_lines(self.access_log)

    def atoms(self, resp, req, environ, request_time):
        atoms = super().atoms(resp, req, environ, request_time)
        return {**atoms, "U": quote(atoms["U"] or "", encoding="latin-1")}

    def access(self, resp, req, environ, request_time):
        # Whoever watches the process asks every few seconds, and only a refusal is news.
        if environ.get("PATH_INFO") in _PROBES and resp.status.startswith("200"):
            return
        if not _json:
            super().access(resp, req, environ, request_time)
            return
        atoms = self.atoms(resp, req, environ, request_time)
        fields = {name: atoms[atom] for name, atom in _ACCESS_FIELDS.items()}
        fields["status"] = resp.status_code
        self.access_log.info(Event({"event": "request", **fields}))


logger_class = Logger

# %(U)s is the path without the query, which may contain a token.
accesslog = "-"
_ACCESS_FIELDS = {
    "client": "h",
    "method": "m",
    "path": "U",
    "bytes": "B",
    "ms": "M",
}
_PROBES = ("/healthz", "/readyz", "/metrics")
access_log_format = '%(h)s "%(m)s %(U)s" %(s)s %(b)s %(M)sms'


def post_worker_init(worker):
    """Set up the log and the shutdown of a worker process, which has loaded the application."""
    from chat.message_log import set_up_message_log
    from web.server.shutdown import close_websockets_on_shutdown

    # gunicorn's own loggers do not propagate, so this handler does not repeat their lines.
    logging.basicConfig(format=Logger.error_fmt, datefmt=Logger.datefmt)
    if _json:
        write_json_lines(logging.getLogger())
    set_up_message_log(_settings.log_level, with_text=_settings.log_message_text)
    worker.wsgi.extensions["metrics"].start()
    # gunicorn itself would wait until all WebSockets are closed.
    close_websockets_on_shutdown(worker)


def worker_exit(server, worker):
    """Publish what a worker process has counted last."""
    if getattr(worker, "wsgi", None):  # else it has not loaded the application
        worker.wsgi.extensions["metrics"].stop()
