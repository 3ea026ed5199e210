"""Processes die while the last reply is continued or replaced: no text is lost."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from chat.channel import channel
from tests import directives
from tests.clients import Events, Plain, begin, history
from tests.processes import wait_until
from tests.system import System


@pytest.fixture
def socket(system) -> Events:
    return Events(system.webs[1].ws, begin(system.web.url))


def replace_workers(system: System) -> None:
    """Kill all workers and start others."""
    for worker in system.workers:
        worker.kill()
    for worker in system.workers:
        worker.start()


def replace_redis(system: System) -> None:
    """Kill Redis and start it again from its file."""
    system.redis.kill()
    system.redis.start()


@pytest.mark.parametrize("replace", [replace_workers, replace_redis])
def test_a_reply_whose_continuation_is_interrupted_goes_on_with_the_same_text(
    system, socket, replace
):
    ask = directives.words(12, delay=0.1)
    message_id = socket.say(ask)
    socket.until_type("delta")
    socket.send(type="stop")
    stopped = socket.until_answered(message_id)
    socket.send(type="continue", id=message_id)
    socket.until_type("start")
    socket.until_type("delta")
    replace(system)
    socket.until(lambda _: socket.reply_to(message_id)["status"] == "done")
    reply = socket.reply_to(message_id)
    assert (reply["id"], reply["msg"]) == (stopped["id"], directives.whole_reply(ask))
    assert [f["attempt"] for f in socket.frames if f["type"] == "start"] == [1, 1]
    assert history(system.web.url, socket.token)[1]["msg"] == f"Bot: {reply['msg']}"


@pytest.mark.parametrize("replace", [replace_workers, replace_redis])
def test_the_old_reply_comes_back_although_a_process_died_meanwhile(system, socket, replace):
    message_id = socket.say(directives.answered_once("fault=silence"))
    old = socket.until_answered(message_id)
    socket.send(type="retry", id=message_id)
    new = socket.until_type("start")
    replace(system)
    while history(system.web.url, socket.token)[1]["id"] != old["id"]:
        socket.send(type="stop", id=message_id)
        socket.until(lambda _: socket.reply_to(message_id)["id"] != new["id"])
    reply = socket.reply_to(message_id)
    assert (reply["id"], reply["msg"], reply["status"]) == (old["id"], old["msg"], "done")


@pytest.mark.parametrize("request_", [{"type": "retry"}, {"type": "retry", "msg": "b"}])
def test_a_client_learns_that_redis_has_lost_its_retry(system, socket, request_, tmp_path):
    message_id = socket.say("a")
    old = socket.until_answered(message_id)
    for worker in system.workers:
        worker.kill()
    system.redis.kill()
    shutil.copytree(data_of(system), tmp_path / "older")
    system.redis.start()
    wait_until(lambda: system.client.pubsub_numsub(channel(socket.token))[0][1])
    for _ in range(2):  # the event of the first one is there when the second is acknowledged
        socket.send(**request_, id=message_id)
        socket.until_type("ack")
    system.redis.kill()
    shutil.rmtree(data_of(system))
    shutil.copytree(tmp_path / "older", data_of(system))
    system.redis.start()
    socket.until_type("history")
    assert socket.reply_to(message_id)["id"] == old["id"]
    assert socket.messages[message_id]["msg"] == "a"


def test_plain_mode_gets_a_continued_reply_that_ended_while_its_process_heard_nothing(system):
    token = begin(system.web.url)
    socket, ask = Events(system.webs[1].ws, token), directives.cut(4, number=4)
    message_id = socket.say(ask)
    cut = socket.until_answered(message_id)
    plain = Plain(system.web.ws, token)
    system.web.freeze()
    try:
        system.client.client_kill_filter(_type="pubsub")
        socket.send(type="continue", id=message_id)
        socket.until(lambda _: (socket.reply_to(message_id) or {}).get("finish") == "stop")
    finally:
        system.web.thaw()
    reply = plain.reply()
    assert (reply["id"], reply["msg"]) == (cut["id"], directives.whole_reply(ask))


def data_of(system: System) -> Path:
    """Return the folder of Redis' files."""
    return system.redis._log.parent
