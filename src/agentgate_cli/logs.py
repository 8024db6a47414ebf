"""Logs of a gateway, on standard error: lines for people, or JSON for machines."""

from __future__ import annotations

import logging
import sys

import msgspec

from agentgate_cli.text import printable

RECORD_FIELDS = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class TextFormatter(logging.Formatter):
    """``12:03:04 warning: wrong token from 10.0.0.7``; a peer's text can't start a line."""

    default_time_format = "%H:%M:%S"

    def format(self, record: logging.LogRecord) -> str:
        """Make the line, with a traceback below it if there is one."""
        at = self.formatTime(record, self.default_time_format)
        line = f"{at} {record.levelname.lower()}: {printable(record.getMessage())}"
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line


class JsonFormatter(logging.Formatter):
    """One JSON object a line: ``at``, ``level``, ``logger``, ``message``, and what was added."""

    def format(self, record: logging.LogRecord) -> str:
        """Make the line."""
        fields: dict[str, object] = {
            "at": round(record.created, 3),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        added = {k: v for k, v in vars(record).items() if k not in RECORD_FIELDS}
        if record.exc_info:
            added["traceback"] = self.formatException(record.exc_info)
        return msgspec.json.encode(fields | added, enc_hook=str).decode()


def set_up_logs(level: str, form: str) -> None:
    """Send this process's logs to standard error.

    Args:
        level: "debug", "info", "warning" or "error".
        form: "text" or "json".
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter() if form == "json" else TextFormatter())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
