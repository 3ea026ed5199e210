"""The WebSocket `/chat`: which handshakes are accepted, and what serves an open WebSocket."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection
from functools import partial

from flask import Blueprint, abort, g, request

from chat.errors import RedisUnavailable, SessionGone
from chat.session_store import SessionStore
from web.handshake_log import explain_refusals
from web.origin import host_of, is_allowed_origin
from web.session_routes import token_from_request
from web.subscribers.absence_notifier import AbsenceNotifier
from web.subscribers.command_queue import Command, CommandQueue
from web.subscribers.events_mode import SUBPROTOCOL, EventsSubscriber
from web.subscribers.plain_mode import EndedReplies, PlainSubscriber, ended_replies
from web.subscribers.relay import Relay
from web.subscribers.resync import Resync
from web.subscribers.session_actions import SessionActions
from web.subscribers.subscriber import Services, Subscriber
from web.transport.flask_extension import WebSocketRoutes
from web.transport.websocket import WebSocket

log = logging.getLogger(__name__)

_PATH = "/chat"
_BEARER = "bearer."


def choose_subprotocol(offered: Collection[str]) -> str | None:
    """Return the subprotocol to select, None for none.

    Browsers fail a handshake that selects none of the subprotocols that they offered, so the one
    that carries the token is selected if there is no other.
    """
    if SUBPROTOCOL in offered:
        return SUBPROTOCOL
    return next((name for name in offered if name.startswith(_BEARER)), None)


def chat_blueprint(
    store: SessionStore,
    actions: SessionActions,
    relay: Relay,
    resync: Resync,
    absence_notifier: AbsenceNotifier,
    *,
    allowed_origins: Collection[str],
) -> Blueprint:
    """Return the route of the WebSocket."""
    routes = Blueprint("chat", __name__)
    services = Services(actions, resync.request, absence_notifier.check)
    explain_refusals(routes, _PATH, allowed_origins, _token)

    @routes.before_request
    def check_handshake() -> None:
        """Refuse before the upgrade: flask-sock upgrades before it calls the handler."""
        origin = request.headers.get("Origin")
        if not is_allowed_origin(origin, host_of(request), allowed_origins):
            abort(403, "This page may not open a chat here.")
        try:
            if choose_subprotocol(_offered_subprotocols()) != SUBPROTOCOL:
                g.ended_replies = ended_replies(store.history(_token()))
            elif not store.exists(_token()):
                raise SessionGone
        except SessionGone:
            abort(403, "No such session. Begin one with POST /token.")

    @WebSocketRoutes().route(_PATH, routes, choose_subprotocol=choose_subprotocol)
    def chat() -> Callable[[WebSocket], None]:
        return partial(open_chat, token=_token(), ended=g.pop("ended_replies", None))

    def open_chat(websocket: WebSocket, *, token: str, ended: EndedReplies | None) -> None:
        subscriber: Subscriber
        if ended is None:
            subscriber = EventsSubscriber(websocket, token, services)
        else:
            subscriber = PlainSubscriber(websocket, token, services, ended)
        absence_notifier.start()
        serve(subscriber)

    def serve(subscriber: Subscriber) -> None:
        """Send the session and its events, and run the client's commands, until the end."""
        commands: CommandQueue | None = None  # most clients read only
        try:
            with subscriber.buffering():
                relay.subscribe(subscriber)
                subscriber.send_session(store.history(subscriber.token))
            while True:
                command = subscriber.on_frame(subscriber.websocket.receive())
                if command:
                    commands = commands or CommandQueue()
                    commands.put(partial(_run_or_close, subscriber, command, commands))
        except SessionGone:
            subscriber.close_ended()
        except RedisUnavailable as error:
            log.warning("%s", error)
            subscriber.websocket.close(1013, "try again later")
        finally:
            if commands:
                commands.join()  # frames that came before the end are processed
            relay.unsubscribe(subscriber)

    return routes


def _offered_subprotocols() -> list[str]:
    header = request.headers.get("Sec-WebSocket-Protocol", "")
    return [name.strip() for name in header.split(",") if name.strip()]


def _token() -> str:
    offered = _offered_subprotocols()
    bearers = [name.removeprefix(_BEARER) for name in offered if name.startswith(_BEARER)]
    return token_from_request() or (bearers[0] if bearers else "")


def _run_or_close(subscriber: Subscriber, command: Command, commands: CommandQueue) -> None:
    """Run a command; if it fails, close the WebSocket and drop the queued commands."""
    try:
        command()
    except SessionGone:
        subscriber.close_ended()
        commands.clear()
    except Exception:
        log.exception("an unexpected error while handling a frame")
        subscriber.websocket.close(1011, "internal error")
        commands.clear()
