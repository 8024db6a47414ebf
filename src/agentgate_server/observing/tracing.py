"""Traces by OpenTelemetry: one span for each request, from the ask to the answer.

The span begins when the request came and ends with its outcome; what happened between is told by
events with their own times. Where spans go is for the environment to say, as the specification of
the SDK has it: ``OTEL_TRACES_EXPORTER`` (``otlp`` unless said), ``OTEL_EXPORTER_OTLP_ENDPOINT``,
``OTEL_SERVICE_NAME``, ``OTEL_TRACES_SAMPLER`` …
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from importlib.metadata import entry_points

from opentelemetry.sdk.resources import SERVICE_NAME, OTELResourceDetector, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
from opentelemetry.trace import Span, SpanKind, Status, StatusCode

from agentgate_proto.records.approval import approval_status
from agentgate_proto.records.decision import Decision
from agentgate_proto.records.outcome import Status as OutcomeStatus
from agentgate_proto.records.request import Record
from agentgate_server.observing.observers import Known, Observer
from agentgate_server.version import VERSION

log = logging.getLogger(__name__)

OPEN_MAX = 20_000
"""Spans of requests under way; further requests have none. So many there are in a flood alone."""

SWEEP_EVERY = 256
"""Requests after which, at the earliest, spans are looked through for those that just vanished."""

OTLP_PROTOCOLS = {"http/protobuf": "otlp_proto_http", "grpc": "otlp_proto_grpc"}
"""The exporters of the specification's protocols, by the names under which they are installed."""

GOOD = frozenset({OutcomeStatus.EXECUTED, OutcomeStatus.CANCELLED})
REFUSED = frozenset({OutcomeStatus.DENIED, OutcomeStatus.EXPIRED})
"""The gate at work, and no error of anything."""


class TracingError(Exception):
    """Traces can't be made; the text says why and what to do."""


class Tracing(Observer):
    """Makes spans.

    Args:
        provider: where they go.
        utc_ns: the clock, UTC nanoseconds.
    """

    def __init__(self, provider: TracerProvider, utc_ns: Callable[[], int]) -> None:
        self.provider = provider
        self._tracer = provider.get_tracer("agentgate", VERSION)
        self._utc_ns = utc_ns
        self._open: dict[str, Span] = {}
        self._ended: dict[str, int] = {}
        self._until_sweep = SWEEP_EVERY

    def close(self) -> None:
        """Hand over what is left; blocks for as long as the exporter takes."""
        for span in self._open.values():
            span.end(self._utc_ns())
        self._open.clear()
        self.provider.shutdown()

    def decided(self, record: Record, decision: Decision) -> None:
        """See :class:`Observer`."""
        self._until_sweep -= 1
        if len(self._open) >= OPEN_MAX:
            return
        attributes = {
            "agentgate.rid": record.rid,
            "agentgate.agent": record.principal,
            "agentgate.tool": record.tool,
            "agentgate.effects": record.effects.value,
            "agentgate.action": decision.action.value,
            "agentgate.rule": decision.rule,
        }
        span = self._open[record.rid] = self._tracer.start_span(
            f"tool_request {record.tool}",
            kind=SpanKind.SERVER,
            attributes=attributes,
            start_time=nanoseconds(record.created_at),
        )
        span.add_event("received", timestamp=nanoseconds(record.created_at))
        span.add_event("decided", {"action": decision.action.value}, self._utc_ns())

    def asked(self, record: Record) -> None:
        """See :class:`Observer`."""
        self._note(record.rid, "waiting")

    def answered(self, record: Record) -> None:
        """See :class:`Observer`."""
        span = self._open.get(record.rid)
        if span is not None:
            status = approval_status(record)
            channel = {"channel": record.channel} if record.channel else {}
            span.add_event("answered", {"answer": status, **channel}, self._utc_ns())
            span.set_attribute("agentgate.answer", status)

    def started(self, rid: str, tool: str) -> None:
        """See :class:`Observer`."""
        self._note(rid, "started")

    def ended(self, record: Record) -> None:
        """See :class:`Observer`."""
        span = self._open.get(record.rid)
        if span is None or record.outcome is None:
            return
        status = record.outcome.status
        span.set_attribute("agentgate.outcome", status.value)
        if status not in GOOD | REFUSED:
            span.set_status(Status(StatusCode.ERROR, status.value))
        self._note(record.rid, "ended")
        self._ended[record.rid] = self._utc_ns()

    def sent(self, rid: str) -> None:
        """See :class:`Observer`."""
        self._note(rid, "sent")

    def tidy(self, is_known: Known) -> None:
        """End the spans of requests that are over: nothing more can happen to them.

        Of one that was refused after all, for want of room, or has joined another, nobody tells. So
        all are looked through, as seldom as makes the price of it small for each request.
        """
        for rid in [rid for rid in self._ended if not is_known(rid)]:
            self._open.pop(rid).end(self._ended.pop(rid))
        if self._until_sweep <= 0:
            for rid in [rid for rid in self._open if not is_known(rid)]:
                self._open.pop(rid).end(self._utc_ns())
            self._until_sweep = max(SWEEP_EVERY, len(self._open))

    def _note(self, rid: str, event: str) -> None:
        span = self._open.get(rid)
        if span is not None:
            span.add_event(event, timestamp=self._utc_ns())


def nanoseconds(seconds: float) -> int:
    """Convert UTC seconds to what OpenTelemetry counts in."""
    return int(seconds * 1e9)


def provider_of_environment() -> TracerProvider:
    """Make a provider that exports as ``OTEL_TRACES_EXPORTER`` says.

    Raises:
        TracingError: there is no such exporter here, or it can't be made.
    """
    ours = Resource({SERVICE_NAME: "agent-gate"}).merge(OTELResourceDetector().detect())
    provider = TracerProvider(resource=Resource.create(ours.attributes), shutdown_on_exit=False)
    names = os.environ.get("OTEL_TRACES_EXPORTER") or "otlp"
    for name in (name.strip() for name in names.split(",")):
        if name and name != "none":
            provider.add_span_processor(BatchSpanProcessor(exporter_of(name)))
    return provider


def exporter_of(name: str) -> SpanExporter:
    """Find an exporter by the name that the specification gives it.

    Raises:
        TracingError: it is not installed, or can't be made.
    """
    installed = name
    if name == "otlp":
        protocol = (
            os.environ.get("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL")
            or os.environ.get("OTEL_EXPORTER_OTLP_PROTOCOL")
            or "http/protobuf"
        )
        installed = OTLP_PROTOCOLS.get(protocol, protocol)
    found = list(entry_points(group="opentelemetry_traces_exporter", name=installed))
    if not found:
        hint = "pip install opentelemetry-exporter-otlp, or set" if name == "otlp" else "set"
        raise TracingError(
            f"there is no exporter {installed!r} here: {hint} OTEL_TRACES_EXPORTER to one that is "
            "installed (console prints to standard output)"
        )
    try:
        exporter: SpanExporter = found[0].load()()
    except Exception as error:
        raise TracingError(f"the exporter {installed!r} can't be made: {error}") from error
    return exporter
