"""The chat in the terminal comes through what becomes of web, worker and Redis."""

from __future__ import annotations

import re
import signal
import time

import pytest

from terminal.liveness import PING_AFTER_DUE, PING_AFTER_IDLE, PONG_WITHIN, UNSEEN
from tests import directives as asks
from tests.clients import begin, history
from tests.pty_terminal import person, piping
from tests.silent_proxy import SilentProxy

LOST = "The connection is lost; trying again."
BACK = "Connected again."
BEGUN = "echo: please w0"  # what a reply that is held before token 3 has said


@pytest.fixture
def token_file(tmp_path):
    return tmp_path / "token"


@pytest.fixture
def ada(system, token_file):
    with person(system.web.url, "--token-file", str(token_file)) as ada:
        ada.is_asked()
        yield ada


def reply_on(screen):
    """Return the one reply on a screen, put together over the notes between its parts."""
    return "".join(re.findall("(?:Bot: |Bot, going on: )(.*?)\r\n", screen))


def said_there(system, token_file):
    return [message["msg"] for message in history(system.web.url, token_file.read_text().strip())]


def test_a_web_process_is_killed_in_mid_reply_and_no_word_is_missed_or_said_twice(system, ada):
    with asks.held(system, at=3) as hold:
        ada.types(hold.ask)
        ada.sees(BEGUN)
        system.web.kill()
        ada.sees(LOST)
        hold.release()
        system.web.start()
        ada.sees(BACK)
        ada.sees("w11")
        ada.is_asked()
    assert reply_on(ada.screen) == hold.text


def test_a_worker_is_killed_in_mid_reply_and_another_goes_on(system, ada):
    with asks.held(system, at=3) as hold:
        ada.types(hold.ask)
        ada.sees(BEGUN)
        hold.wait()
        next(worker for worker in system.workers if hold.asked_by(worker)).kill()
        hold.release()
        ada.sees("w11")
        ada.is_asked()
    assert f"Bot: {hold.text}\r\n" in ada.screen


def test_what_is_typed_while_the_connection_is_lost_is_kept_and_sent_in_turn(
    system, ada, token_file
):
    system.web.kill()
    ada.sees(LOST)
    ada.types("first")
    ada.sees("Your message is kept, and sent once the connection is back.")
    ada.types("second")
    system.web.start()
    ada.sees("echo: first")
    ada.sees("echo: second")
    ada.is_asked()
    assert said_there(system, token_file) == [
        "Human: first",
        "Bot: echo: first",
        "Human: second",
        "Bot: echo: second",
    ]


def test_ctrl_c_takes_back_what_is_not_sent_yet(system, ada, token_file):
    system.web.kill()
    ada.sees(LOST)
    ada.types("no, rather not")
    ada.sees("Your message is kept, and sent once the connection is back.")
    ada.presses("c")
    ada.sees("Your message was not sent.")
    ada.is_asked()
    system.web.start()
    ada.sees(BACK)
    ada.types("hello")
    ada.sees("echo: hello")
    assert said_there(system, token_file) == ["Human: hello", "Bot: echo: hello"]


def test_a_stop_that_cannot_be_sent_yet_is_sent_later(system, ada, token_file):
    with asks.held(system, at=3) as hold:
        ada.types(hold.ask)
        ada.sees(BEGUN)
        system.web.kill()
        ada.sees(LOST)
        ada.presses("c")
        system.web.start()
        ada.sees(BACK)
        ada.sees("Stopped.")
        ada.is_asked()
    assert said_there(system, token_file)[1] == f"Bot: {BEGUN}"


def test_a_second_ctrl_c_leaves_though_nothing_can_be_stopped(system, ada):
    with asks.held(system, at=3) as hold:
        ada.types(hold.ask)
        ada.sees(BEGUN)
        system.web.kill()
        ada.sees(LOST)
        ada.presses("c")
        ada.sees("Ctrl-C again leaves.")
        ada.presses("c")
        assert ada.sees_end() == 0
        assert ada.echoes


def test_a_new_chat_where_nothing_answers_is_told_and_the_old_one_stays(system, ada, token_file):
    system.web.kill()
    ada.sees(LOST)
    ada.types("/new")
    ada.sees("Nothing answers at")
    ada.is_asked()
    system.web.start()
    ada.sees(BACK)
    ada.types("hello")
    ada.sees("echo: hello")
    assert said_there(system, token_file) == ["Human: hello", "Bot: echo: hello"]


def test_a_message_that_redis_cannot_take_is_sent_again_until_it_can(system, ada, token_file):
    system.redis.kill()
    ada.types("hello")
    ada.sees("hello")
    system.redis.start()
    ada.sees("echo: hello")
    ada.is_asked()
    assert said_there(system, token_file) == ["Human: hello", "Bot: echo: hello"]


def test_a_pipe_prints_a_reply_whole_and_once_though_the_web_process_is_killed(system):
    with asks.held(system, at=3) as hold, piping(system.web.url, hold.ask) as chat:
        begun = chat.stdout.read(len(BEGUN))
        system.web.kill()
        hold.release()
        system.web.start()
        assert begun + chat.stdout.read() == hold.text + "\n"
        assert chat.wait() == 0
        assert chat.stderr.read() in ("", f"{LOST}\n")  # on a slow machine it takes a while


