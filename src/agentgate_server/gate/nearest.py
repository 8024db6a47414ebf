"""Did you mean: the tool whose name is nearest to one that does not exist."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from difflib import get_close_matches
from itertools import islice

from agentgate_proto.errors import unknown_tool
from agentgate_proto.sessions.runs import EXCEED_BUDGET
from agentgate_server.gate.judge import Judge
from agentgate_server.tools.catalogue import Catalogue
from agentgate_server.tools.tool import Tool

NAMES_MAX = 256
"""Names that are compared, in the catalogue's order: some milliseconds of the event loop at most,
and who guesses a name may do it as often as ``rate_limit`` lets them ask."""

NAME_CHARS_MAX = 64
"""Of a name that may be meant: comparing two takes the product of their lengths."""


OF_SESSION = "link "
"""How a caller is named that is a session's connection."""


def nearest_tool(name: str, tools: Iterable[Tool], may_ask: Callable[[Tool], bool]) -> str:
    """Return the name that is meant, perhaps, or "".

    Args:
        name: of no tool.
        tools: those that there are.
        may_ask: whether the one who asked would be shown a tool: of others nothing is told.
    """
    if not 0 < len(name) <= NAME_CHARS_MAX:
        return ""
    known = {
        tool.name: tool
        for tool in islice(tools, NAMES_MAX)
        if len(tool.name) <= NAME_CHARS_MAX and tool.name != EXCEED_BUDGET
    }
    near = get_close_matches(name, known, 3)
    return next((each for each in near if may_ask(known[each])), "")


def unknown_for(who: str, name: str, catalogue: Catalogue, judge: Judge) -> str:
    """Say to an agent that there is no such tool, and which is near of those that it may ask for.

    Args:
        who: the agent; a link of a session is none, and gets no hint: whose tools these are
            nobody knows here.
        name: what it asked for.
        catalogue, judge: which tools there are, and what comes of asking for them.
    """
    if who.startswith(OF_SESSION):
        return unknown_tool(name)
    near = nearest_tool(name, catalogue, lambda tool: judge.expect(who, tool) != "deny")
    return unknown_tool(name, near)
