"""Home Assistant, tried: is it there, is it Home Assistant, and what may the token do?"""

from __future__ import annotations

from dataclasses import replace
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin, urlsplit

from agentgate_cli.doctor.home_socket import socket_trouble
from agentgate_cli.doctor.open_doors import open_doors
from agentgate_cli.doctor.probe import Patient, Report, broken, doubtful
from agentgate_cli.doctor.reaching import unreached
from agentgate_cli.text import plural, printable

if TYPE_CHECKING:
    from agentgate_server.backends.answer import Answer
    from agentgate_server.backends.http_client import HttpBackend
    from agentgate_server.config import Config
    from agentgate_server.policy.linting import Finding
    from agentgate_server.tools.home_assistant.form import HomeAssistantConfig

KEY = "services.homeassistant"
WAIT_S = 15.0
BYTES_MAX = 32_000_000
"""Of one answer: the states of a large house are some megabytes."""

TEMPLATE = b'{"template": "{{ 1 }}"}'
"""The least that only an administrator's token may ask."""

NOT_ALLOWED = (401, 403)
ASIDE = (301, 302, 303, 307, 308, 400, 403, 502, 503, 504)
"""What keeps everybody out, whatever they ask for."""

RENEWED = (
    "make a new one in Home Assistant, as an administrator: your profile, Security, Long-lived "
    "access tokens; put it into HOME_ASSISTANT_TOKEN in .env, and restart the gateway"
)


async def reach_home(patient: Patient, config: Config) -> Report:
    """Try what the configuration says of Home Assistant."""
    home = config.services.homeassistant
    if home is None:
        return Report()
    report = await try_home(home)
    if report.date is not None:
        patient.dates["Home Assistant"] = report.date
    return replace(report, findings=(*report.findings, *open_doors(patient.look, report.states)))


async def try_home(config: HomeAssistantConfig) -> Report:
    """Try its address, the token, and whether it is an administrator's."""
    from agentgate_server.backends.http_client import HttpBackend
    from agentgate_server.tools.home_assistant.api import options_of

    try:
        backend = HttpBackend(options_of(config, 1, 1_000))
    except OSError as error:
        step = f"give {KEY}.ca the PEM file of the authority, or leave it out for the system's"
        return Report(findings=(broken(f"{config.ca} can't be used: {error}", step),))
    try:
        return await ask_home(backend, config)
    finally:
        await backend.aclose()


async def try_address(config: HomeAssistantConfig) -> Report:
    """Try the address alone, by the one page that says what it is to everybody.

    A token that Home Assistant does not know would be held against this machine.
    """
    from agentgate_proto.records.request import Effects
    from agentgate_server.backends.http_client import HttpBackend
    from agentgate_server.errors import EffectUnknown, NotStarted, ToolFailed
    from agentgate_server.tools.home_assistant.api import options_of

    backend = HttpBackend(replace(options_of(config, 1, 1_000), headers={}))
    try:
        answer = await backend.request(
            "GET", "/manifest.json", timeout_s=WAIT_S, effects=Effects.READ
        )
    except (EffectUnknown, NotStarted, ToolFailed) as error:
        return Report(findings=(unreached_home(str(error), config),))
    finally:
        await backend.aclose()
    if answer.status in ASIDE and (trouble := refused(answer, config)):
        return Report(findings=(trouble,))
    try:
        name = answer.json().get("name") if answer.ok else ""
    except (ValueError, AttributeError):
        name = ""
    if name == "Home Assistant":
        return Report("Home Assistant is there")
    step = "go on if you know that it is; the token shows it"
    return Report(findings=(doubtful(f"what answers at {config.url} may be another", step),))


async def states_of(config: HomeAssistantConfig) -> list[dict[str, Any]]:
    """What is in the house; nothing, if it does not say."""
    from agentgate_proto.records.request import Effects
    from agentgate_server.backends.http_client import HttpBackend
    from agentgate_server.errors import EffectUnknown, NotStarted, ToolFailed
    from agentgate_server.tools.home_assistant.api import options_of

    backend = HttpBackend(options_of(config, 1, 1_000))
    try:
        answer = await backend.request(
            "GET", "/api/states", timeout_s=WAIT_S, bytes_max=BYTES_MAX, effects=Effects.READ
        )
    except (EffectUnknown, NotStarted, ToolFailed):
        return []
    finally:
        await backend.aclose()
    return entities_of(answer)


