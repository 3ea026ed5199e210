"""A system of their own for tests that kill parts of it; what was killed is started again."""

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
    """Two web and two worker processes, all of them up."""
    _breakable.revive()
    return _breakable
