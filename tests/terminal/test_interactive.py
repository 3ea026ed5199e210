"""A person chats at the prompt; web, worker and Redis are real."""

from __future__ import annotations

import os
import signal
from contextlib import nullcontext

import pytest

from terminal import interactive
from terminal.session_client import SessionClient
from tests import directives
from tests.clients import begin, history
from tests.pty_terminal import erase, person, saved_messages


def test_a_reply_is_printed_as_it_comes(system, ada):
    with directives.held(system, at=3) as hold:
        ada.types(hold.ask)
        ada.sees("Bot:")
        ada.sees("echo: please w0")
        assert "w1" not in ada.screen
        hold.release()
        ada.sees(" w1")
        ada.is_asked()
    assert f"Bot: {hold.text}\r\n" in ada.screen


def test_ctrl_c_stops_a_reply_and_a_second_one_leaves(system, ada, token_file):
    with directives.held(system, at=3) as hold:
        ada.types(hold.ask)
        ada.sees("echo: please w0")
        ada.presses("c")
        ada.sees("Stopped.")
        ada.is_asked()
        ada.presses("c")
        assert ada.sees_end() == 0
    assert saved_messages(system.web.url, token_file)[1] == "Bot: echo: please w0"
    assert ada.echoes


def test_ctrl_c_at_the_prompt_warns_and_a_second_one_leaves(ada):
    ada.presses("c")
    ada.sees("Ctrl-C again leaves.")
    ada.is_asked()
    ada.presses("c")
    assert ada.sees_end() == 0


def test_only_a_ctrl_c_right_after_another_leaves(ada):
    ada.presses("c")
    ada.sees("Ctrl-C again leaves.")
    ada.is_asked()
    ada.types("hello")
    ada.sees("echo: hello")
    ada.is_asked()
    ada.presses("c")
    ada.sees("Ctrl-C again leaves.")
    ada.is_asked()
    ada.strikes("half a line")
    ada.sees("half a line")
    ada.presses("c")  # discards that line
    ada.sees("Ctrl-C again leaves.")
    ada.is_asked()
    ada.types("still here")
    ada.sees("echo: still here")


def test_a_ctrl_c_after_a_reply_does_not_stop_the_next_one(system, monkeypatch):
    token = begin(system.web.url)
    lines = iter(["one", directives.words(20, delay=0.02), "/quit"])

    class CtrlCAfterReply(SessionClient):
        """Raises SIGINT once, after the first reply has come and before the next prompt."""

        pressed = False

        def snapshot(self):
            snapshot = super().snapshot()
            if not self.pressed and snapshot.conversation.exchanges and not snapshot.expects_frame:
                self.pressed = True
                os.kill(os.getpid(), signal.SIGINT)
            return snapshot

    def open_chat(on_change):
        client = CtrlCAfterReply(system.web.url, token, on_change)
        client.start()
        return client

    monkeypatch.setattr("builtins.input", lambda _: next(lines))
    monkeypatch.setattr(interactive, "echo_off", nullcontext)
    monkeypatch.setattr(interactive, "restored_modes", lambda *_: nullcontext())
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        interactive.InteractiveChat(open_chat, open_chat).run()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    assert (
        history(system.web.url, token)[3]["msg"]
        == f"Bot: {directives.whole_reply(directives.words(20))}"
    )


@pytest.mark.parametrize("way", ["/quit", "ctrl-d"])
def test_other_ways_to_leave(ada, way):
    if way == "/quit":
        ada.types("/quit")
    else:
        ada.presses("d")
    assert ada.sees_end() == 0
    assert ada.echoes


def test_a_message_that_is_too_long_is_refused_with_a_sentence(ada):
    ada.types("x" * 4001)
    ada.sees("That message is too long. Please shorten it.")
    ada.is_asked()
    ada.types("hello")
    ada.sees("echo: hello")


def test_wide_letters_and_pasted_lines_are_one_message(system, ada, token_file):
    ada.types("名前 é 👋")
    ada.sees("echo: 名前 é 👋")
    ada.is_asked()
    assert "\x1b[?2004h" in ada.raw  # makes the terminal mark pasted text
    ada.types("\x1b[200~one\rtwo\x1b[201~")
    ada.sees("echo: one\r\ntwo")
    ada.is_asked()
    assert saved_messages(system.web.url, token_file)[2] == "Human: one\ntwo"


def test_a_line_that_is_typed_during_a_reply_is_sent_next_and_not_echoed(system, ada):
    with directives.held(system, at=3) as hold:
        ada.types(hold.ask)
        ada.sees("echo: please w0")
        ada.types("and then?")
        ada.strikes("half")
        hold.release()
        ada.sees("echo: and then?")
        ada.is_asked()
        ada.types(" a line")
        ada.sees("echo: half a line")
    assert f"Bot: {hold.text}\r\n" in ada.screen


def test_bytes_that_are_no_text_break_nothing(system):
    with person(system.web.url, env={"PYTHONIOENCODING": "utf-8:strict"}) as ada:
        ada.is_asked()
        ada.strikes(b"\xff\xfe hello\r")
        ada.sees("hello")
        ada.sees("hello")
        ada.is_asked()
        assert "Traceback" not in ada.screen


def test_a_silent_model_is_mentioned_once(system, ada):
    with directives.held(system, at=0) as hold:
        ada.types(hold.ask)
        ada.sees("The reply has not started yet.")
        hold.release()
        ada.sees("w11")
        ada.is_asked()
    assert ada.screen.count("has not started yet") == 1


def test_the_end_of_a_chat_is_reported_and_a_command_begins_another(system, ada, token_file):
    erase(system.web.url, token_file)
    ada.sees("This chat has expired or was erased. /new starts a new chat.")
    ada.types("hello?")
    ada.sees("This chat has expired or was erased.")
    ada.is_asked()
    ada.types("/new")
    ada.sees("A new chat.")
    ada.is_asked()
    ada.types("hello")
    ada.sees("echo: hello")


def test_a_retry_in_an_erased_chat_is_refused(system, ada, token_file):
    ada.types("hello")
    ada.sees("echo: hello")
    ada.is_asked()
    erase(system.web.url, token_file)
    ada.sees("/new starts a new chat.")
    ada.types("/retry")
    ada.sees("This chat has expired or was erased.")
