"""A person chats in a terminal, through web, worker and Redis."""

from __future__ import annotations

import os
import signal
import stat
from contextlib import nullcontext

import psutil
import pytest
import requests

from terminal import prompt
from terminal.connection import Connection
from tests import directives as asks
from tests.clients import Plain, begin, history
from tests.pty_terminal import CHAT, Person, person

ESCAPES = "\x1b]0;owned\x07\x1b[2J\x9b31m\x08\x7f red"
SHOWN = "\ufffd]0;owned\ufffd\ufffd[2J\ufffd31m\ufffd\ufffd red"


@pytest.fixture
def token_file(tmp_path):
    return tmp_path / "token"


@pytest.fixture
def ada(system, token_file):
    with person(system.web.url, "--token-file", str(token_file)) as ada:
        ada.is_asked()
        yield ada


def said_there(system, token_file):
    """Return what stands in the session whose token the file keeps."""
    return [message["msg"] for message in history(system.web.url, token_file.read_text().strip())]


def test_a_reply_is_seen_while_it_comes(system, ada):
    with asks.held(system, at=3) as hold:
        ada.types(hold.ask)
        ada.sees("Bot:")
        ada.sees("echo: please w0")
        assert "w1" not in ada.screen
        hold.release()
        ada.sees(" w1")
        ada.is_asked()
    assert f"Bot: {hold.text}\r\n" in ada.screen


def test_a_chat_goes_on_where_its_token_is_kept(system, ada, token_file):
    ada.types("hello")
    ada.sees("echo: hello")
    ada.is_asked()
    ada.presses("d")
    assert ada.sees_end() == 0
    assert stat.S_IMODE(token_file.stat().st_mode) == 0o600
    with person(system.web.url, "--token-file", str(token_file), name="Nobody") as again:
        again.is_asked()
        assert "Ada: hello\r\nBot: echo: hello\r\n" in again.screen
        again.types("and again")
        again.sees("echo: and again")
    assert len(said_there(system, token_file)) == 4


def test_ctrl_c_stops_a_reply_and_a_second_one_leaves(system, ada, token_file):
    with asks.held(system, at=3) as hold:
        ada.types(hold.ask)
        ada.sees("echo: please w0")
        ada.presses("c")
        ada.sees("Stopped.")
        ada.is_asked()
        ada.presses("c")
        assert ada.sees_end() == 0
    assert said_there(system, token_file)[1] == "Bot: echo: please w0"
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
    ada.presses("c")  # takes that line back
    ada.sees("Ctrl-C again leaves.")
    ada.is_asked()
    ada.types("still here")
    ada.sees("echo: still here")


@pytest.mark.parametrize("way", ["/quit", "ctrl-d"])
def test_other_ways_to_leave(ada, way):
    if way == "/quit":
        ada.types("/quit")
    else:
        ada.presses("d")
    assert ada.sees_end() == 0
    assert ada.echoes


def test_a_failed_reply_says_why_and_can_be_retried(system, ada, token_file):
    ada.types(asks.fails_once(system))
    ada.sees("No whole reply: The model could not answer this message.")
    ada.is_asked()
    with person(system.web.url, "--token-file", str(token_file)) as again:
        again.sees("No whole reply: The model could not answer this message.")
        again.is_asked()
    ada.types("/retry")
    ada.sees("echo: please")
    ada.is_asked()
    assert len(said_there(system, token_file)) == 2


def test_a_whole_reply_can_be_asked_for_again(system, ada, token_file):
    ada.types("/retry")
    ada.sees("There is no message yet to answer again.")
    ada.is_asked()
    ada.types("hello")
    ada.sees("echo: hello")
    ada.is_asked()
    ada.types("/retry")
    ada.sees("echo: hello")
    ada.is_asked()
    assert ada.screen.count("Bot: echo: hello") == 2
    assert said_there(system, token_file) == ["Human: hello", "Bot: echo: hello"]


def test_a_new_chat_leaves_the_old_one_as_it_is(system, ada, token_file):
    ada.types("hello")
    ada.sees("echo: hello")
    ada.is_asked()
    old = token_file.read_text().strip()
    ada.types("/new")
    ada.sees("A new chat.")
    ada.is_asked()
    ada.types("hello again")
    ada.sees("echo: hello again")
    ada.is_asked()
    assert token_file.read_text().strip() != old
    assert said_there(system, token_file) == ["Human: hello again", "Bot: echo: hello again"]
    assert len(history(system.web.url, old)) == 2


