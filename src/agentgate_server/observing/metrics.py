"""Metrics, for Prometheus and whatever else reads its text format.

What happens is counted where it happens; what has a size at any moment (queues,
connections) is looked up only when somebody asks. Labels come from closed sets: tools from the
catalogue, channels and reasons from the program. So the number of series is bounded, whatever
agents send.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any

import prometheus_client as prometheus
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from agentgate_proto.errors import ErrorCode
from agentgate_proto.principal import Role
from agentgate_proto.records.approval import approval_status
from agentgate_proto.records.decision import Action, Decision
from agentgate_proto.records.outcome import Status
from agentgate_proto.records.request import Record
from agentgate_proto.records.usage import UsageRow
from agentgate_server.observing.gauges import Gauges
from agentgate_server.observing.observers import Observer
from agentgate_server.version import VERSION

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
"""The text format that every Prometheus reads."""

ANSWER_BUCKETS_S = (1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 900, 1_800, 3_600, 86_400)
"""People: from a thumb that waits over the button to one that sleeps."""

COMMIT_BUCKETS_S = (0.000_5, 0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5)
"""Disks: from a fast one to SQLite's own limit of waiting."""

CHANNELS_MAX = 16
"""Channels that have a series of their own; the program has a handful."""

MODELS_MAX = 64
"""Models that have series of their own; a configuration names a handful."""

CAPS_MAX = 64
"""Caps that have a series of their own; the program has some dozens."""

FIRST_BUCKETS_S = (0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300)
"""Models: from a local one that has nothing to read to one that thinks for long."""

OTHER = "other"
"""The label of what is in no closed set, as a tool that is no longer in the catalogue."""


