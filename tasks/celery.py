"""The Celery application, found by `celery -A tasks`. Its settings are in celeryconfig.py."""

import logging
from typing import Any

from celery import Celery
from celery.signals import after_setup_logger, after_setup_task_logger, celeryd_init

from chat.log_format import write_json_lines, writes_json
from chat.settings import load_settings_or_exit

app = Celery("tasks", amqp="tasks.kombu_transport:AMQP")
app.config_from_object("celeryconfig")


def _set_log_format(logger: logging.Logger, **_: Any) -> None:
    if writes_json(load_settings_or_exit()):
        write_json_lines(logger)


def _hide_banner(instance: Any, **_: Any) -> None:
    if writes_json(load_settings_or_exit()):
        instance.quiet = True  # Celery's banner is no JSON


after_setup_logger.connect(_set_log_format)
after_setup_task_logger.connect(_set_log_format)
celeryd_init.connect(_hide_banner)
