"""The relations between times that depend on each other."""

from chat import timing
from chat.redis_client import SOCKET_TIMEOUT
from tests.processes import ROOT
from web.transport.websocket import Times


def test_several_renewals_may_fail_before_a_lease_ends():
    assert timing.RENEWAL_INTERVAL * 4 <= timing.LEASE_DURATION


def test_text_is_written_long_before_the_lease_needs_renewal():
    assert timing.FIRST_WRITE_DELAY < timing.WRITE_INTERVAL
    assert timing.WRITE_INTERVAL * 4 <= timing.RENEWAL_INTERVAL


def test_recovery_finds_a_dead_worker_soon_after_its_lease_ends():
    assert timing.RECOVERY_INTERVAL * 2 <= timing.LEASE_DURATION


def test_a_task_counts_as_lost_only_after_recovery_could_have_seen_it_taken():
    assert timing.TASK_LOST_AFTER > timing.RECOVERY_INTERVAL


def test_a_worker_outlasts_at_least_one_command_that_times_out():
    assert timing.REDIS_OUTAGE_TIMEOUT > SOCKET_TIMEOUT


def test_a_web_process_ends_in_order_before_it_is_killed():
    times = Times()
    last_close = timing.CLOSE_DURATION + times.send_timeout + times.close_timeout
    assert last_close < timing.GRACEFUL_TIMEOUT < timing.KILLED_AFTER


def test_gunicorn_uses_the_graceful_timeout():
    assert "graceful_timeout = int(GRACEFUL_TIMEOUT)" in (ROOT / "gunicorn.conf.py").read_text()
