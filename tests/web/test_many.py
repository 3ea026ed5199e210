"""Many sessions at once, on two web and two worker processes."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import psutil

from tests.clients import Events, Plain, begin, history

SESSIONS = 50
MESSAGES = 6
MAX_CONNECTIONS = 15


def converse(system, number: int) -> list[str]:
    """Send all messages of a session without waiting; return the replies in order of arrival."""
    token = begin(system.webs[number % 2].url)
    texts = [f"session {number} message {n}" for n in range(MESSAGES)]
    ws = system.webs[(number + 1) % 2].ws
    if number % 2:
        plain = Plain(ws, token)
        for text in texts:
            plain.say(text)
        replies = [plain.reply()["msg"] for _ in texts]
    else:
        socket = Events(ws, token)
        ids = [socket.say(text) for text in texts]
        replies = [socket.until_answered(message_id)["msg"] for message_id in ids]
    stored = [message["msg"] for message in history(system.web.url, token)]
    pairs = [line for text in texts for line in (f"Human: {text}", f"Bot: echo: {text}")]
    assert stored == pairs
    return replies


def test_every_session_gets_all_its_replies_in_order(system):
    with ThreadPoolExecutor(SESSIONS) as pool:
        replies = list(pool.map(lambda number: converse(system, number), range(SESSIONS)))
    assert replies == [
        [f"echo: session {number} message {n}" for n in range(MESSAGES)]
        for number in range(SESSIONS)
    ]


def test_a_process_has_few_connections_to_redis_however_many_clients_it_has(system):
    """Managed Redis plans allow twenty to forty connections in total."""
    sockets = [Events(system.webs[n % 2].ws, begin(system.web.url)) for n in range(100)]
    message_ids = [socket.say("hello") for socket in sockets]
    for socket, message_id in zip(sockets, message_ids, strict=True):
        socket.until_answered(message_id)
    open_connections: Counter[int] = Counter()  # by process; idle ones stay open
    for process in system.processes:
        for member in (process, *psutil.Process(process.pid).children(recursive=True)):
            connections = psutil.Process(member.pid).net_connections()
            open_connections[process.pid] += sum(
                connection.status == "ESTABLISHED" and connection.raddr[1] == system.redis.port
                for connection in connections
            )
    assert max(open_connections.values()) <= MAX_CONNECTIONS
