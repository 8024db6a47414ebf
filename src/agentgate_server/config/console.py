"""The form of ``console``: the pages by which people look at the gateway in a browser."""

from __future__ import annotations

from typing import Annotated

import msgspec

from agentgate_server.config.texts import FacePath
from agentgate_server.documents.spans import DAY_S, SECONDS


class ConsoleConfig(msgspec.Struct, frozen=True, kw_only=True):
    """The console in the browser: what waits, what runs, what it costs. It is for people: the roles
    ``approver`` and ``operator``."""

    enabled: bool = True
    """Serve it."""

    path: FacePath = FacePath("/console")
    """Where it is."""

    session_idle: Annotated[float, msgspec.Meta(ge=60, le=30 * DAY_S, extra=SECONDS)] = 43_200.0
    """How long a login counts that nobody uses. After 30 days it ends in any case."""

    push: bool = True
    """Let browsers subscribe to notifications that come while the console is closed, by their
    vendors' push services (extra ``push``). Nothing is sent before somebody does."""
