"""The kinds of load. Each returns figures as numbers; names end with their unit.

Each has ``asked`` and ``whole``: the replies that were asked for, and those that came with every
word, once, in order. A run in which they differ is of a system that did not work.
"""

from __future__ import annotations

import asyncio
import time
from itertools import pairwise
from typing import Any

from bench.figures import percentile
from bench.load.conversation import Conversation, Reply, tokens
from bench.token_server import DEFAULT_WORDS

# A session that has spoken so often gives way to a new one, so that a fast run does not measure
# a long history: how that grows is measured apart.
REPLIES_A_SESSION = 50
OPENING = 64  # sockets that are opened at once


class Load:
    """Load on the system whose web process listens on ``port``; sockets may stay open."""

    def __init__(self, port: int, dialect: str) -> None:
        self._port, self._dialect = port, dialect
        self._held: list[Conversation] = []

    async def warm(self, clients: int = 1) -> dict[str, float]:
        """Have ``clients`` say something: the first time, all connect and load what they need."""
        everyone = await self._open(clients)
        replies = await asyncio.gather(*(one.ask(DEFAULT_WORDS) for one in everyone))
        _close(everyone)
        return _counts(replies)

    async def latency(self, clients: int, seconds: float) -> dict[str, float]:
        """Have each client ask again as soon as it is answered, with an instant model."""
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
            if replies and len(replies) % REPLIES_A_SESSION == 0:
                one.close()
                [one] = await self._open(1)
            replies.append(await one.ask(DEFAULT_WORDS))
            if not replies[-1].whole:
                break
        one.close()
        return replies

    async def streams(self, clients: int, words: int, rate: float) -> dict[str, float]:
        """Have held sockets, opened if need be, ask at the same moment for a reply that streams."""
        await self.hold(clients)
        everyone = self._held[:clients]
        replies = await asyncio.gather(*(one.ask(words, rate) for one in everyone))
        return {**stream_figures(replies), **_counts(replies)}

    async def hold(self, clients: int) -> dict[str, float]:
        """Open sockets until ``clients`` are open, and keep them."""
        have = len(self._held)
        clients = max(clients, have)
        begun = await tokens(self._port, self._dialect, clients - have)
        began = time.monotonic()
        self._held += await self._open(clients - have, begun, have)
        wall = time.monotonic() - began
        return {"sockets": len(self._held), "connects_per_s": (clients - have) / wall}

    async def lost(self) -> dict[str, float]:
        """Count held sockets that were closed, and have some of the others say something."""
        lost = sum(one.socket.closed.done() for one in self._held)
        speaking = self._held[:: max(1, len(self._held) // 50)]
        replies = await asyncio.gather(*(one.ask(DEFAULT_WORDS) for one in speaking))
        return {"lost": lost, **_counts(replies)}

    async def drop(self) -> dict[str, float]:
        """Close the held sockets."""
        _close(self._held)
        self._held = []
        return {}

    async def fill(self, replies: int, at_once: int) -> dict[str, float]:
        """Hold one socket more, in whose session ``replies`` instant replies are made."""
        [one] = await self._open(1)
        self._held.append(one)
        while len(one.replies) < replies:
            asked = [one.send(1) for _ in range(min(at_once, replies - len(one.replies)))]
            await asyncio.wait_for(asyncio.gather(*(reply.done for reply in asked)), 120)
        return {"number": len(self._held) - 1, **_counts(one.replies)}

    async def ask_held(self, number: int, times: int) -> dict[str, float]:
        """Have held socket ``number`` ask ``times`` times, one after the other."""
        replies = [await self._held[number].ask(DEFAULT_WORDS) for _ in range(times)]
        took = sorted(reply.ended - reply.sent for reply in replies)
        return {"p50_ms": 1000 * percentile(took, 50), **_counts(replies)}

    async def pile_up(self, sessions: int, messages: int) -> dict[str, float]:
        """Have sessions hold a reply that does not end, and so many waiting messages in all."""
        everyone = await self._open(sessions)
        self._held += everyone
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

        await asyncio.gather(*(some() for _ in range(min(OPENING, count))))
        return opened


def stream_figures(replies: list[Reply]) -> dict[str, float]:
    """Return what a person sees of replies that stream, and how many frames brought them."""
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
    """Return the words a second from the first piece to the last; those of the first are free."""
    words = sum(len(text.split()) for _, text in pieces[1:])
    return words / (pieces[-1][0] - pieces[0][0])


def _counts(replies: list[Reply]) -> dict[str, float]:
    return {"asked": len(replies), "whole": sum(reply.whole for reply in replies)}


def _close(everyone: list[Conversation]) -> None:
    for one in everyone:
        one.close()
