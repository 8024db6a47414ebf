"""Assembly: the parts of a gateway that its configuration names.

The gateway starts from them; ``agent-gate check``, ``explain`` and ``reload`` look at the same
parts without starting one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from agentgate_server.config import Config
from agentgate_server.policy import Policy
from agentgate_server.tools.catalogue import Catalogue
from agentgate_server.tools.tool import Tool


def catalogue_of(config: Config, tools: Iterable[Tool | Callable[..., Any]] = ()) -> Catalogue:
    """Load the tools that a configuration names, and join others to them.

    Raises:
        ToolError: a tool can't be loaded, or two have one name.
    """
    base = Path(config.name).parent
    named = Catalogue.load(config.tools.python, base) if config.tools.python else ()
    return Catalogue([*named, *Catalogue.of(*tools)])


def policy_of(config: Config) -> Policy:
    """Load the policy that a configuration names.

    Raises:
        DocumentError: it can't be used.
    """
    return Policy.load(config.permissions)
