"""What reaches the terminal: no control characters, no token, only styles that it wants."""

from __future__ import annotations

import psutil
import pytest

from tests.clients import Plain
from tests.pty_terminal import CHAT, Person, person

ESCAPES = "\x1b]0;owned\x07\x1b[2J\x9b31m\x08\x7f red"
CLEANED = "\ufffd]0;owned\ufffd\ufffd[2J\ufffd31m\ufffd\ufffd red"


def test_messages_from_elsewhere_are_printed_above_the_line_being_typed(system, ada, token_file):
    ada.strikes("half a li")
    ada.sees("half a li")
    Plain(system.webs[1].ws, token_file.read_text().strip()).say("from my phone")
    ada.sees("from my phone")
    ada.sees("echo: from my phone")
    ada.sees("Ada: half a li")
    ada.types("ne")
    ada.sees("echo: half a line")


@pytest.mark.parametrize(
    ("columns", "erased"), [(30, False), (80, True)], ids=["wraps", "fits on one row"]
)
def test_only_a_line_that_fits_on_one_row_is_redrawn_there(system, token_file, columns, erased):
    line = "a line of some more letters"
    options = ("--token-file", str(token_file))
    with person(system.web.url, *options, columns=columns) as ada:
        ada.is_asked()
        ada.strikes(line[:-4])
        ada.sees(line[:-4])
        ada.strikes(line[-4:])
        ada.sees(line[-1])  # the terminal may have wrapped the text before it
        before = len(ada.raw)
        Plain(system.web.ws, token_file.read_text().strip()).say("hi")
        ada.sees("echo: hi")
        ada.sees(f"Ada: {line}")
        assert ("\r\x1b[K" in ada.raw[before:].partition("echo: hi")[0]) is erased
        ada.types("")
        ada.sees(f"echo: {line}")


def test_no_text_can_control_the_terminal(system, ada, token_file):
    Plain(system.web.ws, token_file.read_text().strip()).say(ESCAPES)
    ada.sees(f"Ada:\x1b[0m {CLEANED}")
    ada.sees(f"echo: {CLEANED}")
    ada.is_asked()
    with person(system.web.url, name="A\x1b[31mda") as mallory:
        mallory.sees("A\ufffd[31mda: ")


def test_no_reply_to_a_piped_message_can_control_the_terminal(system):
    command = f'printf "\\033]0;owned\\007" | {" ".join(CHAT)} --url {system.web.url}'
    someone = Person("/bin/sh", "-c", command)
    someone.sees("echo: \ufffd]0;owned\ufffd")
    assert someone.sees_end() == 0


@pytest.mark.parametrize(
    ("env", "unwanted"), [({"NO_COLOR": "1"}, "\x1b[1m"), ({"TERM": "dumb"}, "\x1b")]
)
def test_a_terminal_gets_no_styles_that_it_does_not_want(system, token_file, env, unwanted):
    with person(system.web.url, "--token-file", str(token_file), env=env) as ada:
        ada.is_asked()
        Plain(system.web.ws, token_file.read_text().strip()).say("hi")
        ada.sees("echo: hi")
        ada.is_asked()
        ada.types("hello")
        ada.sees("Bot: echo: hello")
        assert unwanted not in ada.raw


def test_a_terminal_without_unicode_gets_the_characters_that_it_can_show(system, token_file):
    env = {"PYTHONIOENCODING": "latin-1:strict"}
    with person(system.web.url, "--token-file", str(token_file), env=env) as ada:
        ada.is_asked()
        Plain(system.web.ws, token_file.read_text().strip()).say("名前")
        ada.sees("echo: ??")
        ada.types("hello")
        ada.sees("echo: hello")


def test_the_token_is_in_no_output_and_in_no_command_line(system, ada, token_file):
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
