"""The Celery application, found by `celery -A tasks`. Its settings are in celeryconfig.py."""

from celery import Celery

app = Celery("tasks", amqp="tasks.kombu_transport:AMQP")
app.config_from_object("celeryconfig")
