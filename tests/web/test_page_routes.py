"""The page's files over HTTP."""

from __future__ import annotations

import gzip
import re

import pytest
import requests

from tests.processes import ROOT

MAX_FIRST_LOAD = 150_000  # bytes
BUILD = ROOT / "web" / "static"
INDEX = (BUILD / "index.html").read_text()
NAMES = re.findall(r'(?:src|href)="/static/([^"]+)"', INDEX)


def get(system, path, **headers):
    return requests.get(system.web.url + path, headers=headers, stream=True, timeout=20)


def bytes_on_the_wire(system, path):
    response = get(system, path)
    return len(response.raw.read(decode_content=False))


def test_the_first_load_is_small(system):
    assert len(NAMES) == 3  # the script, the style and the icon
    paths = ["/", *(f"/static/{name}" for name in NAMES)]
    assert sum(bytes_on_the_wire(system, path) for path in paths) < MAX_FIRST_LOAD


@pytest.mark.parametrize("name", NAMES)
def test_a_file_is_compressed_if_the_client_accepts_gzip(system, name):
    packed = get(system, f"/static/{name}", **{"Accept-Encoding": "gzip"})
    plain = get(system, f"/static/{name}", **{"Accept-Encoding": "identity"})
    assert gzip.decompress(packed.raw.read(decode_content=False)) == (BUILD / name).read_bytes()
    assert plain.raw.read(decode_content=False) == (BUILD / name).read_bytes()
    assert (packed.headers["Vary"], plain.headers["Vary"]) == ("Accept-Encoding",) * 2
    assert packed.headers["Content-Type"] == plain.headers["Content-Type"]
    assert "nosniff" in packed.headers["X-Content-Type-Options"]


def test_a_file_with_a_hash_in_its_name_is_cached_and_the_page_is_revalidated(system):
    for name in NAMES:
        control = get(system, f"/static/{name}").headers["Cache-Control"]
        assert ("immutable" in control) == name.startswith("index-")
    page = get(system, "/")
    assert page.headers["Cache-Control"] == "no-cache"
    again = get(system, "/", **{"If-None-Match": page.headers["ETag"]})
    assert again.status_code == 304


@pytest.mark.parametrize("name", ["nothing.js", "..%2fapp.py"])
def test_other_files_are_not_served(system, name):
    assert get(system, f"/static/{name}").status_code == 404
