"""Shapes: what the signatures of a tool look like, whatever it is asked.

A pattern that none of them can match is most likely misspelled: ``ha_call_service(light)`` where
a service is ``light.turn_on``, or ``restart(now)`` for a tool that takes no arguments.
"""

from __future__ import annotations

from agentgate_server.policy.naming import STATE_READERS
from agentgate_server.policy.patterns import ToolPattern, may_match
from agentgate_server.policy.readings import Part, Unknown
from agentgate_server.policy.tool import Tool

DOTTED: Part = ((Unknown.WORD, ".", Unknown.WORD),)
WORD: Part = ((Unknown.WORD,),)
TARGET: Part = (*DOTTED, "", "all", "none", ("[", None), ("{", None), ('"', None))

ENTITIES: Part = (*DOTTED, "", ("[", None), ('"', None))

SHAPES: dict[str, tuple[tuple[Part, ...], str]] = {
    "ha_call_service": ((DOTTED, TARGET), "(light.turn_on, light.bedroom)"),
    "ha_get_state": ((DOTTED,), "(sensor.temp)"),
    **dict.fromkeys(STATE_READERS, ((ENTITIES,), "(sensor.temp)")),
    "ha_fire_event": (((*DOTTED, *WORD),), "(doorbell)"),
}
"""What stands in the parentheses of tools whose signatures are made in their own way, and an
example."""


def misfit(tool: Tool, pattern: ToolPattern) -> str:
    """Return why no request of a tool can match a pattern, or "".

    Args:
        tool: the tool.
        pattern: the pattern as that tool sees it.
    """
    if tool.name in SHAPES:
        parts, example = SHAPES[tool.name]
        text = f"its signatures look like {tool.name}{example}"
    elif not tool.schema.get("properties") and tool.schema.get("additionalProperties") is False:
        parts, text = (), f"it takes no arguments: write {tool.name}"
    else:
        return ""
    if pattern.may_match_all or may_match(pattern.folded, parts):
        return ""
    return text
