"""The commands at the prompt: /retry, /continue, /edit, /new, /export, /help."""

from __future__ import annotations

from tests import directives
from tests.clients import history
from tests.pty_terminal import person, saved_messages


def test_a_failed_reply_has_a_reason_and_can_be_retried(system, ada, token_file):
    ada.types(directives.fails_once(system))
    ada.sees("The reply failed: The model could not answer this message.")
    ada.is_asked()
    with person(system.web.url, "--token-file", str(token_file)) as again:
        again.sees("The reply failed: The model could not answer this message.")
        again.is_asked()
    ada.types("/retry")
    ada.sees("echo: please")
    ada.is_asked()
    assert len(saved_messages(system.web.url, token_file)) == 2


def test_a_finished_reply_can_be_retried(system, ada, token_file):
    ada.types("/retry")
    ada.sees("There is no message yet.")
    ada.is_asked()
    ada.types("hello")
    ada.sees("echo: hello")
    ada.is_asked()
    ada.types("/retry")
    ada.sees("echo: hello")
    ada.is_asked()
    assert ada.screen.count("Bot: echo: hello") == 2
    assert saved_messages(system.web.url, token_file) == ["Human: hello", "Bot: echo: hello"]


def test_a_reply_that_was_cut_is_continued(system, ada, token_file):
    ada.types("/continue")
    ada.sees("There is no message yet.")
    ada.is_asked()
    ada.types(directives.cut(4, number=4))
    ada.sees("echo: please w0 w1")
    ada.sees("The model's limit has cut the reply. (/continue)")
    ada.is_asked()
    ada.types("/continue")
    ada.sees("w2 w3")
    ada.is_asked()
    ada.types("/continue")
    ada.sees("The last reply is complete. /retry generates another one.")
    ada.is_asked()
    assert saved_messages(system.web.url, token_file)[1:] == ["Bot: echo: please w0 w1 w2 w3"]


def test_the_last_message_is_edited_with_the_command_or_at_the_prompt(system, ada, token_file):
    ada.types("hello")
    ada.sees("echo: hello")
    ada.is_asked()
    ada.types("/edit hello there")
    ada.sees("echo: hello there")
    ada.is_asked()
    ada.types("/edit")
    ada.sees("/edit hello there")  # to be edited
    ada.types(" again")
    ada.sees("echo: hello there again")
    ada.is_asked()
    messages = saved_messages(system.web.url, token_file)
    assert messages == ["Human: hello there again", "Bot: echo: hello there again"]


def test_an_edit_that_the_server_refuses_has_a_reason(system, ada, token_file):
    ada.types("hello")
    ada.sees("echo: hello")
    ada.is_asked()
    ada.types("/edit " + "x " * 2001)
    ada.sees("too long")
    ada.is_asked()
    assert saved_messages(system.web.url, token_file) == ["Human: hello", "Bot: echo: hello"]


def test_a_model_that_thinks_is_announced(system, ada, token_file):
    with directives.held(system, at=0) as hold:
        ada.types(hold.ask)
        hold.wait()
        token = token_file.read_text().strip()
        human, reply = history(system.web.url, token)
        directives.publish_thinking(system, token, reply["id"], human["id"])
        ada.sees("thinking…")
        hold.release()
        ada.sees(hold.text)


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
    messages = saved_messages(system.web.url, token_file)
    assert messages == ["Human: hello again", "Bot: echo: hello again"]
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
    ada.sees("already exists. Choose another file.")
    ada.types("/export /nowhere/at/all.md")
    ada.sees("cannot be written: No such file or directory.")


def test_help_lists_the_commands_and_others_are_refused(system, ada, token_file):
    ada.types("/help")
    for command in ("/retry", "/continue", "/edit", "/new", "/export", "/quit"):
        ada.sees(command)
    ada.is_asked()
    ada.types("/dance on the table")
    ada.sees("/dance is not a command. /help lists the commands.")
    ada.is_asked()
    ada.types("   ")
    ada.is_asked()
    assert saved_messages(system.web.url, token_file) == []


def test_a_message_may_begin_with_a_slash(ada):
    ada.types("//etc is a folder")
    ada.sees("echo: /etc is a folder")
