"""The commands in the Procfile and the Makefile name programs and options that exist."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path

import flower.options
import pytest
from celery import Celery
from celery.app.utils import find_app
from celery.bin.celery import celery

from chat.settings import SettingsSchema
from tests.processes import ROOT

BIN = Path(sys.executable).parent
COMMANDS = dict(
    line.split(": ", 1) for line in (ROOT / "Procfile").read_text().splitlines() if line
)


def test_the_procfile_has_three_dynos():
    assert list(COMMANDS) == ["web", "worker", "flower"]


@pytest.mark.parametrize("command", COMMANDS.values())
def test_its_program_is_installed(command):
    assert os.access(BIN / shlex.split(command)[0], os.X_OK)


def test_gunicorn_accepts_its_configuration_and_finds_the_application():
    command = [str(BIN / COMMANDS["web"]), "--check-config"]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert run.returncode == 0, run.stderr


@pytest.mark.parametrize("dyno", ["worker", "flower"])
def test_celery_finds_the_application_and_the_command(dyno):
    _, flag, app, command, *_ = shlex.split(COMMANDS[dyno])
    assert flag == "-A"
    assert isinstance(find_app(app), Celery)
    assert command in celery.commands


@pytest.mark.parametrize(("env", "port"), [({"PORT": "5432"}, "5432"), ({}, "5555")])
def test_flower_gets_a_port_also_where_only_web_has_one(env, port):
    """Heroku promises PORT to web dynos only."""
    option = shlex.split(COMMANDS["flower"])[4]
    shell = ["/bin/sh", "-c", f"echo {option}"]
    assert subprocess.run(shell, env=env, capture_output=True, text=True).stdout == (
        f"--port={port}\n"
    )
    assert "port" in flower.options.options


def test_the_example_names_every_setting():
    example = (ROOT / ".env.example").read_text()
    for field in SettingsSchema().fields.values():
        assert f"# {field.data_key}=" in example


def test_the_example_changes_nothing_as_it_stands():
    lines = (ROOT / ".env.example").read_text().splitlines()
    assert all(line.startswith("#") for line in lines if line)


@pytest.mark.parametrize("name", ["gptj", "local", "test"])
def test_requirements_begin_with_those_of_the_dynos(name):
    assert (ROOT / f"requirements-{name}.txt").read_text().startswith("-r requirements.txt\n")


def run_without_programs(script: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a script in ``local/`` with a PATH that has no programs."""
    return subprocess.run(
        ["/bin/sh", f"local/{script}", *arguments],
        cwd=ROOT,
        env={"PATH": "/nowhere"},
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_a_machine_without_a_supported_python_gets_a_message(tmp_path):
    run = run_without_programs("venv.sh", str(tmp_path / "venv"))
    assert run.returncode == 1
    assert run.stderr.startswith("No Python 3.11, 3.12 or 3.13 was found")
    assert not (tmp_path / "venv").exists()


def test_a_machine_without_apt_gets_the_name_of_the_missing_package():
    run = run_without_programs("debian.sh", "chromium")
    assert run.returncode == 1
    assert run.stderr.startswith("chromium is missing: install it")
