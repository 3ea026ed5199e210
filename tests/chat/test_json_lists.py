"""Long JSON lists, and the other clients that are served meanwhile."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from chat.json_lists import decode_list, encode_object
from tests.processes import ROOT

TEXTS = ['quote " and \\ slash', "nul \x00 tab \t", "😀é\u2028", '[]{},"]']


@pytest.mark.parametrize("count", [0, 1, 4])
def test_a_list_is_decoded_and_encoded_as_json_does_it(count):
    messages = [{"msg": text, "n": 1, "also": [text]} for text in TEXTS[:count]]
    written = json.dumps(messages, separators=(",", ":"), ensure_ascii=False)
    assert decode_list(written) == messages
    whole = {"name": "Ada", "messages": messages}
    assert json.loads(encode_object({"name": "Ada"}, "messages", messages)) == whole


# Counts how often another greenlet runs while a step takes place. gevent must be there first.
STEP = """
from gevent import monkey; monkey.patch_all()
import gevent
from chat.json_lists import decode_list, encode_object
turns = 0
def others():
    global turns
    while True:
        gevent.sleep(0.0001)
        turns += 1
messages = [{"msg": "word " * 20, "n": number} for number in range(20_000)]
text = "[" + ",".join(['{"msg":"word word word"}'] * 50_000) + "]"
gevent.spawn(others)
gevent.sleep(0.001)
turns = 0
STEP
print(turns)
"""


@pytest.mark.parametrize(
    "step", ["decode_list(text)", 'encode_object({"name": "Ada"}, "messages", messages)']
)
def test_others_are_served_while_a_long_history_is_handled(step):
    code = STEP.replace("STEP", step)
    ran = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, check=True, timeout=60
    )
    assert int(ran.stdout) > 3
