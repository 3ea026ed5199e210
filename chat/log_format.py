"""The format of log lines: JSON for machines, text for people."""

from __future__ import annotations

import logging
import sys
from datetime import UTC, datetime
from typing import Any

from pythonjsonlogger.json import JsonEncoder, JsonFormatter

from chat.log_context import context_fields
from chat.process_name import process_name
from chat.settings import Settings

_encode = JsonEncoder().encode  # one encoder for all lines: the formatter would make one for each


class JsonLines(JsonFormatter):
    """Writes one JSON object for each record: time, level, logger, process, event, further fields.

    The message of a record is its ``event``, or a dictionary of fields with one.
    """

    def add_fields(
        self, log_data: dict[str, Any], record: logging.LogRecord, message_dict: dict[str, Any]
    ) -> None:
        when = datetime.fromtimestamp(record.created, UTC)
        log_data["time"] = when.isoformat(timespec="milliseconds")
        log_data["level"] = record.levelname.lower()
        log_data["logger"] = record.name
        log_data["process"] = process_name()
        log_data["event"] = record.message
        log_data.update(context_fields())
        log_data.update(message_dict)

    def jsonify_log_record(self, log_data: dict[str, Any]) -> str:
        return _encode(log_data)


def writes_json(settings: Settings) -> bool:
    """Whether log lines are JSON: ``LOG_FORMAT``, or else where nobody reads along."""
    if settings.log_format:
        return settings.log_format == "json"
    return settings.app_env != "development" and not sys.stderr.isatty()


def write_json_lines(logger: logging.Logger) -> None:
    """Have the handlers of a logger write JSON."""
    for handler in logger.handlers:
        handler.setFormatter(JsonLines())
