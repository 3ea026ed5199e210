"""Celery's settings that differ from its defaults, with the reason for each.

A task only wakes a worker: the session's mailbox has the work, and recovery enqueues another task
if one was lost. So no setting here needs to protect a task from loss.
"""

from kombu import Queue

from chat.settings import load_settings_or_exit
from tasks.queue_entry import QUEUE

_settings = load_settings_or_exit()

broker_url = _settings.broker_url
include = ["tasks.reply", "tasks.worker"]

# Nothing reads the result of a task.
result_backend = None
task_ignore_result = True

# A task is acknowledged when it starts. With late acknowledgement one dropped connection to Redis
# would start a second copy of every running task.
task_acks_late = False

# A task waits for HTTP nearly all of its time, so a thread is enough for it: see
# docs/decisions/0006-the-worker-uses-threads.md.
worker_pool = "tasks.pool:TaskPool"
worker_concurrency = _settings.worker_concurrency

# A list in Redis needs no declaration, and the declaration fails while Redis accepts no writes.
task_queues = [Queue(QUEUE, no_declare=True)]

# A worker takes a task only when a thread is free. Other workers can take the rest.
worker_prefetch_multiplier = 1
worker_disable_prefetch = True

# Redis may start after the worker and may be away for a while: try to connect without a limit.
broker_connection_retry_on_startup = True
broker_connection_max_retries = None
worker_consumer = "tasks.consumer:Consumer"  # reconnects within seconds
# The consumer restores no tasks, and a worker without a free thread takes none anyway.
worker_enable_prefetch_count_reduction = False

# Each of Flower's threads uses one connection while it waits for another: with the default of 10
# its threads deadlock. Nothing else uses the pool: see tasks/task_queue.py.
broker_pool_limit = 30
# The timeouts and the health check find a connection that died silently. With "ack_emulation" kombu
# would record each taken task in Redis, which is a quarter of a task's cost, and the records of a
# dead worker would stay there.
broker_transport_options = {
    "ack_emulation": False,
    "socket_timeout": 10,
    "socket_connect_timeout": 2,
    "socket_keepalive": True,
    "health_check_interval": 10,
    # Flower and `celery control` do not wait long for a connection.
    "max_retries": 1,
    "interval_start": 0.1,
}
# Flower switches a worker's events on while it watches, by remote control. Otherwise each task
# would pay for three messages that nobody reads.
worker_send_task_events = False
task_send_sent_event = False
