"""The chat in the terminal outlives failures of web, worker, Redis and network."""

from __future__ import annotations

import re
import signal
import time

import pytest

from terminal.keepalive import MAX_CHECK_GAP, PING_AFTER_EXPECTED, PING_AFTER_IDLE, PONG_TIMEOUT
from terminal.token_file import TokenFile
from tests import directives
from tests.clients import begin
from tests.pty_terminal import person, piping, saved_messages
from tests.silent_proxy import SilentProxy

LOST = "The connection is lost; trying again."
RECONNECTED = "Connected again."
PARTIAL = "echo: please w0"  # of a reply that stops before token 3


def reply_on(screen):
    """Return the only reply on a screen without the notes between its parts."""
    return "".join(re.findall(r"(?:Bot: |Bot \(continued\): )(.*?)\r\n", screen))


def test_a_web_process_is_killed_during_a_reply_and_every_word_is_printed_once(system, ada):
    with directives.held(system, at=3) as hold:
        ada.types(hold.ask)
        ada.sees(PARTIAL)
        system.web.kill()
        ada.sees(LOST)
        hold.release()
        system.web.start()
        ada.sees(RECONNECTED)
        ada.sees("w11")
        ada.is_asked()
    assert reply_on(ada.screen) == hold.text


def test_a_worker_is_killed_during_a_reply_and_another_continues_it(system, ada):
    with directives.held(system, at=3) as hold:
        ada.types(hold.ask)
        ada.sees(PARTIAL)
        hold.wait()
        next(worker for worker in system.workers if hold.asked_by(worker)).kill()
        hold.release()
        ada.sees("w11")
        ada.is_asked()
    assert f"Bot: {hold.text}\r\n" in ada.screen


def test_messages_that_are_typed_while_the_connection_is_lost_are_sent_later_in_order(
    system, ada, token_file
):
    system.web.kill()
    ada.sees(LOST)
    ada.types("first")
    ada.sees("Your message is kept, and will be sent when the connection is back.")
    ada.types("second")
    system.web.start()
    ada.sees("echo: first")
    ada.sees("echo: second")
    ada.is_asked()
    assert saved_messages(system.web.url, token_file) == [
        "Human: first",
        "Bot: echo: first",
        "Human: second",
        "Bot: echo: second",
    ]


def test_ctrl_c_withdraws_a_message_that_is_not_sent_yet(system, ada, token_file):
    system.web.kill()
    ada.sees(LOST)
    ada.types("no, rather not")
    ada.sees("Your message is kept, and will be sent when the connection is back.")
    ada.presses("c")
    ada.sees("Your message was not sent.")
    ada.is_asked()
    system.web.start()
    ada.sees(RECONNECTED)
    ada.types("hello")
    ada.sees("echo: hello")
    assert saved_messages(system.web.url, token_file) == ["Human: hello", "Bot: echo: hello"]


def test_a_stop_that_cannot_be_sent_yet_is_sent_later(system, ada, token_file):
    with directives.held(system, at=3) as hold:
        ada.types(hold.ask)
        ada.sees(PARTIAL)
        system.web.kill()
        ada.sees(LOST)
        ada.presses("c")
        system.web.start()
        ada.sees(RECONNECTED)
        ada.sees("Stopped.")
        ada.is_asked()
    assert saved_messages(system.web.url, token_file)[1] == f"Bot: {PARTIAL}"


def test_a_second_ctrl_c_leaves_although_the_stop_cannot_be_sent(system, ada):
    with directives.held(system, at=3) as hold:
        ada.types(hold.ask)
        ada.sees(PARTIAL)
        system.web.kill()
        ada.sees(LOST)
        ada.presses("c")
        ada.sees("Ctrl-C again leaves.")
        ada.presses("c")
        assert ada.sees_end() == 0
        assert ada.echoes


def test_a_new_chat_where_nothing_answers_fails_and_the_old_one_stays(system, ada, token_file):
    system.web.kill()
    ada.sees(LOST)
    ada.types("/new")
    ada.sees("Nothing answers at")
    ada.is_asked()
    system.web.start()
    ada.sees(RECONNECTED)
    ada.types("hello")
    ada.sees("echo: hello")
    assert saved_messages(system.web.url, token_file) == ["Human: hello", "Bot: echo: hello"]


def test_a_message_is_sent_again_until_redis_is_back(system, ada, token_file):
    system.redis.kill()
    ada.types("hello")
    ada.sees("hello")
    system.redis.start()
    ada.sees("echo: hello")
    ada.is_asked()
    assert saved_messages(system.web.url, token_file) == ["Human: hello", "Bot: echo: hello"]


