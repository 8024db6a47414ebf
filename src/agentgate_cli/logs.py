"""Logs of a gateway, on standard error: lines for people, or JSON for machines."""

from __future__ import annotations

import logging
import sys
from io import TextIOBase
from types import TracebackType
from typing import TYPE_CHECKING, TextIO

import msgspec

from agentgate_cli.log_writer import BackgroundHandler
from agentgate_cli.text import escape_json, printable
from agentgate_proto.records.request import rfc3339
from agentgate_server.observing.context import current_rid

if TYPE_CHECKING:
    from agentgate_server.secrets.masking import Masker

RECORD_FIELDS = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}

CHATTY = ("asyncio", "httpcore", "httpcore2", "httpx", "httpx2")
"""Libraries that tell every request they make, with its address and headers: only their warnings
are logged, whatever ``log.level`` is. What matters of it the gateway says itself."""


TRACE_MARGIN = "  | "
"""Before each line of a traceback: what a tool raises may have lines of its own, and none of them
may pass for a line of the log."""


class TextFormatter(logging.Formatter):
    """``2026-11-30 12:03:04 CET warning: wrong token from 10.0.0.7``; a peer's text can't start a
    line.

    What belongs to a request ends with its rid in brackets.
    """

    default_time_format = "%Y-%m-%d %H:%M:%S %Z"

    def format(self, record: logging.LogRecord) -> str:
        """Make the line, with a traceback below it if there is one."""
        at = self.formatTime(record, self.default_time_format)
        line = f"{at} {record.levelname.lower()}: {record.getMessage()}"
        if rid := rid_of(record):
            line += f" [{rid}]"
        trace = traceback_of(record).split("\n") if record.exc_info or record.exc_text else ()
        return "\n".join([printable(line), *(f"{TRACE_MARGIN}{printable(each)}" for each in trace)])


class JsonFormatter(logging.Formatter):
    """One JSON object a line: ``time``, ``level``, ``logger``, ``message``, and what was added.

    What belongs to a request has its ``rid``.
    """

    def format(self, record: logging.LogRecord) -> str:
        """Make the line."""
        fields: dict[str, object] = {
            "time": rfc3339(record.created),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if rid := rid_of(record):
            fields["rid"] = rid
        added = {k: v for k, v in vars(record).items() if k not in RECORD_FIELDS}
        if trace := traceback_of(record):
            added["traceback"] = trace
        return escape_json(msgspec.json.encode(fields | added, enc_hook=str).decode())


class MaskingFilter(logging.Filter):
    """Takes secrets out of records before anything else sees them: words, traceback, extras."""

    def __init__(self, masker: Masker) -> None:
        super().__init__()
        self.masker = masker

    def filter(self, record: logging.LogRecord) -> bool:
        """Mask a record; none is left out."""
        try:
            words = record.getMessage()
        except Exception:  # logging would print the record's parts, secrets and all
            words = f"a message that can't be made, in {record.pathname}:{record.lineno}"
        record.msg, record.args = self.masker.text(words), None
        if trace := traceback_of(record):
            record.exc_text, record.exc_info = self.masker.text(trace), None
        for name in vars(record).keys() - RECORD_FIELDS:
            value = getattr(record, name)
            if not isinstance(value, bool | int | float | None):
                setattr(record, name, self.masker.text(str(value)))
        return True


def rid_of(record: logging.LogRecord) -> str:
    """The request that a record belongs to: the one it names, or the one whose tool runs."""
    return getattr(record, "rid", "") or current_rid.get()


def traceback_of(record: logging.LogRecord) -> str:
    """The traceback that comes with a record, or ""."""
    if record.exc_text is None and record.exc_info:
        return logging.Formatter().formatException(record.exc_info)
    return record.exc_text or ""


def set_up_logs(
    level: str, form: str, stream: TextIO | TextIOBase | None = None
) -> BackgroundHandler:
    """Send this process's logs to standard error.

    Args:
        level: "debug", "info", "warning" or "error".
        form: "readable" or "json".
        stream: where they go instead.

    Returns:
        what writes them: flush it before anything else is written there.
    """
    handler = BackgroundHandler(stream or sys.stderr)
    handler.setFormatter(JsonFormatter() if form == "json" else TextFormatter())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    for name in CHATTY:
        logging.getLogger(name).setLevel(logging.WARNING)
    return handler


def mask_logs(masker: Masker) -> None:
    """Mask all that is logged from now on, and what this process says of a crash."""
    for handler in logging.getLogger().handlers:
        handler.addFilter(MaskingFilter(masker))
    sys.excepthook = log_crash


def log_crash(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Log what nobody caught, instead of printing it with all that is in its text."""
    if issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, trace)
    else:
        logging.getLogger("agentgate").critical("a bug of the gateway", exc_info=error)
