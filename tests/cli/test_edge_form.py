"""``edge.yaml``: what is in it, and what is wrong with it, with the line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from agentgate_cli.edge.form import (
    ChannelConfig,
    EdgeConfig,
    EdgeFile,
    EdgeGateway,
    EdgeToolConfig,
    EventConfig,
    EventsConfig,
    load_edge,
)
from agentgate_server.documents import DocumentError

GATEWAY = {"url": "wss://gate.example", "token": "${EDGE_TOKEN}"}


def load(folder: Path, **keys: Any) -> EdgeConfig:
    path = folder / "edge.yaml"
    path.write_text(yaml.safe_dump({"gateway": GATEWAY, **keys}))
    path.chmod(0o600)
    return load_edge(path, {"EDGE_TOKEN": "secret"})


def test_a_file_names_all_that_a_device_has(tmp_path: Path) -> None:
    config = load(
        tmp_path,
        spool="prompts.spool",
        when_full="drop_oldest",
        channels={
            "cpu": {"command": ["cat", "/proc/loadavg"], "timeout_s": 2},
            "weather": {"http": {"url": "http://127.0.0.1:1/w", "headers": {"X-Key": "k"}}},
        },
        tools={"lamp": {"command": ["./lamp"], "env": {"PIN": "4"}, "args": {"type": "object"}}},
        events={"answer": {"command": ["./show"]}},
    )
    form = config.form
    assert form.gateway.token.value == "secret"
    assert "secret" not in repr(form)
    assert form.channels["cpu"].timeout_s == 2
    assert form.tools["lamp"].effects == "write"
    assert form.events.answer is not None
    assert config.path("prompts.spool") == tmp_path / "prompts.spool"
    assert config.warnings == []


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"gateway": {**GATEWAY, "url": "ws://gate.example"}}, "clear text: use wss://"),
        ({"gateway": {**GATEWAY, "url": "ws://127.0.0.1.gate.example"}}, "clear text: use wss://"),
        ({"gateway": {**GATEWAY, "url": "ftp://gate.example"}}, "gateway.url"),
        ({"gateway": {**GATEWAY, "ca": "none.pem"}}, "there is no file none.pem"),
        ({"gateway": {**GATEWAY, "tokn": "x"}}, "tokn"),
        ({"channels": {"a": {}}}, "exactly one of command and http"),
        ({"channels": {"a": {"command": ["x"], "http": {"url": "http://x"}}}}, "exactly one"),
        ({"channels": {"a": {"command": []}}}, "command"),
        ({"channels": {"a": {"http": {"url": "file:///etc"}}}}, "must be a URL"),
        ({"channels": {"a": {"http": {"url": "http://x:99999"}}}}, "no port that can be one"),
        ({"channels": {"a": {"http": {"url": "http://a:b@x"}}}}, "use headers"),
        ({"channels": {"a": {"http": {"url": "http://x"}, "env": {"A": "b"}}}}, "env is for"),
        (
            {"tools": {"data_snapshot": {"command": ["x"]}}, "channels": {"a": {"command": ["x"]}}},
            "name this one otherwise",
        ),
        ({"tools": {"a.b": {"command": ["x"]}}}, "a.b"),
        ({"when_full": "oldest"}, "when_full"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(
    tmp_path: Path, keys: dict[str, Any], words: str
) -> None:
    with pytest.raises(DocumentError, match=r"edge\.yaml:\d+") as caught:
        load(tmp_path, **keys)
    assert words in str(caught.value)


@pytest.mark.parametrize("url", ["ws://127.0.0.1:8765", "ws://localhost", "ws://[::1]:1"])
def test_clear_text_is_for_this_machine_or_who_insists(tmp_path: Path, url: str) -> None:
    load(tmp_path, gateway={**GATEWAY, "url": url})
    load(tmp_path, gateway={**GATEWAY, "url": "ws://gate.example", "insecure": True})


@pytest.mark.parametrize(
    ("keys", "is_told"),
    [
        ({}, False),
        ({"gateway": {**GATEWAY, "token": "written-here"}}, True),
        ({"channels": {"a": {"command": ["a"], "env": {"KEY": "k"}}}}, True),
        ({"channels": {"a": {"command": ["a"], "env": {"KEY": "${EDGE_TOKEN}"}}}}, False),
        ({"tools": {"a": {"http": {"url": "http://[::1]/", "headers": {"X-Key": "k"}}}}}, True),
        ({"events": {"answer": {"command": ["a"], "env": {"KEY": "k"}}}}, True),
    ],
)
def test_a_file_with_a_secret_that_others_can_read_is_warned_of(
    tmp_path: Path, keys: dict[str, Any], is_told: bool
) -> None:
    load(tmp_path, **keys)
    path = tmp_path / "edge.yaml"
    path.chmod(0o644)
    warnings = load_edge(path, {"EDGE_TOKEN": "x"}).warnings
    assert warnings == ([f"{path} can be read by others: chmod 600 {path}"] if is_told else [])


ROOT = Path(__file__).parents[2]


def test_the_example_is_a_whole_file_and_loads(tmp_path: Path) -> None:
    path = tmp_path / "edge.yaml"
    path.write_text((ROOT / "examples" / "edge" / "edge.yaml").read_text())
    form = load_edge(path, {"EDGE_TOKEN": "x"}).form
    assert set(form.channels) == {"load", "uptime"}
    assert set(form.tools) == {"say"}


def test_every_key_is_in_the_page() -> None:
    page = (ROOT / "docs" / "edge.md").read_text()
    forms = (EdgeFile, EdgeGateway, ChannelConfig, EdgeToolConfig, EventConfig, EventsConfig)
    for form in forms:
        for name in form.__struct_fields__:
            assert name in page, f"{form.__name__}.{name}"
