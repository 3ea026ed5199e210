"""The console: one column of names, coloured only on a terminal."""

import os
import pty

from local.console import Console


def print_lines(out):
    console = Console(out, ["web", "worker"])
    console.print_output("web", "hello")
    console.print("there")


def test_a_file_gets_plain_lines(tmp_path):
    with (tmp_path / "log").open("w") as out:
        print_lines(out)
    assert (tmp_path / "log").read_text() == "web    | hello\nthere\n"


def test_a_terminal_gets_coloured_names(monkeypatch):
    monkeypatch.delenv("NO_COLOR", raising=False)
    reader, writer = pty.openpty()
    with os.fdopen(writer, "w") as out:
        print_lines(out)
        assert os.read(reader, 1000).startswith(b"\x1b[36mweb    |\x1b[0m hello\r\n")
    os.close(reader)


def test_with_no_color_a_terminal_gets_plain_names(monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    reader, writer = pty.openpty()
    with os.fdopen(writer, "w") as out:
        print_lines(out)
        assert os.read(reader, 1000).startswith(b"web    | hello\r\n")
    os.close(reader)
