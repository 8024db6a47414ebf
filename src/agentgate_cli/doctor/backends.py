"""Backends of HTTP tools: does a connection come about? Nothing is sent, so nothing is done."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from agentgate_cli.doctor.probe import Patient, Report, broken
from agentgate_cli.doctor.reaching import all_at_once, unreached
from agentgate_cli.text import plural

if TYPE_CHECKING:
    from agentgate_server.backends.http_options import HttpOptions
    from agentgate_server.config import Config
    from agentgate_server.policy.linting import Finding

WAIT_S = 15.0
STEPS = {"": "see whether it is up at {url}; {key} says where it is"}


async def reach_backends(patient: Patient, config: Config) -> Report:
    """Look each name up, connect, and shake hands where TLS is spoken."""
    if config.http is None or not config.http.backends:
        return Report()
    backends = config.http.backends
    found = await all_at_once(
        [(name, each.origin, each.options) for name, each in backends.items()],
        lambda row: try_backend(*row),
    )
    well = f"{plural(len(backends), 'server')}, each can be connected to"
    return Report(well, tuple(each for each in found if each is not None))


async def try_backend(name: str, origin: str, options: HttpOptions) -> Finding | None:
    """Try one; None: it is there.

    Args:
        name: what tools call it.
        origin: file and line where it stands.
        options: for its client.
    """
    key = f"backends.{name}"
    return await try_connection(options, f"{key}.url ({origin})", f"{key}.ca")


async def try_connection(options: HttpOptions, key: str, ca_key: str) -> Finding | None:
    """Open one connection as a tool would, and close it.

    Args:
        options: where to, and which addresses it may have.
        key: which says where it is, for the next step.
        ca_key: which names the authority.
    """
    from agentgate_server.backends.http_client import HttpBackend
    from agentgate_server.errors import NotStarted

    try:
        connect_timeout_s = min(options.connect_timeout_s, WAIT_S)
        backend = HttpBackend(replace(options, connect_timeout_s=connect_timeout_s))
    except OSError as error:
        step = f"give {ca_key} the PEM file of the authority, or leave it out for the system's"
        return broken(f"{options.ca} can't be used: {error}", step)
    try:
        stream = await backend.open_stream()
        await stream.aclose()
    except NotStarted as error:
        return unreached(str(error), options.url, key, ca_key, STEPS)
    finally:
        await backend.aclose()
    return None
