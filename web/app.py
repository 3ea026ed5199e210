"""The Flask application, put together."""

from __future__ import annotations

from flask import Flask
from flask_cors import CORS

from chat.connect import connect
from chat.mailbox import Mailbox
from chat.settings import Settings, load_settings_or_exit
from chat.store import Store
from web.connections import Connections
from web.limits import MOST_IN_A_BODY
from web.page import page
from web.problems import answer_in_json
from web.refresher import Refresher
from web.relay import Relay
from web.ringer import Ringer
from web.sessions import sessions
from web.sockets import sockets
from web.terminal.command import chat
from web.worker_watch import WorkerWatch


def create_app(settings: Settings | None = None) -> Flask:
    """Return the application; nothing runs or connects before its first request."""
    settings = settings or load_settings_or_exit()
    client = connect(settings.redis_url)
    store = Store(client, settings.session_ttl)
    mailbox = Mailbox(client, settings.session_ttl)
    connections = Connections()
    refresher = Refresher(store, connections)
    relay = Relay(client, connections, refresher)

    app = Flask(__name__, static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = MOST_IN_A_BODY
    CORS(app, origins=list(settings.allowed_origins))
    answer_in_json(app)
    app.register_blueprint(page())
    app.register_blueprint(sessions(store))
    app.register_blueprint(
        sockets(
            store,
            mailbox,
            relay,
            refresher,
            Ringer(),
            WorkerWatch(client, mailbox, connections),
            longest=settings.max_message_length,
            allowed_origins=settings.allowed_origins,
        )
    )
    app.extensions["connections"] = connections
    app.cli.add_command(chat)
    return app
