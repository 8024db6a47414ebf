"""What could not be reached: why, and what to do, by the words that say why."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import urlsplit

import anyio

from agentgate_cli.doctor.probe import broken
from agentgate_cli.text import printable

if TYPE_CHECKING:
    from agentgate_server.policy.linting import Finding

Thing = TypeVar("Thing")
Found = TypeVar("Found")

AT_ONCE_MAX = 8
"""Things of one kind that are tried at the same time."""

SYSTEMS = (
    "let this machine trust its authority (its PEM file into /usr/local/share/ca-certificates, "
    "then 'sudo update-ca-certificates'), or name a file with SSL_CERT_FILE"
)
"""What to do about a certificate where the configuration can name no authority."""

STEPS = {
    "no TLS": "write http:// in {key}, or the port that speaks TLS",
    "closed before it stood": (
        "write http:// in {key} if it has no TLS; else see whether it is up at {url}"
    ),
    "ostname mismatch": "use a name that is in its certificate in {key}",
    "not valid for": "use a name that is in its certificate in {key}",
    "certificate has expired": "renew the certificate of {host}",
    "certificate is not good": "{trust}",
    "may not reach": (
        "if that is meant, write 'private: true' (this machine and private networks) or "
        "'allow: [NETWORK]' beside {key}"
    ),
    "was refused": "start it, or correct the port in {key}: nothing listens at {url}",
    "can't be resolved": (
        "correct the name in {key}: this machine does not know {host} ('getent hosts {host}')"
    ),
    "in time": "see whether this machine reaches it (ping {host}), and what a firewall says",
    "within": "see whether this machine reaches it (ping {host}), and what a firewall says",
}
"""What to do, by what the reason holds; the first that fits."""

OTHERWISE = "see whether it is up at {url}, and its log"


def unreached(
    text: str, url: str, key: str, ca_key: str = "", steps: Mapping[str, str] | None = None
) -> Finding:
    """Say that something could not be reached.

    Args:
        text: why, as the program says it; its beginning may name what was to be reached.
        url: where it is.
        key: of the configuration, which says so.
        ca_key: of the configuration, which names the authority to trust; "": there is none.
        steps: what to do that is better known here, by what the reason holds.
    """
    why = text.rpartition("could not be reached: ")[2].partition("; nothing was sent")[0]
    known = {**STEPS, **(steps or {})}
    otherwise = known.get("", OTHERWISE)
    step = next((step for sign, step in known.items() if sign and sign in why), otherwise)
    host = urlsplit(url).hostname or ""
    trust = f"name the PEM file of the authority that signed it in {ca_key}" if ca_key else SYSTEMS
    told = step.format(key=key, url=url, host=host, trust=trust)
    return broken(f"{printable(url)} can't be reached: {printable(why)}", printable(told))


async def all_at_once(
    things: Iterable[Thing], look: Callable[[Thing], Awaitable[Found]]
) -> list[Found]:
    """Look at several things, some at a time; return what was found, in their order."""
    found: dict[int, Found] = {}
    room = anyio.CapacityLimiter(AT_ONCE_MAX)

    async def one(number: int, thing: Thing) -> None:
        async with room:
            found[number] = await look(thing)

    async with anyio.create_task_group() as tasks:
        for number, thing in enumerate(things):
            tasks.start_soon(one, number, thing)
    return [found[number] for number in sorted(found)]
