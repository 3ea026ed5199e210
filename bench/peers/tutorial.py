"""The tutorial's own design: two Redis Streams, and a worker that is a loop.

    uvicorn bench.peers.tutorial:app
    python -m bench.peers.tutorial             # the worker

The socket adds the message to a stream, the worker reads it from there, keeps the history in a
RedisJSON document, asks the model, and adds the reply to a stream of the session, which the socket
reads. The worker answers the messages of all sessions one after the other.
"""

import asyncio
import json
import os
import uuid

import aiohttp
from fastapi import FastAPI, WebSocket
from redis.asyncio import Redis

REDIS_URL = os.environ["REDIS_URL"]
MODEL_URL = os.environ["MODEL_URL"]
MESSAGES = "message_channel"
WINDOW = 4  # messages in the prompt

redis = Redis.from_url(REDIS_URL, socket_timeout=None, max_connections=5000, decode_responses=True)


# the web process

app = FastAPI()


@app.post("/token")
async def token(name: str) -> dict[str, object]:
    session = {"token": str(uuid.uuid4()), "name": name, "messages": []}
    await redis.execute_command("JSON.SET", session["token"], "$", json.dumps(session))
    await redis.expire(str(session["token"]), 3600)
    return session


@app.websocket("/chat")
async def chat(socket: WebSocket, token: str) -> None:
    if not await redis.exists(token):
        await socket.close(1008)
        return
    await socket.accept()
    last = "0"
    async for message in socket.iter_json():
        await redis.xadd(MESSAGES, {"token": token, **message})
        last, fields = await next_entry(f"response:{token}", last)
        await redis.xdel(f"response:{token}", last)
        await socket.send_json(fields)


async def next_entry(stream: str, after: str) -> tuple[str, dict[str, str]]:
    [(_, [entry])] = await redis.xread({stream: after}, count=1, block=0)
    return entry


# the worker


async def work() -> None:
    last = "0"
    async with aiohttp.ClientSession() as http:
        while True:
            last, message = await next_entry(MESSAGES, last)
            token = message["token"]
            await store(token, f"Human: {message['msg']}")
            messages = json.loads(await redis.execute_command("JSON.GET", token, "$.messages"))[0]
            prompt = " ".join(line["msg"] for line in messages[-WINDOW:])
            async with http.post(MODEL_URL, json={"prompt": prompt}) as response:
                text = (await response.json())["choices"][0]["text"]
            await store(token, f"Bot: {text}")
            await redis.xadd(f"response:{token}", {"id": message["id"], "msg": text})
            await redis.xdel(MESSAGES, last)


async def store(token: str, msg: str) -> None:
    line = json.dumps({"id": str(uuid.uuid4()), "msg": msg})
    await redis.execute_command("JSON.ARRAPPEND", token, "$.messages", line)


if __name__ == "__main__":
    asyncio.run(work())
