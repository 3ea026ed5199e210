"""What a worker process runs beside Celery's consumer."""

from __future__ import annotations

import logging
from typing import Any

from celery import bootsteps
from celery.signals import worker_shutdown, worker_shutting_down

from chat import metrics
from chat.background import start_background_thread
from chat.mailbox import Mailbox
from chat.message_log import set_up_message_log
from chat.metrics_exchange import Publisher
from chat.redis_client import connect
from chat.settings import SettingsError, load_settings_or_exit
from tasks.celery import app
from tasks.delta_writer import DeltaWriter
from tasks.heartbeat import Heartbeat
from tasks.models import models_for
from tasks.recovery import Recovery
from tasks.reply import ReplyTask
from tasks.session_processor import SessionProcessor
from tasks.task_queue import TaskQueue

# Celery logs that it has received a task, and that the task has ended. Our own lines, `claimed` and
# `finished`, say more. The level must be set before Celery makes its consumer.
_PER_TASK_LOGS = ("celery.worker.strategy", "celery.app.trace")


class ReplyServices(bootsteps.StartStopStep):  # type: ignore[misc]
    """Builds the reply task and its threads before the worker takes its first task."""

    def __init__(self, worker: Any, **options: Any) -> None:
        settings = load_settings_or_exit()
        client = connect(settings.redis_url)
        try:
            model, self._discovered = models_for(settings, client)
        except SettingsError as error:
            raise SystemExit(str(error)) from None
        set_up_message_log(settings.log_level, with_text=settings.log_message_text)
        metrics.reply_slots.set(settings.worker_concurrency)
        for name in _PER_TASK_LOGS:
            logging.getLogger(name).setLevel(logging.WARNING)
        mailbox = Mailbox(client, settings.session_ttl)
        self._writer = DeltaWriter(mailbox)
        queue = TaskQueue(settings.broker_url)
        self._recovery = Recovery(mailbox, queue, max_sessions=settings.worker_concurrency)
        self._heartbeat = Heartbeat(client)
        self._publisher = Publisher(
            client, "worker", lambda: metrics.replies_running.set(self._writer.running)
        )
        processor = SessionProcessor(
            mailbox,
            queue,
            model,
            self._writer,
            history_window=settings.history_window,
            timeout=settings.model_timeout,
        )
        worker.app.register_task(ReplyTask(processor))
        worker.app.heartbeat = self._heartbeat  # for the consumer's step in tasks/heartbeat.py

    def start(self, worker: Any) -> None:
        start_background_thread("delta writer", self._writer.run)
        start_background_thread("recovery", self._recovery.run)
        start_background_thread("heartbeat", self._heartbeat.run)
        start_background_thread("metrics", self._publisher.run)
        worker_shutdown.connect(self._publish_last, weak=False)
        for model in self._discovered:
            start_background_thread("address of the model", model.start)
        worker_shutting_down.connect(self._shut_down, weak=False)

    def _publish_last(self, **_: Any) -> None:
        self._publisher.stop()

    def _shut_down(self, **_: Any) -> None:
        self._heartbeat.stop()
        self._writer.shut_down()


app.steps["worker"].add(ReplyServices)
