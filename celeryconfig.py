"""Celery's settings: each that is not its default, with the reason.

A task is only a ring: what it is about stands in the session's mailbox, and a sweeper rings
again where a ring was lost. So nothing here needs to keep a task alive.
"""

from kombu import Queue

from chat.settings import load_settings_or_exit
from tasks.queue_entry import QUEUE

_settings = load_settings_or_exit()

broker_url = _settings.broker_url
include = ["tasks.reply", "tasks.worker"]

# Nobody waits for a ring's result.
result_backend = None
task_ignore_result = True

# Acknowledged when taken: with late acknowledgement one dropped connection to Redis would start
# a second copy of every running task at once.
task_acks_late = False

# A reply waits on HTTP nearly all of its time, so a thread is enough for it.
worker_pool = "threads"
worker_concurrency = _settings.worker_concurrency

# A list in Redis needs no declaration, and to write one fails while Redis takes no writes.
task_queues = [Queue(QUEUE, no_declare=True)]

# A worker takes a ring only when a slot is free, so that a full one holds none back from others.
worker_prefetch_multiplier = 1
worker_disable_prefetch = True

# Redis may come later than the worker, and may go for a while: keep trying.
broker_connection_retry_on_startup = True
broker_connection_max_retries = None
worker_consumer = "tasks.consumer:Consumer"  # does not wait half a minute between two tries
# The consumer restores nothing, and a worker that is full takes no more anyway.
worker_enable_prefetch_count_reduction = False

# Each of Flower's threads holds one connection while it waits for another: with the default of 10
# they wait for each other for ever. Web and worker processes ring one at a time, over one.
broker_pool_limit = 30
# A connection that died without a word is noticed. Redis keeps no account of who has taken which
# ring: it costs a quarter of a ring's time, and is left behind by workers that die.
broker_transport_options = {
    "ack_emulation": False,
    "socket_timeout": 10,
    "socket_connect_timeout": 2,
    "socket_keepalive": True,
    "health_check_interval": 10,
    # A thread that rings or sweeps does not wait for its connection; both come again.
    "max_retries": 1,
    "interval_start": 0.1,
}
# Web processes ring with this: better no ring, which a sweeper makes up for, than a person who
# waits for one.
task_publish_retry_policy = {"max_retries": 2, "interval_start": 0, "interval_step": 0.1}

# Flower switches a worker's events on while it watches, by remote control; otherwise each task
# would pay for three messages that nobody reads.
worker_send_task_events = False
task_send_sent_event = False
