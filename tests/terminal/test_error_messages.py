"""A failed reply in a history is explained in the same words as by the server."""

from __future__ import annotations

import pytest

from chat.errors import Internal, ModelError, ModelRefused, ModelTimeout, ModelUnavailable
from terminal.error_messages import error_message


@pytest.mark.parametrize("error", [ModelUnavailable, ModelTimeout, ModelRefused, Internal])
def test_every_code_with_which_a_reply_can_end_has_the_servers_sentence(error):
    assert error_message(error.code) == error.msg


def test_there_are_no_other_model_errors():
    assert set(ModelError.__subclasses__()) == {ModelUnavailable, ModelTimeout, ModelRefused}


def test_an_unknown_code_has_the_sentence_for_an_internal_error():
    assert error_message("weather") == Internal.msg
