"""The kinds of load. Each returns figures as numbers; names end with their unit.

Each has ``asked`` and ``whole``: the replies that were asked for, and those that came with every
word, once, in order. If they differ, the system did not work.
"""

from __future__ import annotations

import asyncio
import sys
import time
from itertools import pairwise
from typing import Any

from bench.figures import percentile
from bench.load.conversation import Conversation, Reply, tokens
from bench.token_server import DEFAULT_WORDS

# A client begins a new session after this many replies, so that a fast run does not measure a long
# history; bench.growth measures that.
REPLIES_PER_SESSION = 50
MAX_OPENING = 64  # WebSockets that are opened concurrently


class Load:
    """Load on the system whose web process listens on ``port``; WebSockets may stay open."""

    def __init__(self, port: int, dialect: str) -> None:
        self._port, self._dialect = port, dialect
        self._open_conversations: list[Conversation] = []

    async def warm(self, clients: int = 1) -> dict[str, float]:
        """Let ``clients`` send a message each, so that processes connect and load before a run."""
        everyone = await self._open(clients)
        replies = await asyncio.gather(*(one.ask(DEFAULT_WORDS) for one in everyone))
        _close(everyone)
        return _counts(replies)

    async def latency(self, clients: int, seconds: float) -> dict[str, float]:
        """Let each client send its next message when it has the reply; the model is instant."""
        everyone = await self._open(clients)
        began = time.monotonic()
        replies = await asyncio.gather(*(self._talk(one, began + seconds) for one in everyone))
        all_replies = [reply for some in replies for reply in some]
        wall = max(reply.ended for reply in all_replies) - began
        times = sorted(reply.ended - reply.sent for reply in all_replies)
        return {
            "p50_ms": 1000 * percentile(times, 50),
            "p99_ms": 1000 * percentile(times, 99),
            "replies_per_s": len(times) / wall,
            **_counts(all_replies),
        }

    async def _talk(self, one: Conversation, until: float) -> list[Reply]:
        replies: list[Reply] = []
        while time.monotonic() < until:
            if replies and len(replies) % REPLIES_PER_SESSION == 0:
                one.close()
                [one] = await self._open(1)
            replies.append(await one.ask(DEFAULT_WORDS))
            if not replies[-1].whole:
                break
        one.close()
        return replies

    async def streams(self, clients: int, words: int, rate: float) -> dict[str, float]:
        """Let ``clients`` open WebSockets each send a message at once, whose reply streams."""
        await self.hold(clients)
        everyone = self._open_conversations[:clients]
        replies = await asyncio.gather(*(one.ask(words, rate) for one in everyone))
        return {**stream_figures(replies), **_counts(replies)}

    async def hold(self, clients: int) -> dict[str, float]:
        """Open WebSockets until ``clients`` are open; leave them open."""
        have = len(self._open_conversations)
        clients = max(clients, have)
        begun = await tokens(self._port, self._dialect, clients - have)
        began = time.monotonic()
        self._open_conversations += await self._open(clients - have, begun, have)
        wall = time.monotonic() - began
        return {"sockets": len(self._open_conversations), "connects_per_s": (clients - have) / wall}

    async def lost(self) -> dict[str, float]:
        """Count WebSockets that the server has closed; let some of the others send a message."""
        lost = sum(one.socket.closed.done() for one in self._open_conversations)
        speaking = self._open_conversations[:: max(1, len(self._open_conversations) // 50)]
        replies = await asyncio.gather(*(one.ask(DEFAULT_WORDS) for one in speaking))
        return {"lost": lost, **_counts(replies)}

    async def drop(self) -> dict[str, float]:
        """Close all open WebSockets."""
        _close(self._open_conversations)
        self._open_conversations = []
        return {}

    async def fill(self, replies: int, at_once: int) -> dict[str, float]:
        """Open one more WebSocket; its session gets ``replies`` instant replies."""
        [one] = await self._open(1)
        self._open_conversations.append(one)
        while len(one.replies) < replies:
            asked = [one.send(1) for _ in range(min(at_once, replies - len(one.replies)))]
            await asyncio.wait_for(asyncio.gather(*(reply.done for reply in asked)), 120)
        return {"number": len(self._open_conversations) - 1, **_counts(one.replies)}

    async def ask_held(self, number: int, times: int) -> dict[str, float]:
        """Let WebSocket ``number`` send ``times`` messages, one after the other."""
        replies = [await self._open_conversations[number].ask(DEFAULT_WORDS) for _ in range(times)]
        took = sorted(reply.ended - reply.sent for reply in replies)
        return {"p50_ms": 1000 * percentile(took, 50), **_counts(replies)}

    async def pile_up(self, sessions: int, messages: int) -> dict[str, float]:
        """Give each session an endless reply, and all together ``messages`` unanswered messages."""
        everyone = await self._open(sessions)
        self._open_conversations += everyone
        begun = [one.send(10_000, 2) for one in everyone]
        while not all(reply.pieces for reply in begun):
            await asyncio.sleep(0.05)
        for number in range(messages):
            everyone[number % sessions].send(1)
        while (waiting := sum(one.acknowledged for one in everyone) - sessions) < messages:
            await asyncio.sleep(0.05)
        return {"waiting": waiting}

    async def _open(
        self, count: int, begun: list[str] | None = None, first: int = 0
    ) -> list[Conversation]:
        if begun is None:
            begun = await tokens(self._port, self._dialect, count)
        opened: list[Any] = [None] * count
        left = iter(enumerate(begun))

        async def some() -> None:
            for number, token in left:
                opened[number] = await Conversation.open(
                    self._port, self._dialect, token, first + number
                )

        await asyncio.gather(*(some() for _ in range(min(MAX_OPENING, count))))
        return opened


def stream_figures(replies: list[Reply]) -> dict[str, float]:
    """Return the figures of streamed replies as a client sees them, and the number of frames."""
    firsts = sorted(reply.pieces[0][0] - reply.sent for reply in replies if reply.pieces)
    gaps = sorted(
        after[0] - before[0] for reply in replies for before, after in pairwise(reply.pieces)
    )
    paces = sorted(pace(reply.pieces) for reply in replies if len(reply.pieces) > 1)
    if not gaps:
        return {}
    return {
        "first_p50_ms": 1000 * percentile(firsts, 50),
        "first_p99_ms": 1000 * percentile(firsts, 99),
        "gap_p99_ms": 1000 * percentile(gaps, 99),
        "pace_p1_per_s": percentile(paces, 1),
        "frames": sum(len(reply.pieces) for reply in replies),
    }


def pace(pieces: list[tuple[float, str]]) -> float:
    """Return the words per second from the first piece to the last, without the first piece."""
    words = sum(len(text.split()) for _, text in pieces[1:])
    return words / (pieces[-1][0] - pieces[0][0])


def _counts(replies: list[Reply]) -> dict[str, float]:
    broken = [reply for reply in replies if not reply.whole]
    for reply in broken[:3]:
        reason = reply.error or f"{len(reply.pieces)} pieces of {reply.words} words came"
        print(f"a reply did not come whole: {reason[:300]}", file=sys.stderr)
    return {"asked": len(replies), "whole": sum(reply.whole for reply in replies)}


def _close(everyone: list[Conversation]) -> None:
    for one in everyone:
        one.close()
