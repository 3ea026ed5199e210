"""FastAPI and taskiq with a Redis Stream for each reply.

    uvicorn bench.peers.taskiq_stream:app
    taskiq worker bench.peers.taskiq_stream:broker --workers 1

The worker adds each delta to the reply's stream (XADD), the socket reads it (XREAD BLOCK).
"""

import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
from fastapi import FastAPI, WebSocket
from redis.asyncio import Redis
from taskiq import TaskiqEvents, TaskiqState
from taskiq_redis import ListQueueBroker

REDIS_URL = os.environ["REDIS_URL"]
MODEL_URL = os.environ["MODEL_URL"]

# With redis-py's own timeout of 5 s a worker that idles dies.
broker = ListQueueBroker(REDIS_URL, socket_timeout=None)
# Each socket that reads a reply has a connection of its own.
redis = Redis.from_url(REDIS_URL, socket_timeout=None, max_connections=5000, decode_responses=True)


# the worker


@broker.on_event(TaskiqEvents.WORKER_STARTUP)
async def start(state: TaskiqState) -> None:
    state.http = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))


@broker.task
async def answer(message_id: str, msg: str) -> None:
    stream = f"reply:{message_id}"
    asked = {"prompt": msg, "stream": True}
    async with broker.state.http.post(MODEL_URL, json=asked) as response:
        async for line in response.content:
            data = line.removeprefix(b"data: ").strip()
            if not data or data == b"[DONE]":
                continue
            text = json.loads(data)["choices"][0]["text"]
            if text:
                await redis.xadd(stream, {"text": text})
    await redis.xadd(stream, {"end": "1"})
    await redis.expire(stream, 60)


# the web process


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[None]:
    await broker.startup()
    yield
    await broker.shutdown()


app = FastAPI(lifespan=lifespan)


@app.websocket("/chat")
async def chat(socket: WebSocket) -> None:
    await socket.accept()
    async for message in socket.iter_json():
        await answer.kiq(message["id"], message["msg"])
        await send_reply(socket, message["id"])


async def send_reply(socket: WebSocket, message_id: str) -> None:
    stream, last = f"reply:{message_id}", "0"
    while True:
        [(_, entries)] = await redis.xread({stream: last}, block=0)
        for entry_id, fields in entries:
            await socket.send_json({"id": message_id, **fields})
            if "end" in fields:
                return
            last = entry_id
