"""A process dies, or is suspended, in the middle of a reply."""

from __future__ import annotations

import pytest
import websocket

from chat.mailbox import MAX_CLAIMS
from chat.session_store import state_key
from chat.timing import LEASE_DURATION
from tests import directives
from tests.clients import Events, Plain, begin, history
from tests.processes import wait_until
from tests.system import System


def connect(system: System) -> Events:
    return Events(system.webs[1].ws, begin(system.web.url))


def lease_id(system: System, token: str) -> str:
    """Return the id of the lease on the session."""
    return str(system.client.hget(state_key(token), "lease_id"))


@pytest.mark.parametrize("at", [0, 1, 7])
def test_another_worker_continues_the_reply_of_a_killed_one(system, at):
    socket = connect(system)
    with directives.held(system, at=at) as hold:
        message_id = socket.say(hold.ask)
        hold.wait()
        hold.kill_who_answers(system)
        hold.release()
        done = socket.until_answered(message_id)
    assert (done["status"], done["msg"]) == ("done", hold.text)
    assert [f["attempt"] for f in socket.frames if f["type"] == "start"] == [1]
    assert history(system.web.url, socket.token)[1]["msg"] == f"Bot: {hold.text}"


def test_a_worker_killed_between_the_last_word_and_the_commit_leaves_a_complete_reply(system):
    socket = connect(system)
    with directives.held(system, at=directives.END) as hold:
        message_id = socket.say(hold.ask)
        hold.wait()
        socket.until(lambda _: (socket.reply_to(message_id) or {}).get("msg") == hold.text)
        hold.kill_who_answers(system)
        hold.release()
        done = socket.until_answered(message_id)
    assert (done["status"], done["msg"]) == ("done", hold.text)


def test_a_web_process_is_killed_and_its_client_misses_nothing_on_another(system):
    token = begin(system.web.url)
    socket = Events(system.web.ws, token)
    with directives.held(system, at=3) as hold:
        message_id = socket.say(hold.ask)
        hold.wait()
        system.web.kill()
        with pytest.raises((websocket.WebSocketException, OSError)):
            socket.until_type("nothing more")
        socket.reconnect(system.webs[1].ws)
        hold.release()
        reply = socket.reply_to(message_id)
        if reply is None or reply["status"] == "streaming":
            socket.until_answered(message_id)
    assert socket.reply_to(message_id)["msg"] == hold.text


@pytest.mark.parametrize("at", [0, 2])
def test_redis_is_killed_and_restarted_and_the_reply_is_complete(system, at):
    socket = connect(system)
    plain = Plain(system.web.ws, socket.token)
    with directives.held(system, at=at) as hold:
        message_id = socket.say(hold.ask)
        hold.wait()
        system.redis.kill()
        hold.release()
        system.redis.start()
        done = lambda: (socket.reply_to(message_id) or {}).get("status") == "done"  # noqa: E731
        socket.until(lambda _: done())
    assert socket.reply_to(message_id)["msg"] == hold.text
    assert plain.reply()["msg"] == hold.text
    assert all(process.running for process in system.processes)
    again = socket.say("after")
    assert socket.until_answered(again)["msg"] == "echo: after"
    assert plain.reply()["msg"] == "echo: after"


def test_a_suspended_worker_does_not_write_after_it_lost_its_lease(system):
    socket = connect(system)
    with directives.held(system, at=2) as hold:
        message_id = socket.say(hold.ask)
        hold.wait()
        first = lease_id(system, socket.token)
        stopped = next(w for w in system.workers if hold.asked_by(w))
        stopped.freeze()
        try:
            wait_until(
                lambda: lease_id(system, socket.token) not in (first, "[]"), 5 * LEASE_DURATION
            )
            hold.release()
            done = socket.until_answered(message_id)
        finally:
            stopped.thaw()
        again = [socket.say(f"after {number}") for number in range(4)]
        for other in again:
            socket.until_answered(other)
    assert done["msg"] == hold.text
    stored = history(system.web.url, socket.token)
    assert stored[1]["msg"] == f"Bot: {hold.text}"
    assert len(stored) == 10


def test_a_lost_task_is_recovered(system):
    """The worker that took the task from the queue is killed before it begins."""
    socket = connect(system)
    for worker in system.workers:
        worker.freeze()
    message_id = socket.say("hello")
    socket.until_type("ack")
    for worker in system.workers:
        worker.kill()
    system.client.delete("celery")  # if no worker had taken it
    for worker in system.workers:
        worker.start()
    assert socket.until_answered(message_id)["msg"] == "echo: hello"


def test_a_message_that_kills_every_worker_fails_and_the_next_is_answered(system):
    socket = connect(system)
    with directives.held(system, at=0) as hold:
        poison = socket.say(hold.ask)
        behind = socket.say("behind")
        for _ in range(MAX_CLAIMS):
            hold.wait()
            worker = next(w for w in system.workers if hold.asked_by(w))
            hold.forget()
            worker.kill()
            worker.start()
        failure = socket.until_answered(poison)
        assert (failure["type"], failure["code"]) == ("error", "internal")
        assert socket.until_answered(behind)["msg"] == "echo: behind"
    about = [record for record in system.records() if record.get("message_id") == poison]
    [end] = [record for record in about if record["event"] == "finished"]
    assert (end["status"], end["reason"]) == ("internal", "its workers kept dying")


@pytest.mark.parametrize("kind", ["pubsub", "normal"])
def test_connections_to_redis_are_cut_and_nothing_is_missed(system, kind):
    """The relay's connection is the pub/sub one; Celery's and the pools' are normal ones."""
    socket = connect(system)
    plain = Plain(system.web.ws, socket.token)
    ids = []
    for number in range(5):
        with directives.held(system, at=2) as hold:
            ids.append((socket.say(hold.ask), hold.text))
            hold.wait()
            system.client.execute_command("CLIENT", "KILL", "TYPE", kind, "SKIPME", "yes")
            hold.release()
            socket.until(lambda _: (socket.reply_to(ids[-1][0]) or {}).get("status") == "done")
        assert socket.reply_to(ids[-1][0])["msg"] == ids[-1][1], number
    assert [plain.reply()["msg"] for _ in ids] == [text for _, text in ids]


def test_no_process_logs_a_token(system):
    """Runs last in this file, when the logs have the lines of all the faults above."""
    tokens = [key for key in system.client.keys("*") if len(key) == 36]
    assert tokens
    output = system.output()
    assert not [token for token in tokens if token in output]
