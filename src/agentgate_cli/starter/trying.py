"""Trying answers of ``init`` as they are given, by the probes that ``doctor`` has."""

from __future__ import annotations

import errno
from collections.abc import Awaitable, Callable, Iterable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from agentgate_cli.style import bad, good, say, warn
from agentgate_cli.text import printable

if TYPE_CHECKING:
    from agentgate_cli.doctor.probe import Report
    from agentgate_cli.starter.house_rules import Proposal
    from agentgate_server.config.messenger import NtfyConfig

ANYWAY = "Take it all the same?"


def shown(report: Report) -> Report:
    """Show what a probe has found."""
    for each in report.findings:
        style = bad if each.level.value == "error" else warn
        say(f"  {style(printable(each.message))} → {printable(each.step)}")
    if report.well and not report.is_broken:
        say(f"  {good('ok')}: {printable(report.well)}")
    return report


def is_taken(report: Report) -> bool:
    """Whether an answer stands: it works, or the person wants it although it does not now."""
    return not shown(report).is_broken or click.confirm(ANYWAY)


def tried(probe: Callable[[], Awaitable[Report]]) -> Report:
    """Run a probe to its end."""
    import anyio

    return anyio.run(probe)


def try_port(host: str, port: int) -> Report:
    """Whether a gateway could listen there."""
    from agentgate_cli.doctor.listening import is_free, next_free, not_ours, why_not
    from agentgate_cli.doctor.probe import Report, broken
    from agentgate_server.sockets.binding import ListenError, check_address

    try:
        check_address(host)
    except ListenError as error:
        step = "0.0.0.0 for all addresses of this machine, 127.0.0.1 for itself alone"
        return Report(findings=(broken(str(error), step),))
    if why_not(host, port) == errno.EACCES:
        return Report(findings=(not_ours(port),))
    if not port or is_free(host, port):
        return Report()
    other = next_free(host, port)
    step = f"{other} is free" if other else "choose another"
    return Report(findings=(broken(f"another program has port {port}", step),))


def try_pair(cert: Path, key: Path, host: str) -> Report:
    """Whether certificate and key can be served with."""
    import time

    from agentgate_cli.doctor.certificate import look_at_pair, names_one
    from agentgate_cli.doctor.probe import Report, broken
    from agentgate_server.config.exposure import why_unreadable
    from agentgate_server.sockets.certificate import Certificate, CertificateError

    for path in (cert, key):
        if why := why_unreadable(path):
            return Report(findings=(broken(f"{path}: {why}", "give the path of the PEM file"),))
    try:
        certificate = Certificate(cert, key)
    except CertificateError as error:
        return Report(findings=(broken(str(error), "name the two files that belong together"),))
    now = time.time()
    if not certificate.counts_at(now):
        return Report(findings=(broken(certificate.doubt(now), "name one that is good today"),))
    return look_at_pair(cert, key, [host] if names_one(host) else [])


def try_house(url: str, token: str) -> Report:
    """Whether Home Assistant is there and knows the token."""
    from agentgate_cli.doctor.home import try_home

    return tried(partial(try_home, home_of(url, token)))


def try_house_address(url: str) -> Report:
    """Whether Home Assistant is there; no token is sent, for each wrong one is held against us."""
    from agentgate_cli.doctor.home import try_address

    return tried(partial(try_address, home_of(url, "none")))


def proposals_for(url: str, token: str) -> list[Proposal]:
    """Look at a house, and propose rules for what opens it; nothing if it can't be looked at."""
    import anyio

    from agentgate_cli.doctor.home import states_of
    from agentgate_cli.starter.house_rules import propose

    return propose(anyio.run(states_of, home_of(url, token)))


def home_of(url: str, token: str) -> Any:
    """Make the configuration of a house."""
    from agentgate_server.secrets.secret import Secret
    from agentgate_server.tools.home_assistant.form import HomeAssistantConfig, HomeAssistantUrl

    return HomeAssistantConfig(url=HomeAssistantUrl(url), token=Secret(token))


def try_telegram(token: str, base_url: str) -> Report:
    """Whether there is a bot with this token; ``who`` is its name."""
    from agentgate_cli.doctor.telegram import try_bot

    return tried(partial(try_bot, token, base_url))


def try_ntfy(url: str, token: str | None, topics: Iterable[str]) -> Report:
    """Whether an ntfy server is there, and lets the token read these topics; nothing is sent."""
    from urllib.parse import urlsplit

    import anyio

    from agentgate_cli.doctor.ntfy import try_server
    from agentgate_cli.doctor.probe import Report

    findings = anyio.run(try_server, ntfy_of(url, token, topics), url)
    return Report(f"ntfy is there at {urlsplit(url).netloc}", tuple(findings))


def try_phone(url: str, token: str, service: str) -> Report:
    """Whether Home Assistant has this notify service; nobody is notified."""
    import anyio

    from agentgate_cli.doctor.companion import phones_of, step_for
    from agentgate_cli.doctor.probe import Report, broken

    there = anyio.run(phones_of, home_of(url, token))
    if there is None:
        return Report()  # that Home Assistant does not answer is said elsewhere
    bare = service.removeprefix("notify.")
    if bare not in there:
        text = f"Home Assistant has no notify.{bare}"
        return Report(findings=(broken(text, step_for(bare, there)),))
    return Report(f"Home Assistant has notify.{bare}")


def ntfy_of(url: str, token: str | None, topics: Iterable[str]) -> NtfyConfig:
    """Make the configuration of a server."""
    from agentgate_server.config.messenger import NtfyConfig, NtfyPerson, Topic
    from agentgate_server.config.texts import BaseUrl
    from agentgate_server.identity.texts import PrincipalName
    from agentgate_server.secrets.secret import Secret

    name = PrincipalName("owner")
    return NtfyConfig(
        people=tuple(NtfyPerson(topic=Topic(each), name=name) for each in topics),
        url=BaseUrl(url),
        token=Secret(token) if token else None,
    )
