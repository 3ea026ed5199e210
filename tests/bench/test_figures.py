"""The figures computed from measurements."""

from __future__ import annotations

import asyncio

import pytest

from bench.figures import formatted, median_ratio, percentile
from bench.flame_graph import share, summary
from bench.goals import Goal
from bench.load.conversation import Reply
from bench.load.runs import pace, stream_figures
from bench.processes import BrokenRun, checked
from bench.report import BEGIN, END, goals, insert, table
from bench.result import OURS, Result
from bench.systems import Usage


@pytest.fixture
def result() -> Result:
    result = Result("streams", "streams", quick=False)
    # The machine is three times slower in the last round, for both systems.
    rounds = ((10.0, 20.0), (10.0, 20.0), (30.0, 60.0))
    result.add(150, {OURS: [{"gap_p99_ms": ours} for ours, _ in rounds]})
    result.add(150, {"peer": [{"gap_p99_ms": peer} for _, peer in rounds]})
    return result


@pytest.mark.parametrize(("percent", "value"), [(0, 1), (1, 2), (50, 51), (99, 100), (100, 100)])
def test_a_percentile_is_one_of_the_values(percent, value):
    assert percentile(range(1, 101), percent) == value


def test_a_percentile_of_nothing_is_refused():
    with pytest.raises(ValueError, match="no values"):
        percentile([], 50)


def test_a_ratio_is_computed_per_round_so_that_a_slow_machine_does_not_matter():
    assert median_ratio([1.0, 2.0, 9.0], [2.0, 4.0, 3.0]) == 0.5
    assert median_ratio([1.0], [0.0]) is None


def test_figures_have_three_digits():
    assert [formatted(value) for value in (0.12345, 12.345, 1234.5)] == ["0.123", "12.3", "1,230"]


def test_a_table_has_medians_and_for_peers_the_ratio_of_ours_to_theirs(result):
    assert table(result, ["gap_p99_ms"]).splitlines()[2:] == [
        "| ours | 150 | 10 |",
        "| peer | 150 | 20 (0.5) |",
    ]


@pytest.mark.parametrize(
    ("goal", "value", "met"),
    [
        (Goal("streams", 150, "gap_p99_ms", 9, None), 10, False),
        (Goal("streams", 150, "gap_p99_ms", 9, None, at_least=True), 10, True),
        (Goal("streams", 150, "gap_p99_ms", 0.5, None, "peer"), 0.5, True),
        (Goal("streams", 150, "gap_p99_ms", 0.5, None, "nobody"), None, None),
        (Goal("streams", 151, "gap_p99_ms", 0.5, None), None, None),
    ],
)
def test_a_goal_bounds_a_figure_or_its_ratio_to_a_peer(result, goal, value, met):
    assert goal.value(result) == value
    if value is not None:
        assert goal.met(value, goal.now) is met


def test_a_goal_without_a_measurement_is_neither_met_nor_missed():
    assert " yes " not in goals([])
    assert " no " not in goals([])


def test_a_saved_result_is_loaded_unchanged(result, tmp_path, monkeypatch):
    monkeypatch.setattr("bench.result.RESULTS", tmp_path)
    loaded = Result.load(result.save())
    assert loaded.rows == result.rows
    assert loaded.machine == result.machine


def test_generated_text_is_inserted_only_between_its_markers():
    text = f"before {BEGIN} old {END} after"
    assert insert(text, "new") == f"before {BEGIN}\n\nnew\n\n{END} after"
    assert insert(insert(text, "newer"), "new") == insert(text, "new")
    assert insert("no markers", "new") == "no markers"


def test_a_run_with_a_missing_reply_has_no_figures():
    with pytest.raises(BrokenRun, match="4 of 5"):
        checked({"asked": 5, "whole": 4, "p50_ms": 1})
    with pytest.raises(BrokenRun):
        checked({"asked": 0, "whole": 0})
    assert checked({"asked": 5, "whole": 5})["whole"] == 5


def test_usage_since_an_earlier_usage_is_the_difference():
    used = Usage({"web": 5.0}, 100, 70).since(Usage({"web": 4.0}, 90, 30))
    assert (used.cpu, used.commands, used.delta_us) == ({"web": 1.0}, 10, 40)


def test_the_pace_counts_words_and_not_those_of_the_first_frame():
    assert pace([(0.0, "w0 w1"), (0.5, " w2"), (1.0, " w3 w4")]) == 3.0


def test_stream_figures_are_first_token_gaps_and_the_slowest_pace():
    async def replies() -> list[Reply]:
        done = asyncio.get_running_loop().create_future
        even = [(0.1 * n, f" w{n}") for n in range(11)]
        held_up = [(0.4, " w0"), (2.4, " w1")]
        return [Reply(11, -0.1, done(), even), Reply(2, 0.1, done(), held_up)]

    figures = stream_figures(asyncio.run(replies()))
    assert figures["first_p99_ms"] == pytest.approx(300)
    assert figures["gap_p99_ms"] == pytest.approx(2000)
    assert figures["pace_p1_per_s"] == pytest.approx(0.5)
    assert figures["frames"] == 13


def test_a_profile_counts_a_function_once_per_stack_and_separately_where_it_is_innermost():
    stacks = (
        'process 7:"python -m x";main (a.py:1);work (b.py:2);work (b.py:9) 3\nmain (a.py:5) 1\n'
    )
    lines = summary(stacks).splitlines()
    assert lines[1:] == [
        "100.0 %  25.0 %  main (a.py)",
        " 75.0 %  75.0 %  work (b.py)",
        "4 samples",
    ]


def test_the_share_of_files_counts_each_sample_once():
    inside = "run (a.py:1);inc (prometheus_client/metrics.py:2);lock (chat/metrics.py:3) 1"
    stacks = f"{inside}\nrun (a.py:1) 3"
    assert share(stacks, ["prometheus_client", "chat/metrics"]) == 25
    assert share("", ["a.py"]) == 0
