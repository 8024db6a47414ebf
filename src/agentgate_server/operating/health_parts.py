"""How each part of a gateway is: in words for everybody who answers approvals, with names and
reasons for those who run it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import anyio

from agentgate_proto.rpc.health_methods import HealthPart, State
from agentgate_server.backends.circuit_breaker import State as Circuit
from agentgate_server.operating.site import Site
from agentgate_server.tools.mcp.server import Status

TOLD_BY_NAME = frozenset({"models", "mcp_servers", "upstreams", "retention"})
"""Parts of ``/health`` that are sums, of which operators see each."""

NOBODY_REACHED = "people can't be reached"

STATES: dict[Status, State] = {
    Status.STARTING: "warning",
    Status.READY: "ok",
    Status.AWAY: "failing",
    Status.CLOSED: "off",
}


def public_parts(parts: Mapping[str, Any]) -> Iterator[HealthPart]:
    """Say what ``/health`` says of parts: without names, and without reasons that have some."""
    for name, told in parts.items():
        if isinstance(told, str):
            state: State = "ok" if told == "ok" else "failing"
            yield HealthPart(name=name, state=state, words="" if told == "ok" else told)
        elif isinstance(told, Mapping):
            yield HealthPart(name=name, state=state_of(told), words=words_of(told))


def named_parts(site: Site) -> Iterator[HealthPart]:
    """Say of each part that there can be several of how it is."""
    yield from channels(site)
    yield from backends(site)
    yield from mcp_servers(site)
    yield from models(site)
    for row in site.gate.upstreams.rows() if site.gate.upstreams is not None else ():
        state: State = "ok" if row.status == "connected" else "failing"
        error = row.error or f"{row.status} to {row.place}"
        yield HealthPart(
            name=f"upstream: {row.name}", state=state, words="" if state == "ok" else error
        )
    for doubt in site.engine.doubts:
        yield HealthPart(name=f"kept: {doubt.setting}", state="warning", words=doubt.text)
    if problem := site.gate.authenticator.tokens.problem:
        yield HealthPart(name="tokens", state="failing", words=problem)


def channels(site: Site) -> Iterator[HealthPart]:
    """Say where people are asked besides terminals and browsers."""
    for each in site.channels:
        problem = each.problem
        yield HealthPart(
            name=f"channel: {each.name}", state="failing" if problem else "ok", words=problem
        )
    if not site.channels:
        words = "people are asked in terminals and in browsers only"
        yield HealthPart(name="channels", state="off", words=words)


def backends(site: Site) -> Iterator[HealthPart]:
    """Say of each system behind the tools whether it is left alone for a while."""
    tools = site.gate.providing.catalogue.tools.values()
    circuits = {circuit.name: circuit for tool in tools for circuit in tool.circuits}
    for name, circuit in circuits.items():
        is_well = circuit.state is Circuit.CLOSED
        words = "" if is_well else circuit.refusal(anyio.current_time())
        yield HealthPart(name=f"backend: {name}", state="ok" if is_well else "failing", words=words)


def mcp_servers(site: Site) -> Iterator[HealthPart]:
    """Say of each MCP server how it is, and what it waits for."""
    if site.backing is None:
        return
    for alias, server in site.backing.servers.servers.items():
        login = site.backing.logins.get(alias)
        waiting = site.backing.pins.waiting(alias)
        state, words = STATES[server.status], server.problem
        if login is not None and login.problem:
            state, words = "failing", login.problem
        elif state == "ok" and waiting:
            what = "tool waits" if waiting == 1 else "tools wait"
            state = "warning"
            words = f"{waiting} {what} to be accepted: 'agent-gate mcp review {alias}'"
        yield HealthPart(name=f"MCP server: {alias}", state=state, words=words)


def models(site: Site) -> Iterator[HealthPart]:
    """Say of each model whether it can be asked."""
    if site.gate.sessions is None:
        return
    for name, model in site.gate.sessions.models.models.items():
        problem = model.problem()
        yield HealthPart(name=f"model: {name}", state="failing" if problem else "ok", words=problem)


def state_of(told: Mapping[str, Any]) -> State:
    """Read the state of a part off its sums."""
    if told.get("status") == "failing" or told.get("pins"):
        return "failing"
    here = told.get("connected", told.get("ready", told.get("configured", 0)))
    if (
        here < told.get("configured", 0)
        or told.get("waiting_for_review")
        or any(name.startswith("waiting_for") for name in told)
    ):
        return "warning"
    return "ok"


def words_of(told: Mapping[str, Any]) -> str:
    """Write the sums of a part: ``configured 3, connected 2``."""
    return ", ".join(
        f"{name.replace('_', ' ')} {value}" for name, value in told.items() if name != "status"
    )
