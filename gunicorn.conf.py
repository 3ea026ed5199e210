"""How gunicorn serves the web process. It must not import what gevent has yet to patch."""

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

# A socket is a greenlet here, at some 40 KB, where a thread would be a stack.
worker_class = "web.server.gunicorn_worker.BoundedWorker"
worker_connections = 20_000
keepalive = 75
control_socket_disable = True  # the processes are watched, and told, by signals

# A dyno is killed 30 s after its SIGTERM, so that the sockets must be closed well before.
graceful_timeout = int(GRACEFUL_TIMEOUT)


_LONGEST = 500  # characters of what a client sent, in one line of the log
_TOKEN = re.compile(r"[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}")


def _mask(record):
    """Keep tokens out of what gunicorn says of requests that it cannot read."""
    record.msg, record.args = _TOKEN.sub("***", record.getMessage())[:_LONGEST], ()
    return True


class Logger(glogging.Logger):
    """Shows a path as it was sent, since line ends in it would forge lines, and no token."""

    def setup(self, cfg):
        super().setup(cfg)
        self.error_log.addFilter(_mask)

    def atoms(self, resp, req, environ, request_time):
        atoms = super().atoms(resp, req, environ, request_time)
        return {**atoms, "U": quote(atoms["U"] or "", encoding="latin-1")}


logger_class = Logger

# The query may hold a token, so it stays out of the log.
accesslog = "-"
access_log_format = '%(h)s "%(m)s %(U)s" %(s)s %(b)s %(M)sms'

# Each socket is a file: take as many as the system allows.
_soft, _hard = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (_hard, _hard))


def post_worker_init(worker):
    """Set up the log and the shutdown of a worker process, which has loaded the application."""
    from chat.message_log import set_message_log_level
    from web.server.drain import close_sockets_when_leaving

    # gunicorn's own loggers do not propagate, so this handler does not repeat their lines.
    logging.basicConfig(format=Logger.error_fmt, datefmt=Logger.datefmt)
    set_message_log_level(_settings.log_level)
    # gunicorn itself would wait until all WebSockets are closed.
    close_sockets_when_leaving(worker)
