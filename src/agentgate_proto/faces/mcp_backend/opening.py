"""How a talk with a server begins: what it speaks, and what it can do.

A server is asked first what it speaks (``server/discover``). One that does not know the question,
or is silent for a while, is greeted in the old way (``initialize``). One that has answered never
is, since such a server speaks one way for as long as its process lives.
"""

from __future__ import annotations

from enum import Enum
from typing import Final

import msgspec

from agentgate_proto.faces.mcp.eras import LEGACY, MODERN, Era
from agentgate_proto.faces.mcp.messages import Implementation
from agentgate_proto.faces.mcp_backend import saying
from agentgate_proto.faces.mcp_backend.channel import Channel
from agentgate_proto.faces.mcp_backend.events import Ready
from agentgate_proto.faces.mcp_backend.pending import Purpose
from agentgate_proto.faces.mcp_backend.reading import (
    UNREADABLE,
    Discovered,
    Initialized,
    ServerCapabilities,
    name_of,
    shown,
)
from agentgate_proto.rpc.jsonrpc import ErrorObject

OLDEST: Final = "2024-11-05"
"""A revision that is taken of servers, though the gate itself does not serve it: tools are the
same in it."""

TAKEN: Final = (*LEGACY, OLDEST)

PROBE_S: Final = 10.0
"""How long a server may be silent about what it speaks. Some of the old ones answer nothing before
they are greeted, and one that is still being installed is silent for longer: its answer counts all
the same."""

OPEN_S: Final = 60.0
"""How long a server may take to be ready once it was greeted."""

UNSUPPORTED_VERSION: Final = -32022
"""The code of an error that says so (2026-07-28)."""

discovered_decoder = msgspec.json.Decoder(Discovered)
initialized_decoder = msgspec.json.Decoder(Initialized)


class Phase(Enum):
    """How far the talk is."""

    NEW = "new"
    PROBING = "probing"
    GREETING = "greeting"
    READY = "ready"
    OVER = "over"


class Opening:
    """See the module. Its verbs return what is wrong with the server, or "".

    Args:
        channel: to the server.
        only: the era to speak; None: whichever the server does.

    Attributes:
        phase: how far the talk is.
        deadline: when ``handle_timer`` is due; None: not at all.
        capabilities: what the server can do, as soon as it is ready.
    """

    def __init__(self, channel: Channel, only: Era | None = None) -> None:
        self.phase = Phase.NEW
        self._only = only
        self._has_repeated = False
        self.deadline: float | None = None
        self.capabilities = ServerCapabilities()
        self._channel = channel

    def probe(self, now: float) -> None:
        """Ask what it speaks, unless only the old way will do."""
        if self._only is Era.LEGACY:
            self.greet(now)
            return
        self.phase = Phase.PROBING
        self.deadline = now + PROBE_S
        meta = saying.modern_meta(saying.PROBED, self._channel.client, saying.ALL)
        self._channel.request(Purpose.DISCOVER, "server/discover", {"_meta": meta})

    def greet(self, now: float) -> None:
        """Begin in the old way, for the first time or anew."""
        self.phase = Phase.GREETING
        self.deadline = now + OPEN_S
        channel = self._channel
        channel.era, channel.version, channel.session = None, "", ""
        params = {
            "protocolVersion": LEGACY[0],
            "capabilities": saying.capabilities(saying.ALL),
            "clientInfo": channel.client,
        }
        channel.request(Purpose.INITIALIZE, "initialize", params)

    def waits_for(self, purpose: Purpose) -> bool:
        """Whether without the answer to this it can't go on. One to the question what it speaks
        may fail long after it was greeted: proxies end what is silent."""
        waited = {Phase.PROBING: Purpose.DISCOVER, Phase.GREETING: Purpose.INITIALIZE}
        return waited.get(self.phase) is purpose

    def handle_timer(self, now: float) -> str:
        """Time has passed."""
        if self.deadline is None or now < self.deadline:
            return ""
        if self.phase is not Phase.PROBING:
            return f"it was not ready within {OPEN_S:g} s"
        return self.undiscovered(now)

    def discovered(self, result: msgspec.Raw, now: float) -> str:
        """It has said what it speaks, perhaps late."""
        if self.phase is Phase.READY:
            return ""
        try:
            said = discovered_decoder.decode(result)
        except UNREADABLE:
            said = Discovered()
        versions = [version for version in MODERN if version in said.supported_versions]
        if not versions:
            return self.undiscovered(now)
        self._ready(Era.MODERN, versions[0], said.capabilities, said.meta.server)
        return ""

    def undiscovered(self, now: float, error: ErrorObject | None = None) -> str:
        """It does not know the question, or is silent; or it has said that it speaks otherwise."""
        if self.phase is not Phase.PROBING:
            return ""
        versions = spoken(error)
        if not self._has_repeated and any(version in MODERN for version in versions):
            self._has_repeated = True
            self.probe(now)
            return ""
        if versions and not any(version in TAKEN for version in versions):
            return f"it speaks {shown(', '.join(versions))}, which is not known here"
        if self._only is Era.MODERN:
            return "it does not speak as it is to (era: modern)"
        self.greet(now)
        return ""

    def greeted(self, result: msgspec.Raw) -> str:
        """It has answered the greeting."""
        if self.phase is not Phase.GREETING:
            return ""  # it has said by now that it speaks the new way
        try:
            said = initialized_decoder.decode(result)
        except UNREADABLE:
            return "its answer to initialize can't be read"
        version = said.protocol_version
        if version not in TAKEN:
            return f"it speaks {shown(version)}, which is not known here"
        self._channel.notify("notifications/initialized", {})
        self._ready(Era.LEGACY, version, said.capabilities, said.server_info)
        if said.capabilities.logging is not None:
            level = {"level": saying.LOG_LEVEL}
            self._channel.request(Purpose.OTHER, "logging/setLevel", level)
        return ""

    def not_greeted(self, error: ErrorObject) -> str:
        """It has refused the greeting; it may still say that it need not be greeted."""
        pending = self._channel.pending.values()
        waits = any(each.purpose is Purpose.DISCOVER for each in pending)
        if self.phase is not Phase.GREETING or waits:
            return ""
        return f"it refuses to begin: {error.code} {shown(error.message)}"

    def _ready(
        self, era: Era, version: str, capabilities: ServerCapabilities, server: Implementation
    ) -> None:
        self.phase = Phase.READY
        self.deadline = None
        self.capabilities = capabilities
        self._channel.era, self._channel.version = era, version
        self._channel.events.append(Ready(era=era, version=version, name=name_of(server)))


def spoken(error: ErrorObject | None) -> list[str]:
    """Return which revisions a server speaks that refuses the one that it was asked in; nothing if
    it says something else."""
    if error is None or error.code != UNSUPPORTED_VERSION or not isinstance(error.data, dict):
        return []
    said = error.data.get("supported")
    return [each for each in said if isinstance(each, str)] if isinstance(said, list) else []
