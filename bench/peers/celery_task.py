"""A bare Celery task: sent by one process, run by a worker, which publishes that it has run.

It asks no model, and has no result backend, since both would make it slower. So no system on Celery
can be faster.

    celery -A bench.peers.celery_task worker --pool threads --concurrency 50
    python -m bench.peers.celery_task CLIENTS SECONDS      # measures; prints JSON

CLIENTS tasks run at any time: when one has run, the next is sent.
"""

import json
import os
import resource
import sys
import time

import redis
from celery import Celery

REDIS_URL = os.environ["REDIS_URL"]
CHANNEL = "done"

app = Celery("bench.peers.celery_task", broker=REDIS_URL)
client = redis.Redis.from_url(REDIS_URL)


@app.task(ignore_result=True)
def echo(number: int) -> None:
    client.publish(CHANNEL, number)


def _next_done(pubsub: redis.client.PubSub) -> dict[str, bytes] | None:
    return pubsub.get_message(ignore_subscribe_messages=True, timeout=10)


def measure(clients: int, seconds: float) -> dict[str, float]:
    pubsub = redis.Redis.from_url(REDIS_URL, socket_timeout=None).pubsub()
    pubsub.subscribe(CHANNEL)
    pubsub.get_message(timeout=5)
    echo.delay(-1)  # the first one opens connections
    while not _next_done(pubsub):
        pass
    sent: dict[int, float] = {}
    times: list[float] = []
    number = 0
    began, used = time.monotonic(), resource.getrusage(resource.RUSAGE_SELF)
    while True:
        while len(sent) < clients and time.monotonic() < began + seconds:
            sent[number] = time.monotonic()
            echo.delay(number)
            number += 1
        if not sent:
            break
        message = _next_done(pubsub)
        if message:
            times.append(time.monotonic() - sent.pop(int(message["data"])))
        elif time.monotonic() > began + seconds + 30:  # tasks were lost
            break
    wall, now = time.monotonic() - began, resource.getrusage(resource.RUSAGE_SELF)
    cpu = now.ru_utime + now.ru_stime - used.ru_utime - used.ru_stime
    times.sort()
    return {
        "p50_ms": 1000 * times[len(times) // 2],
        "p99_ms": 1000 * times[int(len(times) * 0.99)],
        "replies_per_s": len(times) / wall,
        "client_cpu": cpu / wall,
        "asked": number,
        "whole": len(times),
    }


if __name__ == "__main__":
    print(json.dumps(measure(int(sys.argv[1]), float(sys.argv[2]))))
