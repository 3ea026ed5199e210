"""Flask-SocketIO, with Celery tasks that emit through its Redis message queue.

gunicorn -k gevent -w 1 'bench.peers.flask_socketio_celery:create_app()'
celery -A bench.peers.flask_socketio_celery worker --pool threads --concurrency 50
"""

import os

import requests
from celery import Celery
from flask import Flask, request
from flask_socketio import SocketIO

REDIS_URL = os.environ["REDIS_URL"]
MODEL_URL = os.environ["MODEL_URL"]
# With redis-py's own timeout of 5 s the listener of an idle server would reconnect all the time.
QUEUE_URL = f"{REDIS_URL}?socket_timeout=3600"

celery = Celery("bench.peers.flask_socketio_celery", broker=REDIS_URL)
model = requests.Session()
model.mount("http://", requests.adapters.HTTPAdapter(pool_maxsize=100))


# the worker


@celery.task(ignore_result=True)
def answer(socket_id: str, message_id: str, msg: str) -> None:
    body = model.post(MODEL_URL, json={"prompt": msg}, timeout=60).json()
    emitter().emit("reply", {"id": message_id, "msg": body["choices"][0]["text"]}, to=socket_id)


_emitter = None


def emitter() -> SocketIO:
    """Return a SocketIO that only emits, as its documentation has it for other processes."""
    global _emitter
    if _emitter is None:
        _emitter = SocketIO(message_queue=QUEUE_URL)
    return _emitter


# the web process

socketio = SocketIO()


def create_app() -> Flask:
    """Only the web process listens to the message queue, so that only it has this application."""
    app = Flask(__name__)
    socketio.init_app(app, message_queue=QUEUE_URL, async_mode="gevent")
    return app


@socketio.on("message")
def on_message(message: dict[str, str]) -> None:
    answer.delay(request.sid, message["id"], message["msg"])  # type: ignore[attr-defined]
