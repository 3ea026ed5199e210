"""A short run of the chaos that `make chaos` makes for as long as one likes."""

from tests.chaos import chaos


def test_nothing_is_lost_twice_out_of_order_or_torn_while_anything_dies():
    count = chaos(seconds=20.0, seed=4, users=12)
    assert count.broken() == []
    assert len(count.kills) >= 3
    assert count.replies > 50
