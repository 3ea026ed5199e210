"""A system that tests may break. Killed processes are started again before the next test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.system import System


@pytest.fixture(scope="module")
def _breakable(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    with System(tmp_path_factory.mktemp("faults"), appendfsync="always") as system:
        yield system


@pytest.fixture
def system(_breakable: System) -> System:
    """Two web and two worker processes, all running."""
    _breakable.revive()
    return _breakable
