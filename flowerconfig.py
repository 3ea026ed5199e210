"""Flower's settings. `celery -A tasks flower` reads this file, however it was started.

It decides whether Flower may start: whoever reaches Flower may stop workers. The names that this
file sets are Flower's options, so all others begin with an underscore.
"""

import os as _os
import socket as _socket
from ipaddress import ip_address as _ip_address

from celery import current_app as _current_app
from dotenv import dotenv_values as _dotenv_values
from tornado.options import options as _options

_VARIABLE = "FLOWER_BASIC_AUTH"


def _only_loopback() -> bool:
    """Whether only this machine can connect. A Unix socket usually has a proxy in front."""
    if _options.unix_socket or not _options.address:
        return False
    try:
        found = _socket.getaddrinfo(_options.address, None)
    except OSError:  # Flower names the cause when it binds
        return False
    return all(_ip_address(str(address[4][0])).is_loopback for address in found)


def _logins() -> list[str]:
    """Return each `user:password`, of the command line, the environment or `.env`."""
    given = _options.basic_auth
    if not given and _VARIABLE not in _os.environ:  # Flower itself does not read .env
        given = (_dotenv_values(".env").get(_VARIABLE) or "").split(",")
    return [login.strip() for login in given if login.strip()]


# Load celeryconfig.py now, which ends the process if a setting is bad. Our packages cannot be
# imported here: Celery has the project's folder in its path only while it imports the application.
_ = _current_app.conf.broker_url

# Flower would take an empty variable for a login without user and password.
basic_auth = _logins()

if not all(all(_login.partition(":")[::2]) for _login in basic_auth):
    raise SystemExit(
        f"{_VARIABLE}: must be USER:PASSWORD, or several of them with commas between them; a"
        " password cannot have a comma"
    )
if not basic_auth and not _only_loopback():
    raise SystemExit(
        f"{_VARIABLE}: must be USER:PASSWORD, since Flower would listen on"
        f" {_options.unix_socket or _options.address or 'all addresses'}; only with"
        " --address=127.0.0.1 may it start without"
    )
