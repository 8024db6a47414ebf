"""Home Assistant's companion app: are there the phones that are to be notified?"""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING

import msgspec

from agentgate_cli.doctor.probe import Patient, Report, broken
from agentgate_cli.text import plural, printable

if TYPE_CHECKING:
    from agentgate_server.config import Config
    from agentgate_server.tools.home_assistant.form import HomeAssistantConfig

WAIT_S = 15.0
BYTES_MAX = 16_000_000
"""Of the list of all services, with what each is for."""

PREFIX = "mobile_app_"
SHOWN_MAX = 5


class Domain(msgspec.Struct):
    """The services of one domain, by name."""

    domain: str
    services: dict[str, msgspec.Raw]


async def reach_companion(patient: Patient, config: Config) -> Report:
    """See that each phone's service is there; none is notified."""
    home, messenger = config.services.homeassistant, config.messenger
    if home is None or messenger is None or messenger.companion is None:
        return Report()
    there = await phones_of(home)
    if there is None:
        return Report()  # that Home Assistant does not answer is said elsewhere
    people = messenger.companion.people
    missing = [str(each.service) for each in people if each.service not in there]
    findings = tuple(
        broken(f"Home Assistant has no notify.{name}", step_for(name, there)) for name in missing
    )
    return Report(f"{plural(len(people), 'phone')}, each with a notify service", findings)


def step_for(name: str, there: list[str]) -> str:
    """What to write in the place of a service that there is not."""
    apps = [each for each in there if each.startswith(PREFIX)]
    near = get_close_matches(name, apps, 1) or apps[:SHOWN_MAX]
    if not near:
        return (
            "open the companion app on that phone and log in; its service comes with it, then "
            "restart the gateway"
        )
    names = ", ".join(map(printable, near))
    return f"set messenger.companion.people to what there is ({names}), and restart the gateway"


async def phones_of(home: HomeAssistantConfig) -> list[str] | None:
    """The names of the notify services; None: Home Assistant does not say."""
    from agentgate_proto.records.request import Effects
    from agentgate_server.backends.http_client import HttpBackend
    from agentgate_server.errors import EffectUnknown, NotStarted, ToolFailed
    from agentgate_server.tools.home_assistant.api import options_of

    try:
        backend = HttpBackend(options_of(home, 1, 1_000))
    except OSError:
        return None
    try:
        answer = await backend.request(
            "GET", "/api/services", timeout_s=WAIT_S, bytes_max=BYTES_MAX, effects=Effects.READ
        )
        domains = msgspec.json.decode(answer.body, type=list[Domain]) if answer.ok else None
    except (EffectUnknown, NotStarted, ToolFailed, msgspec.DecodeError):
        return None
    finally:
        await backend.aclose()
    if domains is None:
        return None
    return sorted(name for each in domains if each.domain == "notify" for name in each.services)
