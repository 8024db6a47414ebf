"""The form of ``faces``: wire formats of others that the gateway speaks besides its own."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from agentgate_proto.faces import http_api
from agentgate_proto.wire.routes import Route, Routes
from agentgate_server.config.texts import FacePath
from agentgate_server.documents import Document

OPEN_NAME = "default"
"""The principal of whoever comes without a token where a face is open (seed 004)."""

SESSIONS_PATH = "/sessions"
"""Where the paths of ``universal_agent`` begin."""


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


class FacesConfig(msgspec.Struct, frozen=True, kw_only=True):
    """Wire formats of others; those that are not named are off."""

    agentspace: AgentSpaceConfig | None = None
    """AgentSpace."""

    universal_agent: UniversalAgentConfig | None = None
    """Universal agent."""


def check_faces(document: Document, faces: FacesConfig) -> None:
    """Check that each path has one owner.

    Raises:
        DocumentError: the path of a face is taken.
    """
    if faces.agentspace is None:
        return
    path = faces.agentspace.path
    place = ("faces", "agentspace", "path")
    taken = [*http_api.ROUTES]
    if faces.universal_agent is not None:
        get = frozenset({"GET"})
        taken += [
            Route(face="universal_agent", path=SESSIONS_PATH, methods=get),
            Route(face="universal_agent", path=f"{SESSIONS_PATH}/{{rest*}}", methods=get),
        ]
    try:
        Routes([*taken, Route(face="agentspace", path=str(path), websocket=True)])
    except ValueError:
        text = "another part of the gateway has this path: choose another"
        raise document.error(place, text) from None


def open_faces(faces: FacesConfig) -> Iterator[str]:
    """Yield the keys of the faces that are open."""
    if faces.agentspace is not None and faces.agentspace.open:
        yield "faces.agentspace.open"
    if faces.universal_agent is not None and faces.universal_agent.open:
        yield "faces.universal_agent.open"
