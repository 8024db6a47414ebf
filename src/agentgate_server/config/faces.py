"""The form of ``faces``: wire formats of others that the gateway speaks besides its own."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from enum import StrEnum
from typing import Annotated

import msgspec

from agentgate_proto.faces import http_api, universal_agent
from agentgate_proto.faces.completions import routes as completions
from agentgate_proto.faces.mcp.holds import HOLD_MAX_S, HOLD_S
from agentgate_proto.principal import Principal, Role
from agentgate_proto.rpc.messages import PEOPLE
from agentgate_proto.wire.routes import Route, Routes
from agentgate_server.config.texts import FacePath
from agentgate_server.documents import Document, DocumentError
from agentgate_server.documents.errors import did_you_mean
from agentgate_server.documents.spans import SECONDS

OPEN = Principal(name="default", role=Role.AGENT)
"""Who comes without a token where a face is open (seed 004)."""

OPEN_CONSOLE = Principal(name="console", role=Role.CONSOLE)
"""The same where consoles are let in."""


class SocketIoRole(StrEnum):
    """What consoles on Socket.IO talk to."""

    MANAGER = "manager"
    """The named agents of this gateway."""
    CONTROLLER = "controller"
    """Those of the gateways behind this one."""


class AgentSpaceConfig(msgspec.Struct, frozen=True, kw_only=True):
    """AgentSpace: chat by JSON messages on a WebSocket. ``agentspace: {}`` switches it on."""

    path: FacePath = FacePath("/gateway")
    """Where its WebSocket is."""

    open: bool = False
    """Let programs of this machine in without a token, as the principal ``default``; only where
    ``gateway.host`` is loopback."""


class UniversalAgentConfig(msgspec.Struct, frozen=True, kw_only=True):
    """Universal agent: sessions over HTTP (``/sessions``), the events of a run on a WebSocket.
    ``universal_agent: {}`` switches it on; ``/health`` then says ``healthy`` for ``ok``."""

    open: bool = False
    """Let programs of this machine in without a token, as the principal ``default``; only where
    ``gateway.host`` is loopback."""


class EdgeConfig(msgspec.Struct, frozen=True, kw_only=True):
    """Edge: devices that send ``agent_request`` on a WebSocket. ``edge: {}`` switches it on; see
    [edge.md](edge.md)."""

    path: FacePath = FacePath("/edge")
    """Where its WebSocket is."""

    url_tokens: bool = False
    """Take the token from the URL as well (``/edge?token=...``), for devices that can send no
    headers. The gateway logs no URLs; a proxy in front of it may."""

    open: bool = False
    """Let programs of this machine in without a token, as the principal ``default``; only where
    ``gateway.host`` is loopback."""


class AcpConfig(msgspec.Struct, frozen=True, kw_only=True):
    """ACP, the Agent Client Protocol: editors talk to the gateway's models on a WebSocket, or by
    ``agent-gate acp``. ``acp: {}`` switches it on; see [acp.md](acp.md). People may talk there as
    well, with the token that they answer approvals with."""

    path: FacePath = FacePath("/acp")
    """Where its WebSocket is."""

    open: bool = False
    """Let programs of this machine in without a token, as the principal ``default``; only where
    ``gateway.host`` is loopback."""


class SocketIoConfig(msgspec.Struct, frozen=True, kw_only=True):
    """Socket.IO: consoles of people that talk to named agents, by seed 002's events; see
    [relay.md](relay.md). They are principals of the role ``console``."""

    role: SocketIoRole
    """``manager``: consoles talk to the agents of this gateway (``agents``), in the namespace
    ``/agents``; ``controller``: to those of the gateways behind it (``upstreams``), in
    ``/clients``."""

    path: FacePath = FacePath("/socket.io")
    """Where it is; clients add a slash."""

    open: bool = False
    """Let programs of this machine in without a token, as the principal ``console``; only where
    ``gateway.host`` is loopback."""


class AgUiConfig(msgspec.Struct, frozen=True, kw_only=True):
    """AG-UI: runs as events for pages, whose interrupts are approvals. ``agui: {}`` switches it on;
    see [ag-ui.md](ag-ui.md)."""

    path: FacePath = FacePath("/agui")
    """Where runs are asked for."""

    open: bool = False
    """Let programs of this machine in without a token, as the principal ``default``; only where
    ``gateway.host`` is loopback."""


class CompletionsConfig(msgspec.Struct, frozen=True, kw_only=True):
    """OpenAI's chat completions, for chat programs and SDKs: ``/v1/models`` and
    ``/v1/chat/completions``. ``completions: {}`` switches it on; see
    [chat-completions.md](chat-completions.md)."""

    open: bool = False
    """Let programs of this machine in without a token, as the principal ``default``; only where
    ``gateway.host`` is loopback."""

    reasoning: bool = False
    """Tell what the model thinks, and which tools of the gateway it uses, as ``reasoning_content``.
    Otherwise clients hear of neither."""


class McpConfig(msgspec.Struct, frozen=True, kw_only=True):
    """The Model Context Protocol, for agents and editors that speak it: Streamable HTTP, in both of
    its eras. ``mcp: {}`` switches it on; see [mcp.md](mcp.md)."""

    path: FacePath = FacePath("/mcp")
    """Where it is."""

    open: bool = False
    """Let programs of this machine in without a token, as the principal ``default``; only where
    ``gateway.host`` is loopback."""

    hold_s: Annotated[float, msgspec.Meta(ge=1, le=HOLD_MAX_S, extra=SECONDS)] = HOLD_S
    """How long a call may wait for a person before its client is told that it waits; in seconds.
    Clients that want to hear of progress wait for ten minutes, if this is not more. Who was seen to
    hang up earlier is told earlier."""

    holds: dict[str, Annotated[float, msgspec.Meta(ge=1, le=HOLD_MAX_S, extra=SECONDS)]] = {}
    """The same for single principals, by their names, whether they hear of progress or not."""

    join_window_s: Annotated[float, msgspec.Meta(ge=0, le=3_600, extra=SECONDS)] = 600.0
    """How long after its end a call is still the same one if it is made again with the same
    arguments: its client gets the outcome, and nothing is run twice."""

    permit: bool = False
    """Offer the tool ``permit``, by which Claude Code asks whether its own tools may be used
    (``--permission-prompt-tool``)."""


class FacesConfig(msgspec.Struct, frozen=True, kw_only=True):
    """Wire formats of others; those that are not named are off."""

    agentspace: AgentSpaceConfig | None = None
    """AgentSpace."""

    universal_agent: UniversalAgentConfig | None = None
    """Universal agent."""

    edge: EdgeConfig | None = None
    """Edge devices."""

    acp: AcpConfig | None = None
    """Editors."""

    socketio: SocketIoConfig | None = None
    """Consoles."""

    completions: CompletionsConfig | None = None
    """Chat completions."""

    agui: AgUiConfig | None = None
    """AG-UI."""

    mcp: McpConfig | None = None
    """MCP."""


FaceConfig = AgentSpaceConfig | EdgeConfig | AcpConfig | SocketIoConfig | McpConfig | AgUiConfig
"""Of the faces that have a path of their own."""


def check_faces(
    document: Document,
    faces: FacesConfig,
    agents: Collection[str] = (),
    upstreams: Collection[str] = (),
) -> tuple[str, ...]:
    """Check that each path has one owner; return warnings.

    Args:
        document: where errors stand.
        faces: what it says of them.
        agents: the ids of named agents.
        upstreams: the names of the gateways behind this one.

    Raises:
        DocumentError: the path of a face is taken.
    """
    taken = [*http_api.ROUTES]
    if faces.universal_agent is not None:
        taken += universal_agent.ROUTES
    if faces.completions is not None:
        taken += completions.ROUTES
    for name in ("agentspace", "edge", "acp", "socketio", "mcp", "agui"):
        face: FaceConfig | None = getattr(faces, name)
        if face is None:
            continue
        taken.append(Route(face=name, path=str(face.path), websocket=True))
        try:
            Routes(taken)
        except ValueError:
            text = "another part of the gateway has this path: choose another"
            raise document.error(("faces", name, "path"), text) from None
    if faces.socketio is None:
        return ()
    is_manager = faces.socketio.role is SocketIoRole.MANAGER
    if agents if is_manager else upstreams:
        return ()
    missing = "agents" if is_manager else "upstreams"
    text = f"consoles have nobody to talk to: add {missing}"
    return (f"{document.error(('faces', 'socketio', 'role'), text)}",)


def held_nobodies(faces: FacesConfig, principals: Iterable[Principal]) -> Iterator[str]:
    """Say whose calls are to be held and who asks for none: misspelled, most likely."""
    names = set(askers_of(faces, principals))
    for name in faces.mcp.holds if faces.mcp is not None else ():
        if name not in names:
            hint = did_you_mean(name, names) or ": see principals and tokens"
            yield f'faces.mcp.holds: there is no agent "{name}"{hint}'


def open_faces(faces: FacesConfig) -> Iterator[str]:
    """Yield the keys of the faces that let in agents without a token."""
    if faces.agentspace is not None and faces.agentspace.open:
        yield "faces.agentspace.open"
    if faces.universal_agent is not None and faces.universal_agent.open:
        yield "faces.universal_agent.open"
    if faces.edge is not None and faces.edge.open:
        yield "faces.edge.open"
    if faces.completions is not None and faces.completions.open:
        yield "faces.completions.open"
    if faces.agui is not None and faces.agui.open:
        yield "faces.agui.open"
    if faces.mcp is not None and faces.mcp.open:
        yield "faces.mcp.open"
    if faces.acp is not None and faces.acp.open:
        yield "faces.acp.open"


def people_converse(faces: FacesConfig) -> bool:
    """Whether there is a face on which people have sessions of their own."""
    return faces.acp is not None or faces.agui is not None


def askers_of(faces: FacesConfig, principals: Iterable[Principal]) -> list[str]:
    """Return the names of those who may ask for tools and spend money on models, by their roles."""
    roles = {Role.AGENT, *(PEOPLE if people_converse(faces) else ())}
    return [each.name for each in principals if each.role in roles]


def open_consoles(faces: FacesConfig) -> Iterator[str]:
    """Yield the keys of the faces that let in consoles without a token."""
    if faces.socketio is not None and faces.socketio.open:
        yield "faces.socketio.open"


def everybody(
    name: str,
    faces: FacesConfig,
    principals: Iterable[Principal],
    agents: Iterable[Principal] = (),
) -> tuple[Principal, ...]:
    """Return all who may ask for something: those with tokens, named agents, and who comes through
    an open face.

    Args:
        name: of the configuration.
        faces: which are open.
        principals: those with tokens.
        agents: the named agents.

    Raises:
        DocumentError: somebody has the name of who comes without a token, or of a named agent, and
            would be one with whoever that is.
    """
    known = tuple(principals)
    named = tuple(agents)
    names = {each.name for each in known}
    for agent in named:
        if agent.name in names:
            text = "a principal with a token has this name already: choose another id"
            raise DocumentError(name, text, path=f"agents.{agent.name}")
    everyone = (*known, *named)
    for key in open_consoles(faces):
        if any(each.name == OPEN_CONSOLE.name and each != OPEN_CONSOLE for each in everyone):
            text = f'who comes without a token is the console "{OPEN_CONSOLE.name}"'
            raise DocumentError(name, f"{text}: name the other otherwise", path=key)
    for key in open_faces(faces):
        others = (each for each in everyone if each.name == OPEN.name)
        if any(each.role is not OPEN.role or each in named for each in others):
            text = f'who comes without a token is the agent "{OPEN.name}": name the other otherwise'
            raise DocumentError(name, text, path=key)
        return everyone if OPEN in everyone else (*everyone, OPEN)
    return everyone
