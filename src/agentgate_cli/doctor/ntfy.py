"""ntfy, tried: is the server there, does it take the token, and do its buttons lead here?"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import anyio

from agentgate_cli.doctor.listening import health_at
from agentgate_cli.doctor.probe import Patient, Report, broken, doubtful
from agentgate_cli.text import plural, printable

if TYPE_CHECKING:
    from agentgate_server.config import Config, NtfyConfig
    from agentgate_server.policy.linting import Finding

KEY = "messenger.ntfy"
PORTS = {"https": 443, "http": 80}


async def reach_ntfy(patient: Patient, config: Config) -> Report:
    """Try what the configuration says of ntfy; nothing is sent to anybody."""
    messenger, public_url = config.messenger, config.gateway.public_url
    if messenger is None or messenger.ntfy is None or public_url is None:
        return Report()
    ntfy = messenger.ntfy
    findings = await try_server(ntfy, public_url)
    findings += await try_buttons(public_url)
    well = f"{urlsplit(ntfy.url).netloc} is there for {plural(len(ntfy.people), 'topic')}"
    return Report(well, tuple(findings))


async def try_server(config: NtfyConfig, public_url: str) -> list[Finding]:
    """Ask the server whether it is one, and whether the token may read each topic."""
    from agentgate_server.approvals.push.ntfy import NtfySender

    try:
        sender = NtfySender(config, public_url)
    except OSError as error:
        step = f"give {KEY}.ca the PEM file of the authority, or leave it out for the system's"
        return [broken(f"{config.ca} can't be used: {error}", step)]
    try:
        texts = await sender.probe(str(each.topic) for each in config.people)
    finally:
        await sender.aclose()
    return [told(text, config) for text in texts]


def told(text: str, config: NtfyConfig) -> Finding:
    """Give what was found its next step."""
    message, _, hint = text.partition(": check ")
    if hint:
        return broken(printable(message), f"check {hint}, then restart the gateway")
    step = (
        f"see whether this machine reaches it: curl -sS {config.url}/v1/health; asks wait "
        "meanwhile, and other ways to answer work"
    )
    return broken(printable(text.removesuffix("; nothing was sent")), step)


async def try_buttons(public_url: str) -> list[Finding]:
    """See whether a gateway is where the buttons lead, as far as that can be seen from here."""
    parts = urlsplit(public_url)
    host, port = parts.hostname or "", parts.port or PORTS[parts.scheme]
    tls = parts.scheme == "https"

    def look() -> object:
        return health_at(host, port, parts.netloc, tls=tls)

    found = await anyio.to_thread.run_sync(look)
    if not isinstance(found, str):
        return []
    step = (
        "let the proxy or tunnel behind gateway.public_url lead to this gateway; if it runs and "
        f"phones reach it, this machine alone may not ('curl -sS {public_url}/health' there)"
    )
    return [doubtful(f"the buttons lead to {public_url}, and {printable(found)}", step)]
