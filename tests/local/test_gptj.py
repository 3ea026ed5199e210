"""If GPT-J cannot be served, one sentence gives the reason and the remedy."""

from __future__ import annotations

import shutil
from collections import namedtuple

import pytest
from huggingface_hub import constants

from local import gptj
from local.errors import CannotStart
from local.port import free_port

Usage = namedtuple("Usage", "free")


@pytest.fixture(autouse=True)
def hub(monkeypatch, tmp_path):
    """An empty cache, and a hub that cannot be reached."""
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(constants, "ENDPOINT", f"http://127.0.0.1:{free_port()}")


def sentence(raised) -> str:
    return str(raised.value).removesuffix(".")


def test_too_little_memory_is_reported():
    gptj.require_memory(16e9)
    with pytest.raises(CannotStart, match=r"needs 14 GB of memory and 8 are free.*TINY=1") as why:
        gptj.require_memory(8e9)
    assert ". " not in sentence(why)


def test_weights_that_cannot_be_downloaded_are_reported():
    with pytest.raises(CannotStart, match=r"not on this machine.*ConnectionError.*TINY=1") as why:
        gptj.require_weights()
    assert ". " not in sentence(why)


def test_a_disk_without_room_for_the_weights_is_reported(monkeypatch, tmp_path):
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(5e9))
    with pytest.raises(CannotStart, match=rf"{tmp_path} has 5 free.*HF_HOME.*TINY=1"):
        gptj.require_weights()
