"""Processes get SIGTERM, as in a deploy."""

from __future__ import annotations

import signal
import threading
from types import SimpleNamespace

import pytest
import websocket

from tests import directives
from tests.clients import Events, begin
from tests.deployed_nginx import DeployedNginx
from tests.simulated_users import concurrent_users

EXIT_TIMEOUT = 20.0  # seconds; a dyno is killed after 30


def test_a_web_process_closes_its_websockets_and_exits(system):
    sockets = [Events(system.web.ws, begin(system.web.url)) for _ in range(5)]
    with directives.held(system, at=3) as hold:
        message_id = sockets[0].say(hold.ask)
        hold.wait()
        system.web.signal(signal.SIGTERM)
        for socket in sockets:
            with pytest.raises(websocket.WebSocketConnectionClosedException):
                socket.until_type("nothing more")
            assert socket.closed_with == 1012
        assert system.web.wait(EXIT_TIMEOUT) == 0
        sockets[0].reconnect(system.webs[1].ws)
        hold.release()
        if sockets[0].reply_to(message_id)["status"] == "streaming":
            sockets[0].until_answered(message_id)
    assert sockets[0].reply_to(message_id)["msg"] == hold.text


def test_a_worker_releases_its_replies_and_exits(system):
    sockets = [Events(system.web.ws, begin(system.web.url)) for _ in range(6)]
    ask = directives.words(60, delay=0.1)
    ids = [socket.say(ask) for socket in sockets]
    for socket in sockets:
        socket.until_type("delta")
    system.workers[0].signal(signal.SIGTERM)
    assert system.workers[0].wait(EXIT_TIMEOUT) == 0
    done: list[dict] = []
    threads = [
        threading.Thread(target=lambda s=socket, m=message_id: done.append(s.until_answered(m)))
        for socket, message_id in zip(sockets, ids, strict=True)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [(d["status"], d["msg"]) for d in done] == [("done", directives.whole_reply(ask))] * 6
    for socket in sockets:
        assert [f["attempt"] for f in socket.frames if f["type"] == "start"] == [1]


def test_a_worker_with_a_silent_model_exits(system):
    socket = Events(system.web.ws, begin(system.web.url))
    with directives.held(system, at=0) as hold:
        message_id = socket.say(hold.ask)
        hold.wait()
        worker = next(w for w in system.workers if hold.asked_by(w))
        worker.signal(signal.SIGTERM)
        assert worker.wait(EXIT_TIMEOUT) == 0
        hold.release()
        assert socket.until_answered(message_id)["msg"] == hold.text


def test_the_next_worker_continues_the_replies_of_the_last_one(system):
    socket = Events(system.web.ws, begin(system.web.url))
    with directives.held(system, at=2) as hold:
        message_id = socket.say(hold.ask)
        hold.wait()
        for worker in system.workers:
            worker.signal(signal.SIGTERM)
        for worker in system.workers:
            assert worker.wait(EXIT_TIMEOUT) == 0
        hold.release()
        system.workers[0].start()
        assert socket.until_answered(message_id)["msg"] == hold.text


def test_a_rolling_restart_behind_nginx_loses_nothing(system, tmp_path, monkeypatch):
    with DeployedNginx(tmp_path / "nginx", [web.port for web in system.webs]) as nginx:
        for name, value in nginx.trust.items():
            monkeypatch.setenv(name, value)
        with concurrent_users(SimpleNamespace(webs=[nginx])) as outcome:
            for process in system.processes:
                process.stop()
                process.start()
                process.ready()
    assert outcome.reconnects
