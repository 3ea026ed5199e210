"""The token of a chat is kept in a file that only its owner can read."""

from __future__ import annotations

import stat
import uuid

import pytest

from terminal.errors import Failed
from terminal.token_file import TokenFile
from tests.clients import begin
from tests.pty_terminal import erase, person, pipe, saved_messages
from tests.terminal.http_server import TOKEN, http_server


def test_a_token_file_is_readable_by_its_owner_alone(tmp_path):
    path = tmp_path / "token"
    file = TokenFile(path)
    assert file.load() is None
    file.save(TOKEN)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert file.load() == TOKEN
    other = str(uuid.uuid4())
    file.save(other)
    assert file.load() == other
    assert list(tmp_path.iterdir()) == [path]


def test_a_token_replaces_one_that_others_could_read(tmp_path):
    path = tmp_path / "token"
    path.write_text(TOKEN)
    path.chmod(0o644)
    with pytest.raises(Failed, match=f"Other users can read .*chmod 600 {path}"):
        TokenFile(path).load()
    TokenFile(path).save(TOKEN)
    assert TokenFile(path).load() == TOKEN


@pytest.mark.parametrize("content", [b"", b"hello\n", b"\xff" * 40, TOKEN.upper().encode()])
def test_a_file_with_other_content_is_left_alone(tmp_path, content):
    path = tmp_path / "letter"
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(Failed, match="does not contain a token"):
        TokenFile(path).load()
    assert path.read_bytes() == content


def test_a_path_where_no_file_can_be_is_reported(tmp_path):
    file = TokenFile(tmp_path / "nowhere" / "token")
    assert file.load() is None
    with pytest.raises(Failed, match="cannot be written: No such file or directory"):
        file.save(TOKEN)
    with pytest.raises(Failed, match="cannot be read: Is a directory"):
        TokenFile(tmp_path).load()


def test_a_chat_continues_from_its_token_file(system, ada, token_file):
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
    assert len(saved_messages(system.web.url, token_file)) == 4


def test_the_token_file_of_an_ended_chat_begins_a_new_one(system, token_file):
    TokenFile(token_file).save(begin(system.web.url))
    erase(system.web.url, token_file)
    with person(system.web.url, "--token-file", str(token_file)) as ada:
        ada.sees("has ended. This is a new one.")
        ada.is_asked()
        ada.types("hello")
        ada.sees("echo: hello")


def test_a_server_that_is_no_chat_leaves_the_token_file_as_it_is(token_file):
    TokenFile(token_file).save(TOKEN)
    with http_server(404) as (url, received):
        run = pipe(url, "hello", "--token-file", str(token_file))
    assert (run.returncode, run.stdout) == (1, b"")
    assert b"(HTTP 404)" in run.stderr
    assert [line for line, _ in received] == ["GET /refresh_token HTTP/1.1"]
    assert TokenFile(token_file).load() == TOKEN
