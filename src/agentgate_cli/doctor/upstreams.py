"""Gateways behind this one, tried: is one there, does it take the token, and as whose?"""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

import anyio

from agentgate_cli.doctor.probe import Patient, Report, broken, doubtful
from agentgate_cli.doctor.reaching import all_at_once
from agentgate_cli.text import plural, printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from agentgate_proto.errors import AgentGateError
    from agentgate_server.config import Config
    from agentgate_server.config.upstreams import UpstreamConfig, UpstreamName
    from agentgate_server.policy.linting import Finding

WAIT_S = 15.0
RELAY = "relay"

STEPS = {
    "nothing listens there": "start the gateway there, or correct the port in {key}.url",
    "no address for the name": "correct the name in {key}.url",
    "speaks no TLS": "write ws:// in {key}.url (and insecure: true), or the port that speaks TLS",
    "has expired": "renew the certificate there, then 'agent-gate reload' there",
    "ismatch": "use a name that is in its certificate in {key}.url",
    "certificate is not accepted": (
        "name the PEM file of the authority that signed its certificate in {key}.ca"
    ),
    "Then write wss://": "write wss:// in {key}.url",
    "hung up": "write ws:// in {key}.url if it has no TLS; else see its log",
    "no connection within": "see what a firewall between the two says",
    "HTTP 4": "correct {key}.url: what answers there takes no WebSockets, or not under this name",
}
"""What to do, by what the reason holds; the first that fits."""

OTHERWISE = "see the log of the gateway there"


async def reach_upstreams(patient: Patient, config: Config) -> Report:
    """Connect to each as a link does, under another name, so that no link is taken over."""
    if not config.upstreams:
        return Report()
    found = await all_at_once(config.upstreams.items(), lambda row: try_upstream(*row))
    well = f"{plural(len(config.upstreams), 'gateway')}, and each takes this one for a relay"
    return Report(well, tuple(each for findings in found for each in findings))


async def try_upstream(name: UpstreamName, config: UpstreamConfig) -> list[Finding]:
    """Connect, and see who we are there and what is offered."""
    from agentgate_client import AgentGateClient
    from agentgate_proto.errors import AgentGateError

    key = f"upstreams.{name}"
    try:
        client = AgentGateClient(
            str(config.url),
            config.token.value,
            max_retries=0,
            ca_file=config.ca,
            insecure=config.insecure,
        )
    except ValueError as error:
        step = f"give {key}.ca the PEM file of the authority, or leave it out for the system's"
        return [broken(f"{name} can't be used: {error}", step)]
    try:
        with anyio.fail_after(WAIT_S):
            async with client:
                role, principal = client.health.role, client.health.principal
                if role != RELAY:
                    return [no_relay(name, key, principal, role)]
                rows = await client.list_tools() if config.tools else []
                return nowhere(name, config, [str(row["name"]) for row in rows])
    except TimeoutError:
        return [broken(f"{name} does not answer within {WAIT_S:g} s", OTHERWISE)]
    except AgentGateError as error:
        return [unanswered(name, key, error)]


def unanswered(name: str, key: str, error: AgentGateError) -> Finding:
    """Say why there is no connection, and what to do."""
    from agentgate_proto.errors import ErrorCode

    why = printable(error.message)
    if error.code == ErrorCode.AUTHENTICATION:
        step = (
            f"'agent-gate token new NAME --role relay' on the machine there makes one: put it "
            f"where {key}.token takes it from (.env), and restart the gateway"
        )
        return broken(f"{name} does not take the token: {why}", step)
    step = next((step for sign, step in STEPS.items() if sign in error.message), OTHERWISE)
    return broken(f"{name}: {why}", step.format(key=key))


def no_relay(name: str, key: str, principal: str, role: str | None) -> Finding:
    """The token is somebody else's."""
    text = f"{name} takes this gateway for {printable(principal)}, whose role is {role}: no relay"
    step = (
        f"'agent-gate token new NAME --role relay' on the machine there, and its token for "
        f"{key}.token"
    )
    return broken(text, step)


def nowhere(name: str, config: UpstreamConfig, there: Sequence[str]) -> list[Finding]:
    """Say which tools are to be offered and are not there."""
    shown = ", ".join(map(printable, there[:5])) or "none"
    return [
        doubtful(
            f"{name} has no tool {pattern}",
            f"correct upstreams.{name}.tools ('agent-gate tools' there lists them: {shown})",
        )
        for pattern in config.tools
        if not any(fnmatchcase(each, pattern) for each in there)
    ]
