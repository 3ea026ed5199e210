"""A conversation as Markdown."""

from __future__ import annotations

from terminal.conversation import Conversation, Exchange, Reply
from terminal.export import export, markdown

CONVERSATION = Conversation(
    "Ada",
    "t0",
    (
        Exchange("h1", "Hello", "t1", Reply("b1", "Hi!", 0, "done", "", "t2")),
        Exchange("h2", "And?", "t3", Reply("b2", "Well", 0, "stopped", "", "t4")),
        Exchange("h3", "Then?", "t5", Reply("", "", 0, "failed", "No model.")),
        Exchange("h4", "Still?", "t6", Reply("b4", "I", 1)),
    ),
)


def test_an_export_has_each_speaker_each_time_and_how_each_reply_ended():
    assert markdown(CONVERSATION).split("\n\n") == [
        "# A chat with Ada",
        "Started t0",
        "**Ada** (t1)",
        "Hello",
        "**Bot** (t2)",
        "Hi!",
        "**Ada** (t3)",
        "And?",
        "**Bot** (t4, stopped)",
        "Well",
        "**Ada** (t5)",
        "Then?",
        "**Bot**, failed",
        "**Ada** (t6)",
        "Still?",
        "**Bot**, unfinished",
        "I\n",
    ]


def test_an_export_goes_into_the_current_directory_by_default(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    written = export(CONVERSATION)
    assert written.name.startswith("chat-20")
    assert (tmp_path / written).read_text() == markdown(CONVERSATION)
