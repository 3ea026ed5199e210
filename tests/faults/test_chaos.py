"""A short run of `make chaos`."""

from tests.chaos import chaos


def test_nothing_is_lost_twice_out_of_order_or_torn_while_anything_dies():
    outcome = chaos(seconds=20.0, seed=4, users=12)
    assert outcome.broken() == []
    assert len(outcome.kills) >= 3
    assert outcome.replies > 50
