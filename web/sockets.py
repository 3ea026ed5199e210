"""The WebSocket `/chat`: who may open one, and what becomes of what it sends."""

from __future__ import annotations

import logging
from collections.abc import Collection
from functools import partial

from flask import Blueprint, abort, g, request

from chat.errors import Busy, SessionGone
from chat.mailbox import Mailbox
from chat.store import Store
from web.connection import Connection
from web.events import SUBPROTOCOL, Events
from web.handshake import explain_refusals
from web.inbox import Inbox, Step
from web.link import Link
from web.origin import host_of, is_welcome
from web.plain import Plain
from web.refresher import Refresher
from web.relay import Relay
from web.ringer import Ringer
from web.sessions import given_token
from web.sock import Sock
from web.worker_watch import WorkerWatch

log = logging.getLogger(__name__)

_PATH = "/chat"
_BEARER = "bearer."


def _offered() -> list[str]:
    header = request.headers.get("Sec-WebSocket-Protocol", "")
    return [name.strip() for name in header.split(",") if name.strip()]


def _token() -> str:
    bearers = [name.removeprefix(_BEARER) for name in _offered() if name.startswith(_BEARER)]
    return given_token() or (bearers[0] if bearers else "")


def choose_subprotocol(offered: Collection[str]) -> str | None:
    """Return the subprotocol to select: browsers fail a handshake that selects none of theirs."""
    if SUBPROTOCOL in offered:
        return SUBPROTOCOL
    return next((name for name in offered if name.startswith(_BEARER)), None)


def _is_plain() -> bool:
    return choose_subprotocol(_offered()) != SUBPROTOCOL


def sockets(
    store: Store,
    mailbox: Mailbox,
    relay: Relay,
    refresher: Refresher,
    ringer: Ringer,
    watch: WorkerWatch,
    *,
    longest: int,
    allowed_origins: Collection[str],
) -> Blueprint:
    """Return the route of the WebSocket."""
    routes = Blueprint("sockets", __name__)
    explain_refusals(routes, _PATH, allowed_origins, _token)

    @routes.before_request
    def admit() -> None:
        """Refuse before the upgrade: flask-sock accepts before the handler runs."""
        origin = request.headers.get("Origin")
        if not is_welcome(origin, host_of(request), allowed_origins):
            abort(403, "This page may not open a chat here.")
        try:
            if _is_plain():
                g.session = store.history(_token())
            elif not store.exists(_token()):
                raise SessionGone
        except SessionGone:
            abort(403, "No such session. Begin one with POST /token.")

    @Sock().route(_PATH, routes, choose_subprotocol=choose_subprotocol)
    def chat(link: Link) -> None:
        connection: Connection
        shared = (link, _token(), refresher.refresh, mailbox, ringer, longest)
        if link.subprotocol == SUBPROTOCOL:
            connection = Events(*shared, watch)
        else:
            connection = Plain(*shared)
            connection.on_session(g.pop("session"))  # what ended before the upgrade is not sent
        watch.start()
        relay_to(connection)

    def relay_to(connection: Connection) -> None:
        inbox = Inbox()
        try:
            with connection.hold():
                relay.open(connection)
                connection.show(store.history(connection.token))
            while True:
                step = connection.on_frame(connection.link.receive())
                if step:
                    inbox.put(partial(_do, connection, step, inbox))
        except SessionGone:
            connection.end()
        except Busy as error:
            log.warning("%s", error)
            connection.link.close(1013, "try again later")
        finally:
            inbox.join()  # what was said before the end counts
            relay.close(connection)

    return routes


def _do(connection: Connection, step: Step, inbox: Inbox) -> None:
    """Do a step; if it fails, close the socket and drop the steps behind it."""
    try:
        step()
    except SessionGone:
        connection.end()
        inbox.drop()
    except Exception:
        log.exception("a frame failed by our own fault")
        connection.link.close(1011, "our fault")
        inbox.drop()
