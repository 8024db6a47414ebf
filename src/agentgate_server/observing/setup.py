"""Setting up: which observers a gateway has. What is not wanted is not even imported."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from agentgate_server.documents import DocumentError
from agentgate_server.extras import how_to_install
from agentgate_server.observing.gauges import Gauges
from agentgate_server.observing.logs import Logs
from agentgate_server.observing.observers import Observer, Observers

if TYPE_CHECKING:
    from agentgate_server.observing.metrics import Metrics
    from agentgate_server.observing.tracing import Tracing

NO_OPENTELEMETRY = f"OpenTelemetry is not installed: {how_to_install('tracing')}"


class Setup:
    """The observers of one gateway.

    Args:
        tools: the names in the catalogue.
        gauges: looks into the gate, once there is one.
        metrics: whether to count.
        tracing: whether to make traces.
        config_name: the file that says so, for errors.

    Attributes:
        metrics: what /metrics shows, if anything.
        tracing: close it after everything else.
        observers: for the gate.

    Raises:
        DocumentError: traces are wanted and can't be made.
    """

    def __init__(
        self,
        tools: Iterable[str],
        gauges: Callable[[], Gauges],
        *,
        metrics: bool,
        tracing: bool,
        config_name: str,
    ) -> None:
        self.metrics: Metrics | None = None
        self.tracing: Tracing | None = None
        observers: list[Observer] = [Logs()]
        if metrics:
            from agentgate_server.observing.metrics import Metrics

            self.metrics = Metrics(tools, gauges)
            observers.append(self.metrics)
        if tracing:
            self.tracing = open_tracing(config_name)
            observers.append(self.tracing)
        self.observers = Observers(observers)


def open_tracing(config_name: str) -> Tracing:
    """Make traces as the environment says.

    Raises:
        DocumentError: OpenTelemetry or the exporter is not there.
    """
    key = "tracing.enabled"
    try:
        from agentgate_server.observing.tracing import (
            Tracing,
            TracingError,
            provider_of_environment,
        )
    except ImportError:
        raise DocumentError(config_name, NO_OPENTELEMETRY, path=key) from None
    try:
        return Tracing(provider_of_environment(), time.time_ns)
    except TracingError as error:
        raise DocumentError(config_name, str(error), path=key) from None
