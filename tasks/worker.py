"""What a worker process has beside Celery: its model, its keeper, its sweeper and its heartbeat."""

from __future__ import annotations

from typing import Any

from celery import bootsteps
from celery.signals import worker_shutting_down

from chat.connect import connect
from chat.loop import start_loop
from chat.mailbox import Mailbox
from chat.settings import SettingsError, load_settings_or_exit
from tasks.answerer import Answerer
from tasks.celery import app
from tasks.heartbeat import Heartbeat
from tasks.keeper import Keeper
from tasks.models import model_for
from tasks.sweeper import Sweeper


class Answering(bootsteps.StartStopStep):  # type: ignore[misc]
    """Gives the reply task what it works with, before the worker takes its first ring."""

    def __init__(self, worker: Any, **options: Any) -> None:
        settings = load_settings_or_exit()
        try:
            model = model_for(settings)
        except SettingsError as error:
            raise SystemExit(str(error)) from None
        client = connect(settings.redis_url)
        mailbox = Mailbox(client, settings.session_ttl)
        worker.app.heartbeat = self._heartbeat = Heartbeat(client)
        self._keeper = Keeper(mailbox)
        self._sweeper = Sweeper(worker.app, mailbox)
        worker.app.answerer = Answerer(
            mailbox,
            model,
            self._keeper,
            window=settings.history_window,
            timeout=settings.model_timeout,
        )

    def start(self, worker: Any) -> None:
        start_loop("keeper", self._keeper.run)
        start_loop("sweeper", self._sweeper.run)
        start_loop("heartbeat", self._heartbeat.run)
        worker_shutting_down.connect(self._hand_over, weak=False)

    def _hand_over(self, **_: Any) -> None:
        self._heartbeat.stop()
        self._keeper.hand_over()


app.steps["worker"].add(Answering)
