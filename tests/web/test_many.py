"""Many sessions at once, on two web and two worker processes."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import psutil

from tests.clients import Events, Plain, begin, history

SESSIONS = 50
MESSAGES = 6
MOST_CONNECTIONS = 15


def converse(system, number: int) -> list[str]:
    """Say all messages of a session without waiting; return the replies as they came."""
    token = begin(system.webs[number % 2].url)
    asks = [f"session {number} message {n}" for n in range(MESSAGES)]
    ws = system.webs[(number + 1) % 2].ws
    if number % 2:
        plain = Plain(ws, token)
        for ask in asks:
            plain.say(ask)
        replies = [plain.reply()["msg"] for _ in asks]
    else:
        socket = Events(ws, token)
        ids = [socket.say(ask) for ask in asks]
        replies = [socket.until_answered(message_id)["msg"] for message_id in ids]
    stored = [message["msg"] for message in history(system.web.url, token)]
    pairs = [line for ask in asks for line in (f"Human: {ask}", f"Bot: echo: {ask}")]
    assert stored == pairs
    return replies


def test_every_session_gets_its_own_replies_all_of_them_in_order(system):
    with ThreadPoolExecutor(SESSIONS) as pool:
        replies = list(pool.map(lambda number: converse(system, number), range(SESSIONS)))
    assert replies == [
        [f"echo: session {number} message {n}" for n in range(MESSAGES)]
        for number in range(SESSIONS)
    ]


def test_a_process_has_few_connections_to_redis_however_many_speak_at_once(system):
    """Managed Redis plans give twenty to forty connections in all."""
    sockets = [Events(system.webs[n % 2].ws, begin(system.web.url)) for n in range(100)]
    asked = [socket.say("hello") for socket in sockets]
    for socket, message_id in zip(sockets, asked, strict=True):
        socket.until_answered(message_id)
    taken: Counter[int] = Counter()  # they stay open, so that they can be counted now
    for process in system.processes:
        for part in (process, *psutil.Process(process.pid).children(recursive=True)):
            links = psutil.Process(part.pid).net_connections()
            taken[process.pid] += sum(
                link.status == "ESTABLISHED" and link.raddr[1] == system.redis.port
                for link in links
            )
    assert max(taken.values()) <= MOST_CONNECTIONS
