"""gunicorn's settings for the web process.

gunicorn loads them before gevent patches the standard library: import nothing here that opens
sockets or starts threads.
"""

import logging
import re
import resource
from urllib.parse import quote

from gunicorn import glogging

from chat.settings import load_settings_or_exit
from chat.timing import GRACEFUL_TIMEOUT

_settings = load_settings_or_exit()

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

    def atoms(self, resp, req, environ, request_time):
        atoms = super().atoms(resp, req, environ, request_time)
        return {**atoms, "U": quote(atoms["U"] or "", encoding="latin-1")}


logger_class = Logger

# %(U)s is the path without the query, which may contain a token.
accesslog = "-"
access_log_format = '%(h)s "%(m)s %(U)s" %(s)s %(b)s %(M)sms'


def post_worker_init(worker):
    """Set up the log and the shutdown of a worker process, which has loaded the application."""
    from chat.message_log import set_message_log_level
    from web.server.shutdown import close_websockets_on_shutdown

    # gunicorn's own loggers do not propagate, so this handler does not repeat their lines.
    logging.basicConfig(format=Logger.error_fmt, datefmt=Logger.datefmt)
    set_message_log_level(_settings.log_level)
    # gunicorn itself would wait until all WebSockets are closed.
    close_websockets_on_shutdown(worker)