async def ask_home(backend: HttpBackend, config: HomeAssistantConfig) -> Report:
    """Ask what it is, and what the token may."""
    from agentgate_proto.records.request import Effects
    from agentgate_server.errors import EffectUnknown, NotStarted, ToolFailed

    async def ask(method: str, path: str, content: bytes = b"") -> Answer:
        headers = (("Content-Type", "application/json"),) if content else ()
        return await backend.request(
            method,
            path,
            headers=headers,
            content=content,
            timeout_s=WAIT_S,
            bytes_max=BYTES_MAX,
            effects=Effects.READ,
        )

    try:
        answer = await ask("GET", "/api/config")
        date = date_of(answer)
        if trouble := refused(answer, config):
            return Report(findings=(trouble,), date=date)
        about = about_of(answer)
        if about is None:
            return Report(findings=(not_it(config, "what answers is something else"),), date=date)
        may = await ask("POST", "/api/template", TEMPLATE)
        states = await ask("GET", "/api/states")
        deaf = await socket_trouble(backend, config.token.value)
    except (EffectUnknown, NotStarted, ToolFailed) as error:
        return Report(findings=(unreached_home(str(error), config),))
    findings = [no_administrator(may.status)] if may.status in NOT_ALLOWED else []
    findings += [] if deaf is None else [deaf]
    version, name = (printable(str(about.get(key, "?"))) for key in ("version", "location_name"))
    seen = tuple(entities_of(states))
    well = f"Home Assistant {version} ({name}), {plural(len(seen), 'state')}"
    return Report(well, tuple(findings), date, states=seen)


def about_of(answer: Answer) -> dict[str, Any] | None:
    """What Home Assistant says of itself; None: it is none."""
    try:
        about = answer.json()
    except ValueError:
        return None
    return about if isinstance(about, dict) and "version" in about else None


def entities_of(answer: Answer) -> list[dict[str, Any]]:
    """The states in an answer; what can't be read is none."""
    if not answer.ok or answer.flaw:
        return []
    try:
        found = answer.json()
    except ValueError:
        return []
    return [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []


def date_of(answer: Answer) -> float | None:
    """What time it is for whoever answered."""
    try:
        return parsedate_to_datetime(answer.headers.get("date", "")).timestamp()
    except ValueError:
        return None


def no_administrator(status: int) -> Finding:
    """The token may less than the policy needs."""
    return doubtful(
        f"the token's user is no administrator ({status}): what areas, labels and groups hold "
        "can't be known, and such names match every deny and ask rule",
        RENEWED,
    )


def not_it(config: HomeAssistantConfig, why: str) -> Finding:
    """There is something, and it is not Home Assistant's API."""
    step = f"set {KEY}.url to the address of its web page in a browser, nothing behind the port"
    return broken(f"{config.url} is not Home Assistant: {why}", step)


def refused(answer: Answer, config: HomeAssistantConfig) -> Finding | None:
    """Say what a status means; None: it is a good one."""
    status, url = answer.status, config.url
    if answer.ok:
        return None
    if status == 401:
        return broken("it does not know the token (401): it is wrong, or was revoked", RENEWED)
    if status == 403:
        step = (
            "take this machine's address out of ip_bans.yaml in Home Assistant's folder, and "
            "restart Home Assistant; a wrong token may have led to it"
        )
        return broken("it has banned this machine (403)", step)
    if status == 400:
        step = (
            "add the proxy's address to http.trusted_proxies in Home Assistant's "
            "configuration.yaml, with use_x_forwarded_for: true, or name its own address in "
            f"{KEY}.url"
        )
        return broken("it does not trust the proxy in front of it (400)", step)
    if 300 <= status < 400:
        to = urlsplit(urljoin(f"{url}/", answer.headers.get("location", "")))
        step = f"set {KEY}.url to {printable(f'{to.scheme}://{to.netloc}')}"
        return broken(f"{url} leads elsewhere ({status}), which is not followed", step)
    if status == 404:
        return not_it(config, "it has no /api/config (404)")
    if status in (502, 503, 504):
        step = "start Home Assistant, or see the proxy's log"
        return broken(f"a proxy in front of it answers {status}: it is not up", step)
    return broken(f"it answers {status}", "see Home Assistant's log (Settings, System, Logs)")


def unreached_home(text: str, config: HomeAssistantConfig) -> Finding:
    """Say what to do where no answer came, by the words for why."""
    return unreached(text, str(config.url), f"{KEY}.url", f"{KEY}.ca", STEPS)


STEPS = {
    "closed before it stood": (
        "write http:// if it has no TLS; else see whether Home Assistant is up at {url}"
    ),
    "certificate has expired": "renew the certificate of Home Assistant",
    "was refused": (
        "start Home Assistant, or correct the port (8123 as a rule): nothing listens at {url}"
    ),
    "can't be resolved": (
        "write its address in numbers, as in http://192.168.1.20:8123: this machine does not know "
        "the name {host}"
    ),
    "": "open {url} in a browser on this machine; is Home Assistant running there?",
}
"""What to do about a house, where that is more than about others."""
