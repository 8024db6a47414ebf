"""Where the gateway listens: is the port free, is a gateway there, and how is it?"""

from __future__ import annotations

import errno
from functools import partial
from typing import TYPE_CHECKING, Any

import anyio

from agentgate_cli.beside import reachable
from agentgate_cli.doctor.probe import Patient, Report, broken, doubtful
from agentgate_cli.doctor.storage import holder_of
from agentgate_cli.exits import Failure
from agentgate_cli.health import ask
from agentgate_cli.text import printable

if TYPE_CHECKING:
    from agentgate_server.config import Config
    from agentgate_server.policy.linting import Finding

PORTS_TRIED = 50
"""Ports above a taken one that are tried, for one to propose."""

PORT_MAX = 65_535
CALM = ("ok", "starting")

STEPS = {
    "policy": "'agent-gate check' says what is wrong with the policy; then 'agent-gate reload'",
    "store": "see the gateway's log: the disk may be full, or the file was moved",
    "disk": "make room on the disk, or lower storage.free_min",
    "audit": "'agent-gate audit verify' says what was changed",
    "certificate": "renew the certificate, then 'agent-gate reload'",
    "companion": "see what this says of companion below, and the gateway's log",
    "ntfy": "see what this says of ntfy below, and the gateway's log",
    "telegram": "see what this says of telegram below, and the gateway's log",
    "home_assistant": "see what this says of home_assistant below, and the gateway's log",
    "models": "see the gateway's log; is the vendor's key right, and is there credit?",
    "memory": "see the gateway's log for who takes so much, or raise gateway.memory_max",
    "retention": "see the gateway's log: what storage.keep_days promises does not fit",
    "mcp_servers": "'agent-gate mcp status' and the gateway's log say why",
}
"""What to do about a part of a gateway that is not well, by its name in ``/health``."""


async def reach_listener(patient: Patient, config: Config) -> Report:
    """Whether those behind a proxy can be told apart."""
    gateway = config.gateway
    if not gateway.insecure or gateway.trusted_proxies:
        return Report()
    text = (
        "all clients behind the proxy have its address: one that tries wrong tokens slows down "
        "all, and the log and the audit name nobody else"
    )
    step = (
        "gateway.trusted_proxies: [127.0.0.1] (the proxy's address), and let the proxy set "
        "X-Forwarded-For"
    )
    return Report(findings=(doubtful(text, step),))


async def reach_gateway(patient: Patient, config: Config) -> Report:
    """See who is at the gateway's address, and ask a gateway that is there how it is."""
    gateway = config.gateway
    if not gateway.port:
        return Report("its port is any that is free: 'agent-gate health --url' asks it")
    host, holder = reachable(gateway.host), holder_of(config.storage.path)
    where = f"{f'[{host}]' if ':' in host else host}:{gateway.port}"
    if why_not(gateway.host, gateway.port) == errno.EACCES:
        return Report(findings=(not_ours(gateway.port),))
    if is_free(gateway.host, gateway.port):
        if holder:
            return Report(findings=(elsewhere(config, where, holder),))
        return Report(f"{where} is free; no gateway runs ('agent-gate serve' starts it)")
    look = partial(health_at, host, gateway.port, where, tls=gateway.serves_tls)
    body = await anyio.to_thread.run_sync(look)
    if isinstance(body, str):
        return Report(findings=(taken(config, where, body, holder),))
    if not holder:
        step = f"stop it, or choose another port: gateway.port: {free_port(config)}"
        text = f"another gateway is at {where}, and not on this database"
        return Report(findings=(broken(text, step),))
    return Report(f"a gateway runs at {where} (pid {holder})", troubles_of(body))


def stranger_at(config: Config) -> Finding | None:
    """Another program has the port, so that a gateway could not start; a gateway may have it."""
    gateway = config.gateway
    if not gateway.port or is_free(gateway.host, gateway.port) or holder_of(config.storage.path):
        return None
    host = reachable(gateway.host)
    where = f"{f'[{host}]' if ':' in host else host}:{gateway.port}"
    body = health_at(host, gateway.port, where, tls=gateway.serves_tls)
    return taken(config, where, body, "") if isinstance(body, str) else None


def health_at(host: str, port: int, where: str, *, tls: bool) -> dict[str, Any] | str:
    """How a gateway is; or why it does not say."""
    try:
        _, body = ask(host, port, tls, where)
    except Failure as failure:
        return failure.message
    return body if "status" in body and "store" in body else f"what answers at {where} is another"


def taken(config: Config, where: str, why: str, holder: str) -> Finding:
    """Somebody is there who does not answer as this gateway would."""
    if holder:
        step = (
            f"see what it does (its log, ps -p {holder}), end it with 'kill {holder}', and start "
            "it anew"
        )
        return broken(f"the gateway (pid {holder}) does not answer: {printable(why)}", step)
    step = (
        f"stop that program ('ss -ltnp sport = :{config.gateway.port}' names it), or choose "
        f"another port: gateway.port: {free_port(config)}"
    )
    return broken(f"another program has {where}", step)


def elsewhere(config: Config, where: str, holder: str) -> Finding:
    """A gateway has the database, and is not where the configuration says."""
    return broken(
        f"the database {config.storage.path} is locked by another gateway (pid {holder}), and none "
        f"is at {where}",
        f"see how it was started (ps -p {holder}), stop it with 'kill {holder}', or give this one "
        "its own storage.path",
    )


def troubles_of(body: dict[str, Any]) -> tuple[Finding, ...]:
    """What a gateway says of its parts that are not well."""
    found = []
    for name, part in body.items():
        state = part.get("status") if isinstance(part, dict) else part
        if name in ("status", "version") or not isinstance(state, str) or state in CALM:
            continue
        step = STEPS.get(name, "see the gateway's log")
        make = broken if name in ("store", "disk", "policy", "audit") else doubtful
        found.append(make(f"it says of {printable(name)}: {printable(state)}", step))
    return tuple(found)


def is_free(host: str, port: int) -> bool:
    """Whether nobody else has a port; why else we can't have it is told elsewhere."""
    return why_not(host, port) != errno.EADDRINUSE


def why_not(host: str, port: int) -> int:
    """The number of the error with which a port can't be had; 0: it can. Nobody is listened to."""
    from agentgate_server.sockets.binding import addresses_of, bound

    try:
        for sock in bound(addresses_of(host), port):
            sock.close()
    except OSError as error:
        return error.errno or errno.EIO
    return 0


def not_ours(port: int) -> Finding:
    """The system lets this user have no such port."""
    return broken(
        f"port {port} is for the system: this user may not listen on it",
        f"choose one above 1023 (gateway.port), and let a proxy lead there from {port}; or give "
        "the service the right (AmbientCapabilities=CAP_NET_BIND_SERVICE)",
    )


def free_port(config: Config) -> int:
    """A port near the taken one that is free; the taken one if none is."""
    host, port = config.gateway.host, config.gateway.port
    return next_free(host, port) or port


def next_free(host: str, port: int) -> int:
    """The first free port above one; 0: there is none near."""
    above = range(port + 1, min(port + PORTS_TRIED, PORT_MAX) + 1)
    return next((each for each in above if is_free(host, each)), 0)