def test_an_export_is_markdown_in_a_new_file(ada, tmp_path):
    path = tmp_path / "our chat.md"
    ada.types("hello")
    ada.sees("echo: hello")
    ada.is_asked()
    ada.types(f"/export {path}")
    ada.sees("Written to")
    ada.is_asked()
    written = path.read_text()
    assert written.startswith("# A chat with Ada\n")
    assert written.index("\n\nhello\n\n") < written.index("\n\necho: hello\n")
    ada.types(f"/export {path}")
    ada.sees("is there already; name another file.")
    ada.types("/export /nowhere/at/all.md")
    ada.sees("cannot be written: No such file or directory.")


def test_help_lists_the_commands_and_no_other_is_taken(system, ada, token_file):
    ada.types("/help")
    for command in ("/retry", "/new", "/export", "/quit"):
        ada.sees(command)
    ada.is_asked()
    ada.types("/dance on the table")
    ada.sees("/dance is no command; /help lists them.")
    ada.is_asked()
    ada.types("   ")
    ada.is_asked()
    assert said_there(system, token_file) == []


def test_a_message_may_begin_with_a_slash(ada):
    ada.types("//etc is a folder")
    ada.sees("echo: /etc is a folder")


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
    assert "\x1b[?2004h" in ada.raw  # asks the terminal to mark what is pasted
    ada.types("\x1b[200~one\rtwo\x1b[201~")
    ada.sees("echo: one\r\ntwo")
    ada.is_asked()
    assert said_there(system, token_file)[2] == "Human: one\ntwo"


def test_what_is_typed_during_a_reply_stays_out_of_it_and_is_said_next(system, ada):
    with asks.held(system, at=3) as hold:
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


def test_news_from_elsewhere_come_above_a_line_that_is_being_typed(system, ada, token_file):
    ada.strikes("half a li")
    ada.sees("half a li")
    Plain(system.webs[1].ws, token_file.read_text().strip()).say("from my phone")
    ada.sees("from my phone")
    ada.sees("echo: from my phone")
    ada.sees("Ada: half a li")
    ada.types("ne")
    ada.sees("echo: half a line")


@pytest.mark.parametrize(
    ("columns", "erased"), [(30, False), (80, True)], ids=["wraps", "stands on one row"]
)
def test_only_a_line_that_stands_on_one_row_is_redrawn_there(system, token_file, columns, erased):
    line = "a line of some more letters"
    options = ("--token-file", str(token_file))
    with person(system.web.url, *options, columns=columns) as ada:
        ada.is_asked()
        ada.strikes(line[:-4])
        ada.sees(line[:-4])
        ada.strikes(line[-4:])
        ada.sees(line[-1])  # what comes before it may be torn by the terminal's edge
        before = len(ada.raw)
        Plain(system.web.ws, token_file.read_text().strip()).say("hi")
        ada.sees("echo: hi")
        ada.sees(f"Ada: {line}")
        assert ("\r\x1b[K" in ada.raw[before:].partition("echo: hi")[0]) is erased
        ada.types("")
        ada.sees(f"echo: {line}")


def test_a_model_that_keeps_silent_is_told_once(system, ada):
    with asks.held(system, at=0) as hold:
        ada.types(hold.ask)
        ada.sees("The reply has not begun yet.")
        hold.release()
        ada.sees("w11")
        ada.is_asked()
    assert ada.screen.count("has not begun yet") == 1


def test_an_erased_chat_is_told_and_a_new_one_is_a_command_away(system, ada, token_file):
    token = token_file.read_text().strip()
    requests.delete(f"{system.web.url}/token?token={token}", timeout=20)
    ada.sees("This chat has expired or was erased. /new begins another.")
    ada.types("hello?")
    ada.sees("This chat has expired or was erased.")
    ada.is_asked()
    ada.types("/new")
    ada.sees("A new chat.")
    ada.is_asked()
    ada.types("hello")
    ada.sees("echo: hello")


def test_a_retry_in_an_erased_chat_is_told_so(system, ada, token_file):
    ada.types("hello")
    ada.sees("echo: hello")
    ada.is_asked()
    requests.delete(f"{system.web.url}/token?token={token_file.read_text().strip()}", timeout=20)
    ada.sees("/new begins another.")
    ada.types("/retry")
    ada.sees("This chat has expired or was erased.")


