"""The mailbox on a real, empty Redis."""

from __future__ import annotations

import pytest
import redis

from chat.mailbox import Mailbox
from tests.conftest import TTL


@pytest.fixture
def mailbox(client: redis.Redis) -> Mailbox:
    return Mailbox(client, TTL)
