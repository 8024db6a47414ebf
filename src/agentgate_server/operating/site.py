"""The site: the parts of a gateway that those who run it want to know of."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from agentgate_server.approvals.channel import Channel
from agentgate_server.backing import McpBacking
from agentgate_server.gate.gate import Gate
from agentgate_server.observing.gauges import Gauges
from agentgate_server.renewing import Renewal
from agentgate_server.secrets.masking import Masker
from agentgate_server.store.disk_watch import DiskWatch
from agentgate_server.store.sqlite import SqliteEngine


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """See the module.

    Attributes:
        gate, engine, masker, renewal, disk: those of the gateway.
        backing: its MCP servers, if there are any.
        channels: where people are asked, besides terminals.
        gauges: says how much there is of everything.
        warnings: what its start has warned of.
        connections_max: how many it takes at once.
    """

    gate: Gate
    engine: SqliteEngine
    masker: Masker
    renewal: Renewal
    disk: DiskWatch
    backing: McpBacking | None
    channels: Sequence[Channel]
    gauges: Callable[[], Gauges]
    warnings: Sequence[str]
    connections_max: int
