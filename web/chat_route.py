"""The WebSocket `/chat`: who may open one, and what becomes of what it sends."""

from __future__ import annotations

import logging
from collections.abc import Collection
from functools import partial

from flask import Blueprint, abort, g, request

from chat.errors import Busy, SessionGone
from chat.mailbox import Mailbox
from chat.session_store import SessionStore
from web.dispatcher import Dispatcher
from web.handshake_log import explain_refusals
from web.origin import host_of, is_welcome
from web.session_routes import given_token
from web.subscribers.command_queue import CommandQueue, Step
from web.subscribers.events_mode import SUBPROTOCOL, EventsSubscriber
from web.subscribers.plain_mode import PlainSubscriber
from web.subscribers.relay import Relay
from web.subscribers.resync import Resync
from web.subscribers.subscriber import Subscriber
from web.subscribers.worker_watch import WorkerWatch
from web.transport.flask_extension import WebSocketRoutes
from web.transport.websocket import WebSocket

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
    store: SessionStore,
    mailbox: Mailbox,
    relay: Relay,
    resync: Resync,
    dispatcher: Dispatcher,
    watch: WorkerWatch,
    *,
    max_length: int,
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

    @WebSocketRoutes().route(_PATH, routes, choose_subprotocol=choose_subprotocol)
    def chat(websocket: WebSocket) -> None:
        subscriber: Subscriber
        shared = (websocket, _token(), resync.request, mailbox, dispatcher, max_length)
        if websocket.subprotocol == SUBPROTOCOL:
            subscriber = EventsSubscriber(*shared, watch)
        else:
            subscriber = PlainSubscriber(*shared)
            subscriber.on_session(g.pop("session"))  # what ended before the upgrade is not sent
        watch.start()
        relay_to(subscriber)

    def relay_to(subscriber: Subscriber) -> None:
        inbox = CommandQueue()
        try:
            with subscriber.buffering():
                relay.subscribe(subscriber)
                subscriber.send_session(store.history(subscriber.token))
            while True:
                step = subscriber.on_frame(subscriber.websocket.receive())
                if step:
                    inbox.put(partial(_do, subscriber, step, inbox))
        except SessionGone:
            subscriber.close_ended()
        except Busy as error:
            log.warning("%s", error)
            subscriber.websocket.close(1013, "try again later")
        finally:
            inbox.join()  # what was said before the end counts
            relay.unsubscribe(subscriber)

    return routes


def _do(subscriber: Subscriber, step: Step, inbox: CommandQueue) -> None:
    """Do a step; if it fails, close the socket and drop the steps behind it."""
    try:
        step()
    except SessionGone:
        subscriber.close_ended()
        inbox.drop()
    except Exception:
        log.exception("a frame failed by our own fault")
        subscriber.websocket.close(1011, "our fault")
        inbox.drop()
