"""Fragments are joined to messages of a limited size."""

from __future__ import annotations

import pytest
from wsproto.events import BytesMessage, TextMessage

from web.transport.message_assembler import MAX_MESSAGE_BYTES, MessageAssembler, MessageTooBig


def test_a_message_is_returned_with_its_last_fragment():
    assembler = MessageAssembler()
    assert assembler.add(TextMessage("a", message_finished=False)) is None
    assert assembler.add(TextMessage("☕", message_finished=True)) == "a☕"
    assert assembler.add(BytesMessage(b"\x00", message_finished=True)) == b"\x00"


def test_the_limit_counts_the_bytes_of_a_text():
    assembler = MessageAssembler()
    text = "☕" * (MAX_MESSAGE_BYTES // 3)
    assert assembler.add(TextMessage(text)) == text
    with pytest.raises(MessageTooBig):
        assembler.add(TextMessage(text + "xx"))


def test_all_fragments_of_a_message_count_together():
    assembler = MessageAssembler()
    half = bytes(MAX_MESSAGE_BYTES // 2)
    assembler.add(BytesMessage(half, message_finished=False))
    assembler.add(BytesMessage(half, message_finished=False))
    with pytest.raises(MessageTooBig):
        assembler.add(BytesMessage(b"x"))
