"""Fixtures for all tests: one Redis for the steps, and one whole system."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from chat.redis_client import connect
from chat.session_store import SessionStore
from local.redis import EmbeddedRedis
from tests.pty_terminal import Person, person
from tests.system import System

TTL = 3600  # seconds; the expiry of the sessions of `store`

# The folders whose files take longest: they come first, so that all processes of `make test` end
# at about the same time.
SLOWEST_FIRST = (
    "browser",
    "local",
    "faults",
    "terminal",
    "web",
    "deploy",
    "bench",
    "chat",
    "tasks",
)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Order the tests by folder; within a folder they stay as they are."""

    def rank(item: pytest.Item) -> int:
        folder = item.path.relative_to(Path(__file__).parent).parts[0]
        return SLOWEST_FIRST.index(folder) if folder in SLOWEST_FIRST else len(SLOWEST_FIRST)

    items.sort(key=rank)


@pytest.fixture(scope="session")
def _redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedRedis]:
    with EmbeddedRedis(tmp_path_factory.mktemp("redis"), appendfsync=None) as server:
        yield server


@pytest.fixture
def client(_redis: EmbeddedRedis) -> Iterator[redis.Redis]:
    """A client of an empty Redis."""
    client = connect(_redis.url)
    client.flushall()
    yield client
    client.close()


@pytest.fixture
def store(client: redis.Redis) -> SessionStore:
    return SessionStore(client, TTL)


@pytest.fixture
def token(store: SessionStore) -> str:
    """The token of a new session."""
    return store.create("Ada").token


@pytest.fixture(scope="session")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """Two web and two worker processes, for all tests that kill no process."""
    with System(tmp_path_factory.mktemp("system")) as system:
        yield system


@pytest.fixture
def token_file(tmp_path: Path) -> Path:
    return tmp_path / "token"


@pytest.fixture
def ada(system: System, token_file: Path) -> Iterator[Person]:
    """Ada at the prompt of `python -m terminal`, whose token is kept in ``token_file``."""
    with person(system.web.url, "--token-file", str(token_file)) as ada:
        ada.is_asked()
        yield ada
