"""Who may come in, and where to: what a gateway's ports have in common."""

from __future__ import annotations

from dataclasses import dataclass, field

from agentgate_proto.wire.forwarded import Network
from agentgate_proto.wire.routes import Routes


@dataclass(frozen=True, slots=True, kw_only=True)
class Doors:
    """What is checked by the head of a request alone.

    Attributes:
        routes: the paths of the faces.
        origins: browser origins that may connect, besides the gateway's own. Programs send no
            Origin header and are not concerned.
        hosts: names of this gateway, in small letters; None: any. See ``hosts``.
        trusted_proxies: whose ``X-Forwarded-For`` counts. See ``forwarded``.
    """

    routes: Routes = field(default_factory=Routes)
    origins: frozenset[str] = frozenset()
    hosts: frozenset[str] | None = None
    trusted_proxies: tuple[Network, ...] = ()


OPEN_DOORS = Doors()
"""No face, no names, no foreign pages."""