BUSY = "The chat is busy. Your message is kept, and sent again in 3 s; Ctrl-C withdraws it."


@pytest.fixture
def full(system):
    """A Redis that takes nothing, until it is called."""
    system.client.config_set("maxmemory", "1mb")
    yield lambda: system.client.config_set("maxmemory", "0")
    system.client.config_set("maxmemory", "0")


def test_a_busy_chat_is_told_once_and_the_message_is_taken_in_the_end(ada, full):
    ada.types("hello")
    ada.sees(BUSY)
    time.sleep(5)  # two more tries
    assert ada.screen.count("busy") == 1
    full()
    ada.sees("echo: hello")
    ada.is_asked()


def test_ctrl_c_withdraws_what_a_busy_chat_does_not_take(system, ada, token_file, full):
    ada.types("no, rather not")
    ada.sees(BUSY)
    ada.presses("c")
    ada.sees("Your message is withdrawn.")
    ada.is_asked()
    full()
    ada.types("hello")
    ada.sees("echo: hello")
    assert said_there(system, token_file) == ["Human: hello", "Bot: echo: hello"]


def test_a_pipe_says_on_standard_error_that_the_chat_is_busy(system, tmp_path):
    token_file = tmp_path / "token"
    token_file.touch(0o600)
    token_file.write_text(begin(system.web.url))
    options = ("--token-file", str(token_file))
    system.client.config_set("maxmemory", "1mb")
    try:
        with piping(system.web.url, "hello", *options) as chat:
            assert chat.stderr.readline() == f"{BUSY}\n"
            system.client.config_set("maxmemory", "0")
            assert (chat.stdout.read(), chat.stderr.read()) == ("echo: hello\n", "")
            assert chat.wait() == 0
        system.client.config_set("maxmemory", "1mb")
        with piping(system.web.url, "no, rather not", *options) as chat:
            assert chat.stderr.readline() == f"{BUSY}\n"
            chat.send_signal(signal.SIGINT)
            assert (chat.stdout.read(), chat.stderr.read()) == ("", "Your message is withdrawn.\n")
            assert chat.wait() == 130
    finally:
        system.client.config_set("maxmemory", "0")
    assert said_there(system, token_file) == ["Human: hello", "Bot: echo: hello"]


def test_ctrl_c_leaves_off_a_new_chat_that_does_not_come(system, ada):
    system.web.freeze()
    try:
        ada.types("/new")
        ada.sees("Still waiting for the chat at")
        ada.presses("c")
        ada.sees("No new chat was begun.")
        ada.is_asked()
    finally:
        system.web.thaw()
    ada.types("hello")
    ada.sees("echo: hello")


def test_a_connection_that_goes_silent_in_mid_reply_is_left_and_the_reply_is_whole(
    system, tmp_path
):
    with (
        SilentProxy(system.web.port) as proxy,
        person(proxy.url, "--token-file", str(tmp_path / "token")) as ada,
        asks.held(system, at=3) as hold,
        asks.held(system, at=3) as piped,
    ):
        ada.is_asked()
        ada.types(hold.ask)
        ada.sees(BEGUN)
        heard = time.monotonic()
        with piping(proxy.url, piped.ask) as chat:
            begun = chat.stdout.read(len(BEGUN))
            went_silent = time.monotonic()
            proxy.go_silent()
            hold.release()
            piped.release()
            ada.sees(LOST)
            assert time.monotonic() - heard > PING_AFTER_DUE  # no sooner than it is certain
            ada.sees("w11")
            ada.is_asked()
            assert begun + chat.stdout.read() == piped.text + "\n"
            assert time.monotonic() - went_silent < 20
            assert chat.wait() == 0
    assert reply_on(ada.screen) == hold.text


def test_a_client_that_was_stopped_asks_at_once_whether_its_connection_lives(system):
    with SilentProxy(system.web.port) as proxy, person(proxy.url) as ada:
        ada.is_asked()
        ada.signal(signal.SIGSTOP)
        time.sleep(UNSEEN + 0.5)  # this is what is tried: time that nobody looked
        proxy.go_silent()
        ada.signal(signal.SIGCONT)
        woken = time.monotonic()
        ada.sees(LOST)
        assert PONG_WITHIN - 1 < time.monotonic() - woken < PING_AFTER_IDLE - UNSEEN
        ada.sees(BACK)
        ada.types("hello")
        ada.sees("echo: hello")


def test_a_client_that_was_stopped_keeps_a_connection_that_lives(system):
    with SilentProxy(system.web.port) as proxy, person(proxy.url) as ada:
        ada.is_asked()
        opened = proxy.opened
        ada.signal(signal.SIGSTOP)
        time.sleep(UNSEEN + 0.5)
        ada.signal(signal.SIGCONT)
        ada.types("hello")
        ada.sees("echo: hello")
        time.sleep(PONG_WITHIN + 1)
        assert LOST not in ada.screen
        assert proxy.opened == opened
