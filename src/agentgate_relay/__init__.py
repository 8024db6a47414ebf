"""Links to other gateways behind this one: a gateway that is another one's client.

``Gateway(config, upstreams=Links)`` plugs them in; ``agent-gate serve`` does. What the gateway sees
of them is in :mod:`agentgate_server.relay.link`. ``links`` are all of them, each a ``gateway_link``
with its ``logins`` and ``reading``; ``upstream_tools`` are what they offer, ``ending`` says what
their answers mean here.
"""

from agentgate_relay.links import Links

__all__ = ["Links"]
