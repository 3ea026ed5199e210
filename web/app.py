"""The Flask application factory."""

from __future__ import annotations

from functools import partial

from flask import Flask
from flask_cors import CORS

from chat.mailbox import Mailbox
from chat.redis_client import connect, connect_probe
from chat.session_store import SessionStore
from chat.settings import Settings, load_settings_or_exit
from tasks.task_queue import TaskQueue
from web.chat_route import chat_blueprint
from web.dispatcher import Dispatcher
from web.error_responses import answer_in_json
from web.monitoring_routes import monitoring_blueprint
from web.page_routes import page_blueprint
from web.process_metrics import ProcessMetrics
from web.readiness import missing_parts
from web.server.request_limits import MAX_BODY_BYTES
from web.session_routes import session_blueprint
from web.subscribers.absence_notifier import AbsenceNotifier
from web.subscribers.registry import SubscriberRegistry
from web.subscribers.relay import Relay
from web.subscribers.resync import Resync
from web.subscribers.session_actions import SessionActions
from web.system_metrics import SystemMetrics


def create_app(settings: Settings | None = None) -> Flask:
    """Return the application. It starts no thread and no connection before its first request."""
    settings = settings or load_settings_or_exit()
    client = connect(settings.redis_url)
    store = SessionStore(client, settings.session_ttl)
    mailbox = Mailbox(client, settings.session_ttl)
    queue = TaskQueue(settings.broker_url)
    dispatcher = Dispatcher(queue)
    actions = SessionActions(
        mailbox,
        dispatcher,
        max_message_length=settings.max_message_length,
        queue=queue if settings.one_redis else None,
    )
    subscribers = SubscriberRegistry()
    resync = Resync(store, subscribers)
    relay = Relay(client, subscribers, resync)
    absence_notifier = AbsenceNotifier(client, mailbox, subscribers)

    process_metrics = ProcessMetrics(client, subscribers)
    probe = connect_probe(settings.redis_url)
    system_metrics = SystemMetrics(probe, process_metrics.publisher)

    app = Flask(__name__, static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = MAX_BODY_BYTES
    CORS(app, origins=list(settings.allowed_origins))
    answer_in_json(app)
    app.register_blueprint(page_blueprint())
    app.register_blueprint(
        monitoring_blueprint(
            partial(missing_parts, probe),
            system_metrics.page,
            system_metrics.own_page,
            metrics_token=settings.metrics_token,
        )
    )
    app.register_blueprint(session_blueprint(store))
    app.register_blueprint(
        chat_blueprint(
            store,
            actions,
            relay,
            resync,
            absence_notifier,
            allowed_origins=settings.allowed_origins,
        )
    )
    app.extensions["subscribers"] = subscribers  # for web/server/shutdown.py
    app.extensions["metrics"] = process_metrics  # for gunicorn.conf.py
    return app
