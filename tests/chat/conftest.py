"""The mailbox and the session store on a real, empty Redis."""

from __future__ import annotations

import pytest
import redis

from chat.mailbox import Mailbox
from chat.session_store import SessionStore

TTL = 3600  # seconds


@pytest.fixture
def store(client: redis.Redis) -> SessionStore:
    return SessionStore(client, TTL)


@pytest.fixture
def mailbox(client: redis.Redis) -> Mailbox:
    return Mailbox(client, TTL)


@pytest.fixture
def token(store: SessionStore) -> str:
    """The token of a new session."""
    return store.create("Ada").token