def test_a_pipe_prints_a_reply_completely_and_once_although_the_web_process_is_killed(system):
    with directives.held(system, at=3) as hold, piping(system.web.url, hold.ask) as chat:
        start = chat.stdout.read(len(PARTIAL))
        system.web.kill()
        hold.release()
        system.web.start()
        assert start + chat.stdout.read() == hold.text + "\n"
        assert chat.wait() == 0
        assert chat.stderr.read() in ("", f"{LOST}\n")  # on a slow machine it takes a while


BUSY = "The chat is busy. Your message is kept, and will be sent again in 3 s; Ctrl-C withdraws it."


@pytest.fixture
def make_room(system):
    """A Redis that is out of memory, until the returned function is called."""
    system.client.config_set("maxmemory", "1mb")
    yield lambda: system.client.config_set("maxmemory", "0")
    system.client.config_set("maxmemory", "0")


def test_a_busy_chat_is_reported_once_and_accepts_the_message_in_the_end(ada, make_room):
    ada.types("hello")
    ada.sees(BUSY)
    time.sleep(5)  # two more attempts
    assert ada.screen.count("busy") == 1
    make_room()
    ada.sees("echo: hello")
    ada.is_asked()


def test_ctrl_c_withdraws_a_message_that_a_busy_chat_refuses(system, ada, token_file, make_room):
    ada.types("no, rather not")
    ada.sees(BUSY)
    ada.presses("c")
    ada.sees("Your message is withdrawn.")
    ada.is_asked()
    make_room()
    ada.types("hello")
    ada.sees("echo: hello")
    assert saved_messages(system.web.url, token_file) == ["Human: hello", "Bot: echo: hello"]


def test_a_pipe_reports_a_busy_chat_on_standard_error(system, tmp_path):
    token_file = tmp_path / "token"
    TokenFile(token_file).save(begin(system.web.url))
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
    assert saved_messages(system.web.url, token_file) == ["Human: hello", "Bot: echo: hello"]


def test_ctrl_c_cancels_a_new_chat_that_does_not_begin(system, ada):
    system.web.freeze()
    try:
        ada.types("/new")
        ada.sees("Still waiting for the chat at")
        ada.presses("c")
        ada.sees("No new chat was started.")
        ada.is_asked()
    finally:
        system.web.thaw()
    ada.types("hello")
    ada.sees("echo: hello")


def test_a_connection_that_goes_silent_during_a_reply_is_replaced_and_the_reply_is_complete(
    system, tmp_path
):
    with (
        SilentProxy(system.web.port) as proxy,
        person(proxy.url, "--token-file", str(tmp_path / "token")) as ada,
        directives.held(system, at=3) as hold,
        directives.held(system, at=3) as piped,
    ):
        ada.is_asked()
        ada.types(hold.ask)
        ada.sees(PARTIAL)
        printed_at = time.monotonic()
        with piping(proxy.url, piped.ask) as chat:
            start = chat.stdout.read(len(PARTIAL))
            silent_since = time.monotonic()
            proxy.silence()
            hold.release()
            piped.release()
            ada.sees(LOST)
            assert time.monotonic() - printed_at > PING_AFTER_EXPECTED
            ada.sees("w11")
            ada.is_asked()
            assert start + chat.stdout.read() == piped.text + "\n"
            assert time.monotonic() - silent_since < 20
            assert chat.wait() == 0
    assert reply_on(ada.screen) == hold.text


def test_a_client_that_was_suspended_checks_its_connection_at_once(system):
    with SilentProxy(system.web.port) as proxy, person(proxy.url) as ada:
        ada.is_asked()
        ada.signal(signal.SIGSTOP)
        time.sleep(MAX_CHECK_GAP + 0.5)  # the suspension itself, longer than the client's threshold
        proxy.silence()
        ada.signal(signal.SIGCONT)
        resumed_at = time.monotonic()
        ada.sees(LOST)
        assert PONG_TIMEOUT - 1 < time.monotonic() - resumed_at < PING_AFTER_IDLE - MAX_CHECK_GAP
        ada.sees(RECONNECTED)
        ada.types("hello")
        ada.sees("echo: hello")


def test_a_client_that_was_suspended_keeps_a_live_connection(system):
    with SilentProxy(system.web.port) as proxy, person(proxy.url) as ada:
        ada.is_asked()
        accepted = proxy.accepted
        ada.signal(signal.SIGSTOP)
        time.sleep(MAX_CHECK_GAP + 0.5)
        ada.signal(signal.SIGCONT)
        ada.types("hello")
        ada.sees("echo: hello")
        time.sleep(PONG_TIMEOUT + 1)
        assert LOST not in ada.screen
        assert proxy.accepted == accepted
