"""What `/metrics` of a web process shows."""

from __future__ import annotations

import requests
from prometheus_client.parser import text_string_to_metric_families

from tests.processes import Web


def page(web: Web) -> str:
    response = requests.get(f"{web.url}/metrics", timeout=20)
    assert response.status_code == 200
    assert response.headers["Content-Type"].startswith("text/plain")
    return response.text


class Scrape:
    """All samples of one scrape."""

    def __init__(self, web: Web) -> None:
        self.text = page(web)
        self.families = list(text_string_to_metric_families(self.text))
        self.samples = [sample for family in self.families for sample in family.samples]

    def sum(self, name: str, **labels: str) -> float:
        """Return the sum over all processes."""
        return sum(
            sample.value
            for sample in self.samples
            if sample.name == name and labels.items() <= sample.labels.items()
        )

    def processes(self, name: str) -> set[str]:
        """Return the processes in whose samples of this name something was counted."""
        found = [sample for sample in self.samples if sample.name == name and sample.value]
        return {sample.labels["process"] for sample in found}
