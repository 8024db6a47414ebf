"""Newcomers: whether somebody who gets a token may be called so.

``agent-gate token new`` asks, and so does the method ``make_token``.
"""

from __future__ import annotations

from agentgate_proto.principal import Role
from agentgate_proto.text.showing import one_line
from agentgate_server.config.load import Config
from agentgate_server.identity.texts import PrincipalName


def objection_to_name(name: str) -> str:
    """Say how a name must be otherwise ("must be one word: …"), or "": anybody may have it."""
    try:
        PrincipalName(name)
    except ValueError as error:
        return str(error)
    if " " in name:  # commands, and /mute on Telegram, take names as one word
        return f"must be one word: {one_line(name.replace(' ', '-'))}"
    return ""


def objection_to_newcomer(config: Config, name: str, role: Role) -> str:
    """Say why nobody new may have this name beside those of a configuration, or ""."""
    if name in config.agents:
        return f"{name!r} is a named agent of {config.name}: choose another name"
    if name in {identity.principal.name for identity in config.identities}:
        return f"{name!r} is in {config.name} already: choose another name"
    if role is Role.AGENT and name.partition(".")[0] in config.upstreams:
        text = "its tools would be called as those of an upstream are: choose another name"
        return f"{name!r}: {text}"
    people = config.messenger.names if config.messenger else ()
    if role in (Role.AGENT, Role.RELAY) and name in people:
        return f"{name!r} is a person who answers approvals: choose another name"
    return ""
