"""A result that is kept for a while, of a check that may hang or raise."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

from web.recent_result import RecentResult


class Check:
    """Counts its calls; hangs until it is released."""

    def __init__(self) -> None:
        self.calls = 0
        self.released = threading.Event()
        self.raises = False

    def __call__(self) -> int:
        self.calls += 1
        assert self.released.wait(20)
        if self.raises:
            raise ValueError("a bug")
        return self.calls


def test_all_who_ask_at_once_get_the_result_of_one_check():
    check = Check()
    result = RecentResult(check, max_age=60, timeout=20)
    with ThreadPoolExecutor(10) as pool:
        asked = [pool.submit(result.get) for _ in range(10)]
        check.released.set()
        assert [each.result() for each in asked] == [1] * 10
    assert result.get() == 1
    assert check.calls == 1


def test_a_check_that_hangs_delays_nobody_for_longer_than_the_timeout_and_runs_once():
    check = Check()
    result = RecentResult(check, max_age=60, timeout=0.1)
    began = time.monotonic()
    assert result.get() is None
    assert result.get() is None
    assert time.monotonic() - began < 10
    assert check.calls == 1
    check.released.set()
    while result.get() is None:
        pass
    assert check.calls == 1


def test_an_old_result_is_not_shown_again():
    check = Check()
    check.released.set()
    result = RecentResult(check, max_age=0.01, timeout=20)
    assert result.get() == 1
    time.sleep(0.02)
    assert result.get() == 2


def test_a_check_that_raises_is_logged_and_asked_again_later(caplog):
    check = Check()
    check.raises = True
    check.released.set()
    result = RecentResult(check, max_age=60, timeout=20)
    assert result.get() is None
    assert "a bug" in caplog.text
    assert check.calls == 1
