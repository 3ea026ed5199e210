"""A short run of `make chaos`."""

from tests.chaos import chaos


def test_no_reply_is_lost_duplicated_reordered_or_incomplete_while_processes_are_killed():
    outcome = chaos(seconds=20.0, seed=4, users=12)
    assert outcome.broken() == []
    assert len(outcome.kills) >= 3
    assert outcome.replies > 50
