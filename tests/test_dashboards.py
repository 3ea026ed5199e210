"""The dashboard and the alerts name metrics and labels that a running system shows."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import promql_parser as promql
import pytest
import requests
import yaml
from prometheus_client.parser import text_string_to_metric_families

from tests.clients import Events, begin
from tests.processes import ROOT, wait_until

PROMETHEUS = ROOT / "deploy" / "prometheus"
DASHBOARD = json.loads((ROOT / "deploy" / "grafana" / "chat.json").read_text())
ALERTS = yaml.safe_load((PROMETHEUS / "alerts.yml").read_text())
RULES = [rule for group in ALERTS["groups"] for rule in group["rules"]]
PANELS = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
OPERATIONS = (ROOT / "docs" / "operations.md").read_text()


def expressions() -> Iterator[tuple[str, str]]:
    for rule in RULES:
        yield rule["alert"], rule["expr"]
    for panel in PANELS:
        for target in panel["targets"]:
            yield panel["title"], target["expr"].replace("$__rate_interval", "1m")


EXPRESSIONS = list(expressions())


def selectors(node: Any) -> Iterator[promql.VectorSelector]:
    """Yield the selectors in an expression."""
    if isinstance(node, promql.VectorSelector):
        yield node
    for name in ("lhs", "rhs", "expr", "selector", "vs", "vector_selector"):
        if (inner := getattr(node, name, None)) is not None:
            yield from selectors(inner)
    for argument in getattr(node, "args", None) or ():
        yield from selectors(argument)


@pytest.fixture(scope="module")
def shown(system) -> dict[str, list[dict[str, str]]]:
    """The labels of all samples of a system's metrics, by name."""
    client = Events(system.web.ws, begin(system.web.url))
    client.until_answered(client.say("hello"))

    def samples() -> dict[str, list[dict[str, str]]]:
        text = requests.get(f"{system.web.url}/metrics", timeout=20).text
        found: dict[str, list[dict[str, str]]] = {}
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                found.setdefault(sample.name, []).append(dict(sample.labels))
        return found

    def roles() -> set[str]:
        return {labels["role"] for labels in samples()["process_cpu_seconds_total"]}

    wait_until(lambda: roles() == {"web", "worker"})
    return samples()


@pytest.mark.parametrize(("title", "expression"), EXPRESSIONS)
def test_each_expression_selects_something_that_the_system_shows(shown, title, expression):
    found = list(selectors(promql.parse(expression)))
    assert found
    for selector in found:
        assert selector.name in shown, f"{selector.name} is no metric"
        for matcher in selector.matchers.matchers:
            values = {labels[matcher.name] for labels in shown[selector.name]}  # KeyError: no label
            wanted = matcher.value.split("|") if matcher.op == promql.MatchOp.Re else []
            if matcher.op == promql.MatchOp.Equal:
                wanted = [matcher.value]
            assert set(wanted) <= values, f"no {matcher.name}={wanted} in {selector.name}"


def test_each_metric_of_ours_is_in_the_dashboard_and_in_operations(shown):
    used = {selector.name for _, text in EXPRESSIONS for selector in selectors(promql.parse(text))}
    ours = {name.removesuffix("_count") for name in shown if name.startswith("chat_")}
    families = {name.removesuffix("_sum").removesuffix("_bucket") for name in ours}
    for family in families:
        assert any(name.startswith(family) for name in used), f"{family} is in no panel"
        assert f"`{family}`" in OPERATIONS, f"{family} is not in docs/operations.md"


def test_each_legend_of_a_panel_names_a_label_that_its_expression_keeps():
    for panel in PANELS:
        for target in panel["targets"]:
            legend = target["legendFormat"]
            for label in ("code", "role", "mode", "step", "process"):
                if f"{{{{{label}}}}}" in legend:
                    assert label in target["expr"], panel["title"]


def test_panels_do_not_overlap_and_have_ids_of_their_own():
    cells = set()
    for panel in DASHBOARD["panels"]:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        for x in range(place["x"], place["x"] + place["w"]):
            for y in range(place["y"], place["y"] + place["h"]):
                assert (x, y) not in cells, panel["title"]
                cells.add((x, y))
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_each_alert_says_what_is_wrong_and_operations_what_to_do(rule):
    assert rule["annotations"]["summary"]
    assert rule["labels"]["severity"] in ("page", "ticket")
    assert f"`{rule['alert']}`" in OPERATIONS


def test_the_alerts_of_the_contract_have_its_bounds():
    by_name = {rule["alert"]: rule["expr"] for rule in RULES}
    assert by_name["ChatOldestMessageWaits"] == "max(chat_oldest_waiting_seconds) > 30"
    assert by_name["ChatNoWorker"] == "min(chat_worker_heartbeat_age_seconds) > 15"
