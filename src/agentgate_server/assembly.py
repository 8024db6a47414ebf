"""Assembly: the parts of a gateway that its configuration names.

The gateway starts from them; ``agent-gate check``, ``explain`` and ``reload`` look at the same
parts without starting one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from agentgate_proto.faces.mcp.names import clashes_of
from agentgate_server.config import Config
from agentgate_server.documents import DocumentError
from agentgate_server.errors import ToolError
from agentgate_server.policy import Policy
from agentgate_server.relay.link import LinkNeeds, OpenUpstreams, UpstreamsFactory
from agentgate_server.secrets.masking import Masker
from agentgate_server.sessions.exceeding import exceed_budget
from agentgate_server.tools.catalogue import Catalogue
from agentgate_server.tools.permit import Permits
from agentgate_server.tools.sources import Sources
from agentgate_server.tools.tool import Tool

if TYPE_CHECKING:
    from agentgate_server.tools.home_assistant.backend import HomeAssistant


def home_assistant_of(config: Config) -> HomeAssistant | None:
    """Make the backend for Home Assistant if it is configured. It connects to nothing yet.

    Raises:
        ToolError: it can't be used as configured.
    """
    if config.services.homeassistant is None:
        return None
    from agentgate_server.tools.home_assistant.backend import HomeAssistant

    return HomeAssistant(config.services.homeassistant)


def catalogue_of(
    config: Config,
    tools: Iterable[Tool | Callable[..., Any]] = (),
    home: HomeAssistant | None = None,
) -> Catalogue:
    """Load the tools that a configuration names, and join others to them.

    Args:
        config: the configuration.
        tools: others, given in code.
        home: its Home Assistant, if it runs already.

    Raises:
        ToolError: a tool can't be loaded, or two have one name, here or for MCP clients.
    """
    named = Catalogue.load(config.tools.python, config.folder) if config.tools.python else ()
    home = home or home_assistant_of(config)
    ready_made = home.tools if home else ()
    asks = any(budget.over == "ask" for budget in config.sessions.budgets)
    others = Catalogue.of(*tools, *([exceed_budget] if asks else []))
    catalogue = Catalogue([*named, *http_tools_of(config), *ready_made, *others])
    if config.faces.mcp is not None:
        refuse_clashes(catalogue.names)
        if config.faces.mcp.permit:
            return catalogue.with_live(Permits())
    return catalogue


def refuse_clashes(names: Iterable[str]) -> None:
    """Refuse tools that MCP clients could not tell apart.

    Raises:
        ToolError: there are such.
    """
    for name, tools in clashes_of(names):
        if len(tools) == 1:
            raise ToolError(
                f"{tools[0]}: MCP clients have another tool {name} (faces.mcp): rename it"
            )
        text = f"MCP clients would see {' and '.join(tools)} as one tool {name} (faces.mcp)"
        raise ToolError(f"{text}: rename all but one")


def sources_of(config: Config) -> Sources | None:
    """Remember from which files the Python tools were loaded, if there are any."""
    python = config.tools.python
    return Sources(python, config.folder) if python else None


def http_tools_of(config: Config) -> Iterable[Tool]:
    """Make the HTTP tools that a configuration declares. Imports an HTTP client only if it does.

    Raises:
        ToolError: the authorities of a backend can't be read.
    """
    if config.http is None:
        return ()
    from agentgate_server.tools.http.tool import http_tools

    return http_tools(config.http, Masker(config.secrets).told)


def upstreams_of(
    config: Config, make: UpstreamsFactory | None, needs: LinkNeeds
) -> OpenUpstreams | None:
    """Make the links to the gateways that a configuration names; None: it names none.

    Args:
        config: the configuration.
        make: makes them.
        needs: what it is given.

    Raises:
        DocumentError: there are some, and nothing that makes them; or one can't be made.
    """
    if not config.upstreams:
        return None
    if make is None:
        text = "need Gateway(..., upstreams=agentgate_relay.Links), as 'agent-gate serve' does"
        raise DocumentError(config.name, text, path="upstreams")
    try:
        return make(needs)
    except ValueError as error:
        raise DocumentError(config.name, str(error), path="upstreams") from None


def policy_of(config: Config, home: HomeAssistant | None = None) -> Policy:
    """Load the policy that a configuration names.

    Args:
        config: the configuration.
        home: its Home Assistant, if it runs: it tells the policy what is in the house.

    Raises:
        DocumentError: it can't be used; of a file that can't be opened it says where it is named.
    """
    try:
        policy = Policy.load(config.permissions)
    except DocumentError as error:
        if not error.is_about_file or "permissions" not in config.lines:
            raise
        text = f"{config.permissions}: {error.message}"
        raise config.file_error("permissions", text) from error
    if home is not None:
        home.serve(policy)
    return policy