class Metrics(Observer):
    """Counts. Each gateway has a registry of its own.

    Args:
        tools: the names in the catalogue.
        gauges: looks up what has a size.
    """

    def __init__(self, tools: Iterable[str], gauges: Callable[[], Gauges]) -> None:
        self.registry = registry = prometheus.CollectorRegistry()
        counter = partial(prometheus.Counter, namespace="agentgate", registry=registry)
        histogram = partial(prometheus.Histogram, namespace="agentgate", registry=registry)
        self._refusals = counter("refusals", "Requests that were not taken, by reason", ["reason"])
        self._capped = counter(
            "capped", "What was refused or ended because somebody had their share, by cap", ["cap"]
        )
        self._answers = histogram(
            "approval_answer_seconds",
            "From the ask to its end, by channel and answer",
            ["channel", "answer"],
            buckets=ANSWER_BUCKETS_S,
        )
        self._deliveries = counter(
            "channel_deliveries", "Approvals brought to people, by channel", ["channel"]
        )
        self._logins = counter("login_failures", "Wrong tokens")
        self._agent_logins = counter("agent_login_failures", "Wrong passwords of named agents")
        self._commits = histogram(
            "store_commit_seconds", "One commit of the store", buckets=COMMIT_BUCKETS_S
        )
        self._rows = counter("store_changes", "Changes that the store has taken")
        self._store_failures = counter("store_failures", "Commits that failed")
        self._runs = counter("runs", "Runs of sessions that ended, by status", ["status"])
        self._model_requests = counter(
            "model_requests", "Requests to models that are over, by model and end", ["model", "end"]
        )
        self._first = histogram(
            "model_first_token_seconds",
            "From a request to the first thing that came of the answer, by model",
            ["model"],
            buckets=FIRST_BUCKETS_S,
        )
        self._tokens = counter("model_tokens", "Tokens, by model and kind", ["model", "kind"])
        self._cost = counter(
            "model_cost_microdollars",
            "What requests to models cost, where that is known",
            ["model"],
        )
        self._unpriced = counter(
            "model_cost_unknown", "Requests to models whose cost nobody knows", ["model"]
        )
        self._tallies = tallies = Tallies()
        self._tools = frozenset(tools)
        self._caps: set[str] = set()
        self._channels: set[str] = set()
        self._models: set[str] = set()
        build = prometheus.Info("agentgate_build", "This program", registry=registry)
        build.info({"version": VERSION})
        registry.register(tallies)
        registry.register(GaugeCollector(gauges))
        prometheus.ProcessCollector(registry=registry)

    def text(self) -> bytes:
        """Write everything in the text format; see ``CONTENT_TYPE``."""
        return prometheus.generate_latest(self.registry)

    def decided(self, record: Record, decision: Decision) -> None:
        """See :class:`Observer`."""
        self._tallies.decisions[decision.action] += 1

    def ended(self, record: Record) -> None:
        """See :class:`Observer`."""
        assert record.outcome is not None, "it has ended"
        tool = record.tool if record.tool in self._tools else OTHER
        self._tallies.requests[tool, record.outcome.status] += 1

    def answered(self, record: Record) -> None:
        """See :class:`Observer`."""
        took_s = (record.decided_at or record.resolved_at) - record.created_at
        labels = self._channel(record.channel or "none"), approval_status(record)
        self._answers.labels(*labels).observe(max(took_s, 0.0))

    def refused(self, agent: str, tool: str, code: ErrorCode) -> None:
        """See :class:`Observer`."""
        self._refusals.labels(code.name.lower()).inc()

    def capped(self, owner: str, cap: str) -> None:
        """See :class:`Observer`."""
        self._capped.labels(one_of(self._caps, cap, CAPS_MAX)).inc()

    def login_failed(self, address: str) -> None:
        """See :class:`Observer`."""
        self._logins.inc()

    def agent_login_failed(self, agent: str, by: str, behalf: str, address: str) -> None:
        """See :class:`Observer`."""
        self._agent_logins.inc()

    def committed(self, rows: int, took_s: float, problem: str) -> None:
        """See :class:`Observer`."""
        if problem:
            self._store_failures.inc()
        else:
            self._commits.observe(took_s)
            self._rows.inc(rows)

    def shown(self, channel: str) -> None:
        """See :class:`Observer`."""
        self._deliveries.labels(self._channel(channel)).inc()

    def model_asked(self, model: str, end: str, first_s: float | None) -> None:
        """See :class:`Observer`."""
        name = self._model(model)
        self._model_requests.labels(name, end).inc()
        if first_s is not None:
            self._first.labels(name).observe(first_s)

    def spent(self, row: UsageRow) -> None:
        """See :class:`Observer`."""
        name, usage = self._model(row.model), row.usage
        for kind, number in (
            ("input", usage.input),
            ("output", usage.output),
            ("cache_read", usage.cache_read),
            ("cache_write", usage.cache_write + usage.cache_write_1h),
        ):
            self._tokens.labels(name, kind).inc(max(number, 0))
        if row.cost_micros is None:
            self._unpriced.labels(name).inc()
        else:
            self._cost.labels(name).inc(max(row.cost_micros, 0))

    def run_ended(self, status: str) -> None:
        """See :class:`Observer`."""
        self._runs.labels(status).inc()

    def _channel(self, name: str) -> str:
        return one_of(self._channels, name, CHANNELS_MAX)

    def _model(self, name: str) -> str:
        return one_of(self._models, name, MODELS_MAX)


def one_of(known: set[str], name: str, most: int) -> str:
    """Return a label, or the one for all others if there are too many already."""
    if name not in known and len(known) >= most:
        return OTHER
    known.add(name)
    return name


