"""The systemd units start what the Procfile starts, and leave time to end."""

from __future__ import annotations

import configparser
import shlex

import pytest

from chat.timing import GRACEFUL_TIMEOUT
from tests.deploy.launch import PROCFILE
from tests.processes import ROOT

FOLDER = ROOT / "deploy" / "systemd"
UNITS = {
    "web": "chat-web@.service",
    "worker": "chat-worker@.service",
    "flower": "chat-flower.service",
}
# What a unit adds to the Procfile's command, since several run on one machine.
ADDED = {
    "web": ["--bind", "127.0.0.1:%i"],
    "worker": ["-n", "worker%i@%H"],
    "flower": ["--address=127.0.0.1"],
}
INSTALLED = "/opt/chat"


def service(name: str) -> configparser.SectionProxy:
    parser = configparser.ConfigParser(interpolation=None, delimiters=["="])
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read(FOLDER / UNITS[name])
    return parser["Service"]


def test_there_is_a_unit_for_each_process_of_the_procfile():
    assert set(UNITS) == set(PROCFILE)
    assert sorted(UNITS.values()) == sorted(path.name for path in FOLDER.iterdir())


@pytest.mark.parametrize("name", UNITS)
def test_its_command_is_that_of_the_procfile(name):
    program, *arguments = shlex.split(service(name)["ExecStart"])
    assert program == f"{INSTALLED}/.venv/bin/{PROCFILE[name][0]}"
    for word in ADDED[name]:
        arguments.remove(word)
    assert arguments == PROCFILE[name][1:]


@pytest.mark.parametrize("name", UNITS)
def test_it_is_not_killed_before_it_has_ended_and_starts_again(name):
    unit = service(name)
    assert float(unit["TimeoutStopSec"]) > GRACEFUL_TIMEOUT + 5
    assert (unit["Restart"], unit["KillMode"]) == ("always", "mixed")
    assert unit["User"] == "chat"


def test_a_web_process_may_open_as_many_files_as_websockets():
    assert int(service("web")["LimitNOFILE"]) > 20_000
