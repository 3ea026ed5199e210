"""The Flask application, put together."""

from __future__ import annotations

from flask import Flask
from flask_cors import CORS

from chat.mailbox import Mailbox
from chat.redis_client import connect
from chat.session_store import SessionStore
from chat.settings import Settings, load_settings_or_exit
from web.chat_route import sockets
from web.dispatcher import Dispatcher
from web.error_responses import answer_in_json
from web.page_routes import page
from web.server.request_limits import MAX_BODY_BYTES
from web.session_routes import sessions
from web.subscribers.registry import SubscriberRegistry
from web.subscribers.relay import Relay
from web.subscribers.resync import Resync
from web.subscribers.worker_watch import WorkerWatch


def create_app(settings: Settings | None = None) -> Flask:
    """Return the application; nothing runs or connects before its first request."""
    settings = settings or load_settings_or_exit()
    client = connect(settings.redis_url)
    store = SessionStore(client, settings.session_ttl)
    mailbox = Mailbox(client, settings.session_ttl)
    connections = SubscriberRegistry()
    resync = Resync(store, connections)
    relay = Relay(client, connections, resync)

    app = Flask(__name__, static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = MAX_BODY_BYTES
    CORS(app, origins=list(settings.allowed_origins))
    answer_in_json(app)
    app.register_blueprint(page())
    app.register_blueprint(sessions(store))
    app.register_blueprint(
        sockets(
            store,
            mailbox,
            relay,
            resync,
            Dispatcher(),
            WorkerWatch(client, mailbox, connections),
            max_length=settings.max_message_length,
            allowed_origins=settings.allowed_origins,
        )
    )
    app.extensions["connections"] = connections
    return app
