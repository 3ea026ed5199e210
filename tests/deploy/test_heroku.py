"""`app.json` and `.python-version` fit the code and the Procfile."""

from __future__ import annotations

import json
import re

from chat.settings import REDIS_VARIABLES, SettingsSchema, load_settings
from tests.deploy.launch import PROCFILE, VARIABLES
from tests.processes import ROOT

APP = json.loads((ROOT / "app.json").read_text())
VERSION = (ROOT / ".python-version").read_text().strip()


def test_the_formation_has_the_dynos_of_the_procfile():
    assert set(APP["formation"]) == set(PROCFILE)
    assert APP["formation"]["web"]["quantity"] >= 1
    assert APP["formation"]["worker"]["quantity"] >= 1


def test_flower_starts_only_when_somebody_scales_it():
    assert APP["formation"]["flower"]["quantity"] == 0


def test_each_variable_is_one_of_the_code_and_has_a_description():
    assert set(APP["env"]) <= VARIABLES
    assert all(len(entry["description"]) > 20 for entry in APP["env"].values())


def test_an_app_with_the_given_values_starts():
    values = {name: entry["value"] for name, entry in APP["env"].items() if "value" in entry}
    settings = load_settings({**values, "MODEL_URL": "https://model.example.com/v1"})
    assert (settings.web_concurrency, settings.worker_concurrency) == (1, 50)


def test_only_the_model_must_be_given():
    needed = [name for name, entry in APP["env"].items() if entry.get("required", False)]
    optional = {"value", "generator", "required"}
    assert needed == ["MODEL_URL"]
    assert all(optional & set(entry) for entry in APP["env"].values())


def test_the_add_on_sets_the_variable_that_the_settings_read():
    [addon] = APP["addons"]
    assert addon.startswith("rediscloud:")
    url = "redis://default:password@redis-1.example.com:12345"
    assert load_settings({"REDISCLOUD_URL": url}).redis_url == url


def test_the_documented_order_of_the_variables_of_redis_is_that_of_the_settings():
    text = (ROOT / "docs" / "deploy.md").read_text()
    listed = re.findall(r"^\d\. `(REDIS\w+)`", text, re.MULTILINE)
    assert [*listed, "REDIS_PORT"] == list(REDIS_VARIABLES)


def test_the_python_of_the_dynos_is_one_that_local_venv_takes():
    assert f"python{VERSION}" in (ROOT / "local" / "venv.sh").read_text()


def test_the_list_of_variables_is_that_of_the_settings():
    assert {"PORT", "MODEL_URL", "REDIS_URL", "REDISCLOUD_URL", "FLOWER_BASIC_AUTH"} <= VARIABLES
    assert len(VARIABLES) > len(SettingsSchema().fields)
