"""The methods about tools that a connected client provides, in both directions (seed 000).

A provider says what it offers by ``tools.provide``; the gateway offers these as
``<principal>.<name>`` to others, as far as its policy lets them, and asks for them by
``tools.call`` on the provider's connection. A provider that leaves takes its tools along.
"""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

from agentgate_proto.limits import (
    DESCRIPTION_CHARS_MAX,
    NAME_CHARS_MAX,
    PROVIDED_TIMEOUT_S_MAX,
    PROVIDED_TOOLS_MAX,
)
from agentgate_proto.records.request import Effects

ShortName = Annotated[str, msgspec.Meta(pattern="^[a-zA-Z_][a-zA-Z0-9_]{0,63}$")]
Id = Annotated[str, msgspec.Meta(min_length=1, max_length=NAME_CHARS_MAX)]


class OfferedTool(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One tool that a client provides.

    Attributes:
        name: within the provider; no dots.
        description: for people and models.
        effects: "read": a call that was under way when the provider left is made again when it is
            back; "write": nobody knows then whether it took effect.
        args: JSON Schema (2020-12) of the arguments object; {}: anything goes.
        timeout_s: how long a call may take.
    """

    name: ShortName
    description: Annotated[str, msgspec.Meta(max_length=DESCRIPTION_CHARS_MAX)] = ""
    effects: Effects = Effects.WRITE
    args: dict[str, Any] = {}
    timeout_s: Annotated[float, msgspec.Meta(gt=0, le=PROVIDED_TIMEOUT_S_MAX)] = 30.0


class ProvideTools(msgspec.Struct, frozen=True, kw_only=True):
    """Offer tools, in place of all that this connection has offered before. [] withdraws them.

    Refused as a whole (-32602, -32006), or if another live connection of the same principal offers
    one of them (-32009): then nothing has changed.

    Attributes:
        tools: all of them, each name once.
    """

    tools: Annotated[list[OfferedTool], msgspec.Meta(max_length=PROVIDED_TOOLS_MAX)]


class ToolsProvided(msgspec.Struct, frozen=True, kw_only=True):
    """They are offered.

    Attributes:
        names: under which names, in the order given.
    """

    names: list[str]


class CallTool(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Gateway to provider: run a tool that it offers, and answer what came of it.

    The text of an error is for who asked: -32004 the tool failed, -32602, -32601 or -32006 it did
    not run, -32007 nobody knows whether it did.

    Attributes:
        call: names this call. The same again, on a later connection, is the same call: it is
            answered with what it came to and not run twice.
        tool: the name that the provider gave.
        args: the arguments.
        timeout_s: for how long the gateway waits.
    """

    call: Id
    tool: ShortName
    args: dict[str, Any] = {}
    timeout_s: float = 30.0


class ToolCalled(msgspec.Struct, frozen=True, kw_only=True):
    """What the tool returned.

    Attributes:
        data: any JSON.
    """

    data: Any = None


class StopTool(msgspec.Struct, frozen=True, kw_only=True):
    """Gateway to provider: nobody waits for this call any more; stop it if that can be done.

    Attributes:
        call: which.
    """

    call: Id
