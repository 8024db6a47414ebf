"""The form of ``faces``: each path has one owner, and an open door opens on this machine only."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.server.embedded import echo

from agentgate_proto.principal import Principal, Role
from agentgate_server.config import Config, check_exposure, config_from_dict, everybody
from agentgate_server.config.faces import askers_of, held_nobodies, people_converse
from agentgate_server.documents import DocumentError
from agentgate_server.gateway import Gateway
from agentgate_server.policy import Policy


def load(*, gateway: dict[str, Any] | None = None, **faces: Any) -> Config:
    return config_from_dict({"gateway": gateway or {}, "faces": faces})


def test_none_is_on_unless_it_is_named() -> None:
    assert load().faces.agentspace is None
    assert load().faces.universal_agent is None
    faces = load(agentspace={}, universal_agent={"open": True}).faces
    assert faces.agentspace is not None
    assert (faces.agentspace.path, faces.agentspace.open) == ("/gateway", False)
    assert faces.universal_agent is not None
    assert faces.universal_agent.open is True


def test_edge_devices_have_a_path_and_send_their_token_in_a_header() -> None:
    edge = load(edge={}).faces.edge
    assert edge is not None
    assert (edge.path, edge.url_tokens, edge.open) == ("/edge", False, False)


def test_chat_completions_have_paths_that_are_theirs() -> None:
    chat = load(completions={}).faces.completions
    assert chat is not None
    assert (chat.open, chat.reasoning) == (False, False)
    with pytest.raises(DocumentError, match=r"agentspace\.path: another part of the gateway has"):
        load(agentspace={"path": "/v1/models/x"}, completions={})


def test_mcp_has_a_path_and_holds_calls_for_a_while() -> None:
    mcp = load(mcp={}).faces.mcp
    assert mcp is not None
    assert (mcp.path, mcp.open, mcp.permit) == ("/mcp", False, False)
    assert (mcp.hold_s, mcp.holds, mcp.join_window_s) == (50.0, {}, 600.0)
    mcp = load(mcp={"path": "/m", "hold_s": 20, "holds": {"ann": 3600}}).faces.mcp
    assert mcp is not None
    assert (mcp.path, mcp.hold_s, mcp.holds) == ("/m", 20.0, {"ann": 3600.0})


def test_whose_calls_are_held_must_be_an_agent() -> None:
    faces = load(mcp={"holds": {"gardn": 60, "garden": 60, "ann": 60, "zoe": 60}}).faces
    who = [Principal(name="garden", role=Role.AGENT), Principal(name="ann", role=Role.APPROVER)]
    assert list(held_nobodies(faces, who)) == [
        "faces.mcp.holds: there is no agent \"gardn\"; did you mean 'garden'?",
        'faces.mcp.holds: there is no agent "ann": see principals and tokens',
        'faces.mcp.holds: there is no agent "zoe": see principals and tokens',
    ]
    assert list(held_nobodies(load().faces, who)) == []


@pytest.mark.parametrize(
    ("wanted", "where"),
    [
        ({"hold_s": 0}, r"mcp\.hold_s"),
        ({"holds": {"ann": 100_000}}, r"mcp\.holds\.ann"),
        ({"join_window_s": 3_601}, r"mcp\.join_window_s"),
        ({"path": "mcp"}, r"mcp\.path"),
        ({"hold": 5}, r"mcp"),
    ],
)
def test_what_mcp_is_not_is_refused(wanted: dict[str, Any], where: str) -> None:
    with pytest.raises(DocumentError, match=where):
        load(mcp=wanted)


def test_mcp_shares_its_path_with_no_other_face() -> None:
    with pytest.raises(DocumentError, match=r"mcp\.path: another part of the gateway has"):
        load(edge={"path": "/mcp"}, mcp={})


def test_mcp_without_tokens_is_for_this_machine() -> None:
    assert check_exposure(load(mcp={"open": True})) == ()
    gateway = {"host": "0.0.0.0", "allowed_hosts": ["gate.example"], "insecure": True}
    with pytest.raises(DocumentError, match=r"faces\.mcp\.open: .* reachable"):
        check_exposure(load(gateway=gateway, mcp={"open": True}))


def test_ag_ui_has_a_path_that_nobody_else_has() -> None:
    page = load(agui={}).faces.agui
    assert page is not None
    assert (page.path, page.open) == ("/agui", False)
    with pytest.raises(DocumentError, match=r"agui\.path: another part of the gateway has"):
        load(agui={"path": "/v1/models"}, completions={})


def test_editors_are_let_in_where_they_are_named() -> None:
    acp = load(acp={}).faces.acp
    assert acp is not None
    assert (acp.path, acp.open) == ("/acp", False)
    with pytest.raises(DocumentError, match=r"faces\.acp\.path: another part"):
        load(acp={"path": "/edge"}, edge={})
    gateway = {"host": "0.0.0.0", "allowed_hosts": ["gate.example"], "insecure": True}
    with pytest.raises(DocumentError, match=r"faces\.acp\.open: .* reachable"):
        check_exposure(load(gateway=gateway, acp={"open": True}))


def test_people_may_ask_where_they_converse() -> None:
    people = [
        Principal(name="bot", role=Role.AGENT),
        Principal(name="ann", role=Role.APPROVER),
        Principal(name="ops", role=Role.OPERATOR),
        Principal(name="wall", role=Role.CONSOLE),
    ]
    assert askers_of(load().faces, people) == ["bot"]
    for faces in (load(acp={}).faces, load(agui={}).faces):
        assert people_converse(faces)
        assert askers_of(faces, people) == ["bot", "ann", "ops"]
    assert not people_converse(load(agentspace={}).faces)


def test_two_faces_do_not_share_a_path() -> None:
    with pytest.raises(DocumentError, match=r"edge\.path: another part of the gateway has"):
        load(agentspace={"path": "/x"}, edge={"path": "/x"})


@pytest.mark.parametrize("path", ["/ws/agent", "/a.b-c_d~e", "/sessions", "/api/chat"])
def test_a_path_may_be_any_that_is_free(path: str) -> None:
    faces = load(agentspace={"path": path}).faces
    assert faces.agentspace is not None
    assert faces.agentspace.path == path


@pytest.mark.parametrize("path", ["gateway", "", "/", "/a/", "//a", "/{id}", "/a?b", "/a" * 65])
def test_a_path_begins_with_a_slash_and_has_a_name(path: str) -> None:
    with pytest.raises(DocumentError, match=r"agentspace\.path: must be a path that begins with"):
        load(agentspace={"path": path})


@pytest.mark.parametrize(
    "path", ["/health", "/metrics", "/api/approvals", "/api/approvals/x", "/sessions/x/execute"]
)
def test_a_path_that_is_taken_is_refused(tmp_path: Path, path: str) -> None:
    with pytest.raises(DocumentError, match=r"agentspace\.path: another part of the gateway has"):
        load(agentspace={"path": path}, universal_agent={})


SOCKETIO: dict[str, Any] = {"role": "controller", "open": True}


def test_what_consoles_talk_to_must_be_said() -> None:
    faces = load(socketio={"role": "manager"}).faces
    assert faces.socketio is not None
    assert (faces.socketio.role, faces.socketio.path) == ("manager", "/socket.io")
    assert faces.socketio.open is False
    with pytest.raises(DocumentError, match=r"faces\.socketio.*role"):
        load(socketio={})
    with pytest.raises(DocumentError, match=r"socketio\.role.*manager"):
        load(socketio={"role": "client"})
    with pytest.raises(DocumentError, match=r"socketio\.path: another part of the gateway has"):
        load(socketio={"role": "manager", "path": "/edge"}, edge={})


@pytest.mark.parametrize(
    ("role", "missing", "there"),
    [
        ("manager", "agents", {"agents": {"a1": {"password": "correct horse"}}}),
        (
            "controller",
            "upstreams",
            {"upstreams": {"home": {"url": "ws://127.0.0.1:1", "token": "t" * 32}}},
        ),
    ],
)
def test_consoles_that_have_nobody_to_talk_to_are_warned_of(
    role: str, missing: str, there: dict[str, Any]
) -> None:
    faces = {"faces": {"socketio": {"role": role}}}
    warnings = config_from_dict(faces).warnings
    assert any(f"nobody to talk to: add {missing}" in each for each in warnings)
    models = {"sessions": {"models": {"m": {"backend": "rehearsal"}}}}
    others = config_from_dict({**faces, **models, **there}).warnings
    assert not any("nobody to talk to" in each for each in others)


def test_an_open_door_for_consoles_is_for_this_machine_too() -> None:
    assert check_exposure(load(socketio=SOCKETIO)) == ()
    gateway = {"host": "0.0.0.0", "allowed_hosts": ["gate.example"], "insecure": True}
    with pytest.raises(DocumentError, match=r"faces\.socketio\.open: .* reachable"):
        check_exposure(load(gateway=gateway, socketio=SOCKETIO))


BOTH: dict[str, Any] = {
    "agentspace": {"open": True},
    "universal_agent": {"open": True},
    "edge": {"open": True},
    "completions": {"open": True},
    "agui": {"open": True},
}


def test_an_open_door_is_for_this_machine() -> None:
    assert check_exposure(load(**BOTH)) == ()
    assert check_exposure(load(gateway={"host": "::1"}, **BOTH)) == ()


@pytest.mark.parametrize("more", [{"insecure": True}, {"tls": {"cert": "c.pem", "key": "k.pem"}}])
def test_others_must_not_reach_an_open_door(more: dict[str, Any]) -> None:
    gateway = {"host": "0.0.0.0", "allowed_hosts": ["gate.example"], **more}
    with pytest.raises(DocumentError, match=r"faces\.agentspace\.open: .* reachable") as caught:
        check_exposure(load(gateway=gateway, **BOTH))
    others = [other.path for other in caught.value.others]
    assert others == [
        f"faces.{name}.open" for name in ("universal_agent", "edge", "completions", "agui")
    ]
    closed = load(gateway={**gateway, "insecure": True}, agentspace={})
    assert all("faces" not in warning for warning in check_exposure(closed))


@pytest.mark.parametrize(
    "gateway",
    [{"insecure": True}, {"trusted_proxies": ["10.0.0.7"]}, {"allowed_hosts": ["gate.example"]}],
)
def test_a_proxy_in_front_of_an_open_door_is_warned_of(gateway: dict[str, Any]) -> None:
    (warning,) = check_exposure(load(gateway=gateway, agentspace={"open": True}))
    assert "faces.agentspace.open: lets in without a token whoever a proxy" in warning


# Who comes


AGENT = Principal(name="robot", role=Role.AGENT)
DEFAULT = Principal(name="default", role=Role.AGENT)


@pytest.mark.parametrize(
    ("faces", "principals", "known"),
    [
        ({}, [AGENT], (AGENT,)),
        ({"agentspace": {}}, [AGENT], (AGENT,)),
        ({"agentspace": {"open": True}}, [], (DEFAULT,)),
        (BOTH, [AGENT], (AGENT, DEFAULT)),
        (BOTH, [DEFAULT, AGENT], (DEFAULT, AGENT)),
    ],
)
def test_who_needs_no_token_is_a_principal_as_well(
    faces: dict[str, Any], principals: list[Principal], known: tuple[Principal, ...]
) -> None:
    assert everybody("config", load(**faces).faces, principals) == known


def test_who_needs_no_token_is_nobody_who_may_approve() -> None:
    owner = Principal(name="default", role=Role.APPROVER)
    assert everybody("config", load(agentspace={}).faces, [owner]) == (owner,)
    with pytest.raises(DocumentError, match=r"universal_agent\.open: .* name the other otherwise"):
        everybody("config", load(universal_agent={"open": True}).faces, [owner])


def test_a_console_that_needs_no_token_asks_for_nothing_and_is_nobody_else() -> None:
    console = Principal(name="console", role=Role.CONSOLE)
    agent = Principal(name="console", role=Role.AGENT)
    faces = load(socketio=SOCKETIO).faces
    assert everybody("config", faces, [AGENT, console]) == (AGENT, console)
    with pytest.raises(DocumentError, match=r"socketio\.open: .* name the other otherwise"):
        everybody("config", faces, [agent])


@pytest.mark.anyio
async def test_a_gateway_may_be_for_those_alone_who_need_no_token(tmp_path: Path) -> None:
    config = config_from_dict(
        {
            "gateway": {"port": 0},
            "storage": {"path": "gate.db"},
            "faces": {"agentspace": {"open": True}},
            "sessions": {
                "budgets": [{"name": "day", "principal": "default", "per": "day", "usd": 1}]
            },
        },
        folder=tmp_path,
    )
    rules = "rules:\n- {tool: echo, action: allow, agents: [default]}\n"
    async with Gateway(config, tools=[echo], policy=Policy.parse(rules), strict=True) as gateway:
        (warning,) = gateway.warnings
    assert "nobody can answer approvals" in warning
