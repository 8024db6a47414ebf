"""Which faces a configuration switches on."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import pytest
from tests.server.embedded import POLICY, config

from agentgate_server.config.faces import McpConfig, SocketIoConfig, SocketIoRole
from agentgate_server.config.texts import FacePath
from agentgate_server.faces.acp import AcpFace
from agentgate_server.faces.agentspace import AgentSpaceFace
from agentgate_server.faces.agui import AgUiFace
from agentgate_server.faces.completions import CompletionsFace
from agentgate_server.faces.configured import consoles_face, faces_of, mcp_face
from agentgate_server.faces.edge import EdgeFace
from agentgate_server.faces.universal_agent import UniversalAgentFace
from agentgate_server.gateway import Gateway
from agentgate_server.policy import Policy

CONTROLLER = SocketIoConfig(role=SocketIoRole.CONTROLLER, path=FacePath("/io"), open=True)


@pytest.mark.parametrize(
    ("faces", "made"),
    [
        ({}, []),
        ({"agentspace": {}}, [(AgentSpaceFace, {"path": "/gateway", "is_open": False})]),
        (
            {"agentspace": {"path": "/chat", "open": True}, "universal_agent": {}},
            [
                (AgentSpaceFace, {"path": "/chat", "is_open": True}),
                (UniversalAgentFace, {"is_open": False}),
            ],
        ),
        (
            {"edge": {"path": "/pi", "url_tokens": True}},
            [(EdgeFace, {"path": "/pi", "is_open": False, "url_tokens": True})],
        ),
        ({"acp": {"path": "/e"}}, [(AcpFace, {"path": "/e", "is_open": False})]),
        (
            {"completions": {"reasoning": True}},
            [(CompletionsFace, {"is_open": False, "tells_tools": True})],
        ),
        (
            {"agui": {"path": "/page", "open": True}},
            [(AgUiFace, {"path": "/page", "is_open": True})],
        ),
        (
            {"socketio": {"role": "controller", "path": "/io", "open": True}},
            [(consoles_face, {"wanted": CONTROLLER})],
        ),
        ({"mcp": {"hold_s": 20}}, [(mcp_face, {"wanted": McpConfig(hold_s=20.0)})]),
    ],
)
def test_faces_are_those_that_are_named(tmp_path: Path, faces: Any, made: Any) -> None:
    found = faces_of(config(tmp_path, faces=faces))
    assert all(isinstance(each, partial) for each in found)
    assert [(each.func, each.keywords) for each in found if isinstance(each, partial)] == made


@pytest.mark.anyio
async def test_a_controller_with_nobody_behind_it_serves_all_the_same(tmp_path: Path) -> None:
    faces = {"socketio": {"role": "controller"}}
    async with Gateway(config(tmp_path, faces=faces), policy=Policy.parse(POLICY)) as gateway:
        assert "socketio" in gateway.gate.faces.names
