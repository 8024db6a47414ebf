"""``upstreams``: what is taken, what is refused and where, what is a secret."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from agentgate_proto.ledger.relaying import Approvals
from agentgate_server.config import Config, load_config
from agentgate_server.config.upstreams import WebSocketUrl, nobodies
from agentgate_server.documents import DocumentError
from agentgate_server.gate.reloading import changed_keys

TOKEN = "t" * 20
BASE = f"agent: {{token: {'a' * 20}}}\n"
WHOLE = """upstreams:
  house:
    url: wss://house.example:8443
    token: ${HOUSE_TOKEN}
    ca: house.pem
    agents:
      cook: {password: "${COOK}"}
    consoles: [desk]
    tools: ["get_*", lights.on]
    approvals: here
    timeout_s: 60
    wait_s: 0
"""


def load(folder: Path, text: str) -> Config:
    path = folder / "config.yaml"
    path.touch(0o600)
    path.write_text(BASE + text)
    return load_config(path, environment={"HOUSE_TOKEN": TOKEN, "COOK": "a password"})


def upstream(**changes: Any) -> str:
    fields = {"url": "wss://house.example", "token": TOKEN, **changes}
    return f"upstreams: {{house: {fields}}}\n".replace("'", '"').replace("True", "true")


def test_everything_can_be_said_of_an_upstream(tmp_path: Path) -> None:
    config = load(tmp_path, WHOLE)
    house = config.upstreams["house"]  # type: ignore[index]
    assert house.url == "wss://house.example:8443"
    assert house.url.place == "house.example:8443"
    assert house.ca == tmp_path / "house.pem"
    assert house.approvals is Approvals.HERE
    assert [str(agent) for agent in house.agents] == ["cook"]
    assert (house.admits("desk"), house.admits("other")) == (True, False)
    assert {secret.value for secret in config.secrets} >= {TOKEN, "a password"}
    assert TOKEN not in repr(config)


def test_little_need_be_said_of_one(tmp_path: Path) -> None:
    house = load(tmp_path, upstream()).upstreams["house"]  # type: ignore[index]
    assert house.tools == ()
    assert house.approvals is Approvals.THERE
    assert house.admits("anybody")


@pytest.mark.parametrize(
    ("url", "is_clear_text"),
    [
        ("ws://127.0.0.1:8443", False),
        ("ws://localhost", False),
        ("ws://[::1]:1/gate", False),
        ("ws://house.example", True),
        ("wss://house.example", False),
    ],
)
def test_clear_text_stays_on_this_machine(tmp_path: Path, url: str, is_clear_text: bool) -> None:
    assert WebSocketUrl(url).is_clear_text == is_clear_text
    if is_clear_text:
        with pytest.raises(DocumentError, match=r"upstreams\.house\.url: leaves this machine"):
            load(tmp_path, upstream(url=url))
        (warning,) = [w for w in load(tmp_path, upstream(url=url, insecure=True)).warnings if url]
        assert "clear text" in warning
    else:
        load(tmp_path, upstream(url=url))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (upstream(url="https://house.example"), "must be a URL without user and query, as in wss"),
        (upstream(url="wss://u:p@house.example"), "must be a URL without user and query"),
        (upstream(url="wss://house.example:99999"), "the port must be 1 to 65535"),
        (upstream(url="wss://house.example:x"), "must be a URL"),
        (upstream(tools=["a b"]), "must be the name of a tool there"),
        (upstream(approvals="both"), "approvals"),
        (upstream(token=" "), "the token is empty"),
        (upstream(agents={"cook": {"password": ""}}), "must have 1 to 1024 characters"),
        (upstream().replace("house:", "agent:"), "the agent 'agent' here could offer"),
        (upstream().replace("house:", "a.b:"), "must be 1 to 64 letters, digits, dashes"),
    ],
)
def test_what_cannot_be_is_refused_with_its_place(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(DocumentError) as caught:
        load(tmp_path, text)
    assert says in str(caught.value)
    assert caught.value.line == 2


@pytest.mark.parametrize(
    "agents",
    [
        "principals: [{name: house.kitchen, role: agent, token: %s}]" % ("k" * 20),
        "agents: {house.cook: {password: open sesame}}",
    ],
)
def test_no_agent_is_called_as_the_tools_of_an_upstream_are(tmp_path: Path, agents: str) -> None:
    with pytest.raises(
        DocumentError, match=r"the agent 'house\.\w+' here could offer tools of such"
    ):
        load(tmp_path, f"{upstream()}{agents}\n")
    load(tmp_path, f"{upstream()}{agents}\n".replace("house.", "housekeeper."))


def test_a_file_with_a_token_in_it_is_for_its_owner_only(tmp_path: Path) -> None:
    if os.name != "posix":
        pytest.skip("there are no modes")
    path = tmp_path / "config.yaml"
    path.write_text(BASE.replace("a" * 20, '"${COOK}1"') + upstream())
    path.chmod(0o644)
    config = load_config(path, environment={"COOK": TOKEN})
    assert any("holds a token and others can read it" in each for each in config.warnings)


def test_a_reload_says_that_another_upstream_takes_a_restart(tmp_path: Path) -> None:
    before = load(tmp_path, upstream())
    after = load(tmp_path, upstream(url="wss://other.example"))
    assert list(changed_keys(before, after)) == ["upstreams"]
    assert list(changed_keys(before, load(tmp_path, upstream()))) == []


def test_whom_it_lets_in_who_is_no_console_is_named(tmp_path: Path) -> None:
    upstreams = load(tmp_path, upstream(consoles=["*", "anna", "ana", "zoe"])).upstreams
    assert list(nobodies(upstreams, {"anna", "bert"})) == [
        "upstreams.house.consoles: \"ana\" is no console; did you mean 'anna'?",
        'upstreams.house.consoles: "zoe" is no console: see principals and tokens',
    ]
