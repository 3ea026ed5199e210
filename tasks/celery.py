"""The Celery application; `celery -A tasks` finds it here. All its settings: celeryconfig.py."""

from celery import Celery

app = Celery("tasks", amqp="tasks.broker:AMQP")
app.config_from_object("celeryconfig")
