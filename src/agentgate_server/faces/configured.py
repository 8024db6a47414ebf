"""The faces that a configuration switches on."""

from __future__ import annotations

from functools import partial

from agentgate_proto.faces.mcp.holds import Holds
from agentgate_server.config import Config
from agentgate_server.config.faces import OPEN_CONSOLE, McpConfig, SocketIoConfig, SocketIoRole
from agentgate_server.faces.acp import AcpFace
from agentgate_server.faces.agentspace import AgentSpaceFace
from agentgate_server.faces.agui import AgUiFace
from agentgate_server.faces.completions import CompletionsFace
from agentgate_server.faces.controller import ControllerConsoles, NoUpstreams
from agentgate_server.faces.edge import EdgeFace
from agentgate_server.faces.face import Face, FaceFactory, Surroundings
from agentgate_server.faces.manager import ManagerConsoles
from agentgate_server.faces.mcp import McpFace
from agentgate_server.faces.socketio import ApplicationFactory, SocketIoFace
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
    if config.faces.completions is not None:
        chat = config.faces.completions
        made.append(partial(CompletionsFace, is_open=chat.open, tells_tools=chat.reasoning))
    if config.faces.agui is not None:
        page = config.faces.agui
        made.append(partial(AgUiFace, path=str(page.path), is_open=page.open))
    if config.faces.acp is not None:
        editors = config.faces.acp
        made.append(partial(AcpFace, path=str(editors.path), is_open=editors.open))
    if config.faces.socketio is not None:
        made.append(partial(consoles_face, wanted=config.faces.socketio))
    if config.faces.mcp is not None:
        made.append(partial(mcp_face, wanted=config.faces.mcp))
    return made


def mcp_face(around: Surroundings, *, wanted: McpConfig) -> Face:
    """Make the face of MCP clients."""
    return McpFace(
        around,
        path=str(wanted.path),
        is_open=wanted.open,
        holds=Holds(wanted.hold_s, wanted.holds),
        join_window_s=wanted.join_window_s,
        permit=wanted.permit,
        offers=around.offers,
    )


def consoles_face(around: Surroundings, *, wanted: SocketIoConfig) -> Face:
    """Make the face of consoles."""
    make: ApplicationFactory
    match wanted.role:
        case SocketIoRole.MANAGER:
            assert around.agents is not None, "there are sessions, and so there may be agents"
            assert around.sessions is not None, "these are their conversations"
            make = partial(ManagerConsoles, around.agents, around.sessions)
        case SocketIoRole.CONTROLLER:
            make = partial(ControllerConsoles, around.upstreams or NoUpstreams())
    return SocketIoFace(
        around,
        make,
        name="socketio",
        path=f"{wanted.path}/",
        is_open=wanted.open,
        open_as=OPEN_CONSOLE,
    )
