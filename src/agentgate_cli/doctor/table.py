"""The table of probes: what ``doctor`` tries, in this order; ``init`` takes single ones of them."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from dataclasses import dataclass

import anyio

from agentgate_cli.doctor.backends import reach_backends
from agentgate_cli.doctor.certificate import reach_certificate
from agentgate_cli.doctor.clock import reach_clock
from agentgate_cli.doctor.companion import reach_companion
from agentgate_cli.doctor.home import reach_home
from agentgate_cli.doctor.listening import reach_gateway, reach_listener
from agentgate_cli.doctor.mcp_servers import reach_servers
from agentgate_cli.doctor.models import reach_models
from agentgate_cli.doctor.ntfy import reach_ntfy
from agentgate_cli.doctor.probe import Patient, Probe, Report, broken, with_step
from agentgate_cli.doctor.storage import reach_audit, reach_database
from agentgate_cli.doctor.telegram import reach_telegram
from agentgate_cli.doctor.upstreams import reach_upstreams
from agentgate_server.checking.files import CONFIGURATION
from agentgate_server.policy.linting import Finding, Level

PROBE_S = 60.0
"""A probe that takes longer has found something that is not well."""

RECHECK = "correct it at {place}, then 'agent-gate check'"

PROBES = (
    Probe(
        name=CONFIGURATION,
        about="config.yaml, .env and what they name can be read, and by nobody else",
        step=RECHECK,
        part=CONFIGURATION,
    ),
    Probe(
        name="listener",
        about="the address is one of this machine, with TLS where others reach it",
        step="correct gateway.host, gateway.tls or gateway.allowed_hosts in {place}",
        part="listener",
        reach=reach_listener,
    ),
    Probe(
        name="certificate",
        about="certificate and key belong together, are good now, and for the names in use",
        step="correct gateway.tls in {place}",
        part="certificate",
        reach=reach_certificate,
    ),
    Probe(
        name="gateway",
        about="the port is free, or this gateway is there and well",
        step="see the gateway's log",
        reach=reach_gateway,
    ),
    Probe(
        name="database",
        about="the database can be opened and written, and the disk has room",
        step="set storage.path in config.yaml to a file that this user may write",
        part="database",
        reach=reach_database,
    ),
    Probe(
        name="audit",
        about="the audit is the one that was kept",
        step="'agent-gate audit verify'",
        reach=reach_audit,
    ),
    Probe(
        name="tools",
        about="the tools can be loaded",
        step="correct the tool, or its name under tools in config.yaml; then 'agent-gate check'",
        part="tools",
    ),
    Probe(
        name="policy",
        about="the policy can be read, is about tools that there are, and somebody can answer",
        step=RECHECK,
        part="policy",
    ),
    Probe(
        name="principals",
        about="those who have tokens can come in",
        step="'agent-gate token list' shows who has one",
        part="principals",
    ),
    Probe(
        name="sessions",
        about="what conversations with models stand on is there",
        step=RECHECK,
        part="sessions",
    ),
    Probe(
        name="home_assistant",
        about="Home Assistant is there and knows the token, and agents open nothing there unasked",
        step="correct services.homeassistant in config.yaml",
        reach=reach_home,
    ),
    Probe(
        name="http_tools",
        about="the servers of HTTP tools can be connected to, as far as they may be reached",
        step="correct the file that tools.http in config.yaml names",
        reach=reach_backends,
    ),
    Probe(
        name="mcp_servers",
        about="MCP servers start or can be reached, and say what they offer",
        step="correct tools.mcp in config.yaml",
        reach=reach_servers,
    ),
    Probe(
        name="models",
        about="the vendors of models are there, take the key, and know the model",
        step="correct sessions.models in config.yaml",
        reach=reach_models,
    ),
    Probe(
        name="upstreams",
        about="gateways behind this one are there, take the token, and have the tools",
        step="correct upstreams in config.yaml",
        reach=reach_upstreams,
    ),
    Probe(
        name="telegram",
        about="the bot is one, may write to the chat, and somebody there may answer",
        step="correct messenger.telegram in config.yaml",
        part="channels",
        reach=reach_telegram,
    ),
    Probe(
        name="ntfy",
        about="the server is there and takes the token, and its buttons lead to a gateway",
        step="correct messenger.ntfy in config.yaml",
        reach=reach_ntfy,
    ),
    Probe(
        name="companion",
        about="Home Assistant has a notify service for each phone with its app",
        step="correct messenger.companion in config.yaml",
        reach=reach_companion,
    ),
    Probe(
        name="clock",
        about="this machine's clock goes as that of others",
        step="set the clock: 'sudo timedatectl set-ntp true'",
        reach=reach_clock,
    ),
)

ALWAYS = frozenset({"listener", "database"})
"""What every gateway has, whatever the probe has seen of it."""


@dataclass(frozen=True, slots=True)
class Result:
    """What came of one probe.

    Attributes:
        probe: which.
        well: what was seen, where nothing is broken.
        findings: what is wrong, each with a step; notes are left out.
        is_there: there is something of the kind.
    """

    probe: Probe
    well: str
    findings: tuple[Finding, ...]
    is_there: bool

    @property
    def status(self) -> str:
        """``ok``, ``doubt``, ``broken``, or ``none``: there is nothing to look at."""
        levels = {each.level for each in self.findings}
        if Level.ERROR in levels:
            return "broken"
        return "doubt" if levels else "ok" if self.is_there else "none"


async def probe_all(patient: Patient) -> AsyncIterator[Result]:
    """Try everything; without a configuration there is nothing else to try."""
    for probe in PROBES:
        yield await run(probe, patient)
        if patient.look.config is None:
            return


async def run(probe: Probe, patient: Patient) -> Result:
    """Look, and try."""
    found = patient.look.at(probe.part) if probe.part else []
    report = Report()
    config = patient.look.config
    if probe.reach is not None and config is not None:
        started = time.monotonic()
        with anyio.move_on_after(PROBE_S):
            report = await probe.reach(patient, config)
        if time.monotonic() - started >= PROBE_S:
            text = f"no end came within {PROBE_S:g} s"
            report = Report(findings=(broken(text, "try again; see what this machine reaches"),))
    findings = tuple(
        with_step(each, probe.step)
        for each in (*found, *report.findings)
        if each.level is not Level.NOTE
    )
    is_there = bool(report.well) or (bool(probe.part) and probe.reach is None)
    is_there = is_there or probe.name in ALWAYS
    return Result(probe, report.well or probe.about, findings, is_there)