class Tallies(Collector):
    """Counts for every request. Only the event loop counts, so that no lock is needed.

    Attributes:
        requests: those that ended, by tool and outcome.
        decisions: by action.
    """

    def __init__(self) -> None:
        self.requests: Counter[tuple[str, Status]] = Counter()
        self.decisions: Counter[Action] = Counter(dict.fromkeys(Action, 0))

    def collect(self) -> Iterator[Any]:
        """Make the families."""
        requests = CounterMetricFamily(
            "agentgate_requests",
            "Requests that ended, by tool and outcome",
            labels=["tool", "outcome"],
        )
        for (tool, status), number in self.requests.items():
            requests.add_metric([tool, status.value], number)
        yield requests
        decisions = CounterMetricFamily(
            "agentgate_decisions", "What the policy said to new requests", labels=["action"]
        )
        for action, number in self.decisions.items():
            decisions.add_metric([action.value], number)
        yield decisions


class GaugeCollector(Collector):
    """Looks up, when it is asked, what has a size."""

    def __init__(self, gauges: Callable[[], Gauges]) -> None:
        self.gauges = gauges

    def collect(self) -> Iterator[Any]:
        """Make the families."""
        gauges = self.gauges()
        connections = GaugeMetricFamily(
            "agentgate_connections", "Authenticated connections, by role", labels=["role"]
        )
        for role in Role:
            connections.add_metric([role.value], gauges.connections.get(role, 0))
        yield connections
        channels = GaugeMetricFamily(
            "agentgate_channel_failing", "1 while a channel reaches nobody", labels=["channel"]
        )
        for name, is_failing in gauges.channels.items():
            channels.add_metric([name], int(is_failing))
        yield channels
        backends = GaugeMetricFamily(
            "agentgate_circuit_open", "1 while a backend is left alone", labels=["backend"]
        )
        for name, is_open in gauges.backends.items():
            backends.add_metric([name], int(is_open))
        yield backends
        upstreams = GaugeMetricFamily(
            "agentgate_upstream_connected",
            "1 while the gateway behind this one is connected",
            labels=["upstream"],
        )
        for name, is_up in gauges.upstreams.items():
            upstreams.add_metric([name], int(is_up))
        yield upstreams
        clients = GaugeMetricFamily(
            "agentgate_face_clients",
            "Devices of the face edge, sessions of Socket.IO",
            labels=["face"],
        )
        for name, count in gauges.clients.items():
            clients.add_metric([name], count)
        yield clients
        if gauges.certificate_ends_at is not None:
            yield GaugeMetricFamily(
                "agentgate_certificate_expiry_timestamp_seconds",
                "When the certificate of the listener ends, seconds since 1970",
                gauges.certificate_ends_at,
            )
        if gauges.disk_free is not None:
            yield GaugeMetricFamily(
                "agentgate_store_disk_free_bytes",
                "Bytes that are free on the disk of the store",
                gauges.disk_free,
            )
        yield CounterMetricFamily(
            "agentgate_store_forgotten",
            "Outcomes that went before their time, because there were too many",
            gauges.forgotten,
        )
        yield CounterMetricFamily(
            "agentgate_audit_cut",
            "Entries of the audit that went before their time, because there were too many",
            gauges.cut,
        )
        for name, text, value in (
            ("approvals_waiting", "Approvals that wait for a person", gauges.waiting),
            ("grants", "Grants that are in force", gauges.grants),
            ("requests_active", "Requests that have no outcome yet", gauges.active),
            ("tools_running", "Tools that run in a task or thread", gauges.running),
            ("runs_active", "Runs of sessions under way", gauges.runs),
            ("sessions_loaded", "Sessions in memory", gauges.loaded),
            ("providers", "Connections that provide tools", gauges.providers),
            ("provided_tools", "Tools that connections provide", gauges.provided),
            ("store_queue", "Changes that are not written yet", gauges.queued),
            ("output_unread_bytes", "Output that nobody has read yet", gauges.unread),
            ("memory_short", "1 while agents are refused for want of it", int(gauges.is_short)),
            ("store_cutting", "1 while a cap cuts what is to be kept", int(gauges.is_cutting)),
            ("store_failing", "1 while the store takes no writes", int(gauges.is_failing)),
        ):
            yield GaugeMetricFamily(f"agentgate_{name}", text, value)
