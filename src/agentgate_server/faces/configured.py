"""The faces that a configuration switches on."""

from __future__ import annotations

from functools import partial

from agentgate_server.config import Config
from agentgate_server.faces.agentspace import AgentSpaceFace
from agentgate_server.faces.edge import EdgeFace
from agentgate_server.faces.face import FaceFactory
from agentgate_server.faces.universal_agent import UniversalAgentFace


def faces_of(config: Config) -> list[FaceFactory]:
    """Return what makes them, each with what it is given."""
    made: list[FaceFactory] = []
    if config.faces.agentspace is not None:
        wanted = config.faces.agentspace
        made.append(partial(AgentSpaceFace, path=str(wanted.path), is_open=wanted.open))
    if config.faces.universal_agent is not None:
        made.append(partial(UniversalAgentFace, is_open=config.faces.universal_agent.open))
    if config.faces.edge is not None:
        device = config.faces.edge
        made.append(
            partial(
                EdgeFace,
                path=str(device.path),
                is_open=device.open,
                url_tokens=device.url_tokens,
            )
        )
    return made