def test_a_token_file_of_an_ended_chat_begins_a_new_one(system, token_file):
    token = begin(system.web.url)
    token_file.touch(0o600)
    token_file.write_text(token)
    requests.delete(f"{system.web.url}/token?token={token}", timeout=20)
    with person(system.web.url, "--token-file", str(token_file)) as ada:
        ada.sees("has ended; this is a new one.")
        ada.is_asked()
        ada.types("hello")
        ada.sees("echo: hello")


def test_no_text_reaches_the_terminal_as_a_command_to_it(system, ada, token_file):
    Plain(system.web.ws, token_file.read_text().strip()).say(ESCAPES)
    ada.sees(f"Ada:\x1b[0m {SHOWN}")
    ada.sees(f"echo: {SHOWN}")
    ada.is_asked()
    with person(system.web.url, name="A\x1b[31mda") as mallory:
        mallory.sees("A\ufffd[31mda: ")


def test_a_piped_message_whose_reply_goes_to_a_terminal_is_as_harmless(system):
    command = f'printf "\\033]0;owned\\007" | {" ".join(CHAT)} --url {system.web.url}'
    someone = Person("/bin/sh", "-c", command)
    someone.sees("echo: \ufffd]0;owned\ufffd")
    assert someone.sees_end() == 0


@pytest.mark.parametrize(
    ("env", "unwanted"), [({"NO_COLOR": "1"}, "\x1b[1m"), ({"TERM": "dumb"}, "\x1b")]
)
def test_a_terminal_is_spared_styles_that_it_does_not_want(system, token_file, env, unwanted):
    with person(system.web.url, "--token-file", str(token_file), env=env) as ada:
        ada.is_asked()
        Plain(system.web.ws, token_file.read_text().strip()).say("hi")
        ada.sees("echo: hi")
        ada.is_asked()
        ada.types("hello")
        ada.sees("Bot: echo: hello")
        assert unwanted not in ada.raw


def test_a_terminal_without_unicode_shows_what_it_can(system, token_file):
    env = {"PYTHONIOENCODING": "latin-1:strict"}
    with person(system.web.url, "--token-file", str(token_file), env=env) as ada:
        ada.is_asked()
        Plain(system.web.ws, token_file.read_text().strip()).say("名前")
        ada.sees("echo: ??")
        ada.types("hello")
        ada.sees("echo: hello")


def test_bytes_that_are_no_text_are_typed_and_nothing_breaks(system):
    with person(system.web.url, env={"PYTHONIOENCODING": "utf-8:strict"}) as ada:
        ada.is_asked()
        ada.strikes(b"\xff\xfe hello\r")
        ada.sees("hello")
        ada.sees("hello")
        ada.is_asked()
        assert "Traceback" not in ada.screen


def test_the_token_is_not_seen(system, ada, token_file):
    token = token_file.read_text().strip()
    ada.types("hello")
    ada.sees("echo: hello")
    ada.is_asked()
    assert token not in ada.screen
    with person(system.web.url, "--token-file", str(token_file)) as again:
        again.is_asked()
        assert token not in again.screen
        for process in psutil.process_iter(["cmdline"]):
            assert token not in " ".join(process.info["cmdline"] or [])


def test_a_ctrl_c_too_late_for_one_reply_stops_no_other(system, monkeypatch):
    token = begin(system.web.url)
    lines = iter(["one", asks.words(20, delay=0.02), "/quit"])

    class Watched(Connection):
        """Presses Ctrl-C when the first reply is known to be whole, before the next prompt."""

        pressed = False

        def look(self):
            view = super().look()
            if not self.pressed and view.conversation.turns and not view.at_work:
                self.pressed = True
                os.kill(os.getpid(), signal.SIGINT)
            return view

    def opened(on_change):
        connection = Watched(system.web.url, token, on_change)
        connection.start()
        return connection

    monkeypatch.setattr("builtins.input", lambda _: next(lines))
    monkeypatch.setattr(prompt, "silent_keyboard", nullcontext)
    monkeypatch.setattr(prompt, "modes_kept", lambda *_: nullcontext())
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        prompt.Prompt(opened, opened).run()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    assert history(system.web.url, token)[3]["msg"] == f"Bot: {asks.said(asks.words(20))}"
