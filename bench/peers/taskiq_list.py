"""FastAPI and taskiq with its list queue; replies come back over Redis pub/sub.

    uvicorn bench.peers.taskiq_list:app
    taskiq worker bench.peers.taskiq_list:broker --workers 1

A web process has one pub/sub connection, as a careful user would write it. One for each WebSocket
would make this peer slower, and Redis refuses more than 10,000 connections.
"""

import asyncio
import json
import os
import uuid
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
redis = Redis.from_url(REDIS_URL, socket_timeout=None)
sockets: dict[str, WebSocket] = {}


# the worker


@broker.on_event(TaskiqEvents.WORKER_STARTUP)
async def start(state: TaskiqState) -> None:
    state.http = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))


@broker.task
async def answer(socket_id: str, message_id: str, msg: str) -> None:
    async with broker.state.http.post(MODEL_URL, json={"prompt": msg}) as response:
        body = await response.json()
    reply = {"to": socket_id, "id": message_id, "msg": body["choices"][0]["text"]}
    await redis.publish("replies", json.dumps(reply))


# the web process


async def relay() -> None:
    async with redis.pubsub() as pubsub:
        await pubsub.subscribe("replies")
        async for item in pubsub.listen():
            if item["type"] != "message":
                continue
            reply = json.loads(item["data"])
            socket = sockets.get(reply.pop("to"))
            if socket:
                await socket.send_json(reply)


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[None]:
    await broker.startup()
    relaying = asyncio.create_task(relay())
    yield
    relaying.cancel()
    await broker.shutdown()


app = FastAPI(lifespan=lifespan)


@app.websocket("/chat")
async def chat(socket: WebSocket) -> None:
    await socket.accept()
    socket_id = str(uuid.uuid4())
    sockets[socket_id] = socket
    try:
        async for message in socket.iter_json():
            await answer.kiq(socket_id, message["id"], message["msg"])
    finally:
        del sockets[socket_id]
