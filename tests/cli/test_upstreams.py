"""``agent-gate upstreams``, at a gateway with one behind it that is there and one that is not."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

from tests.cli.support import BOUND_S, CONFIG, OPERATOR_TOKEN, Served, at_terminal, run, write_files

ALLOW = {"pattern": "*", "action": "allow"}
RELAY_TOKEN = "relay-token-0123456789abcdef"


def shown(front: Served, *args: str) -> tuple[int, str]:
    done = run("upstreams", *args, AGENT_GATE_URL=front.url, AGENT_GATE_TOKEN=OPERATOR_TOKEN)
    assert done.stderr == ""
    return done.returncode, done.stdout


def rows(front: Served) -> dict[str, Any]:
    found = json.loads(shown(front, "--json")[1])["upstreams"]
    return {row["name"]: row for row in found}


def test_it_shows_what_is_connected_and_why_something_is_not(tmp_path: Path) -> None:
    folders = {name: tmp_path / name for name in ("house", "barn", "office")}
    for folder in folders.values():
        folder.mkdir()
    relay = {"name": "office", "role": "relay", "token": RELAY_TOKEN}
    write_files(folders["house"], principals=[*CONFIG["principals"], relay])
    house, barn, office = (Served(folder) for folder in folders.values())
    ends = {"house": house.url, "barn": barn.url}
    links = {n: {"url": url, "token": RELAY_TOKEN, "tools": ["l*"]} for n, url in ends.items()}
    write_files(folders["office"], {"defaults": [ALLOW]}, upstreams=links)
    house.start()
    office.start()

    at_most = time.monotonic() + BOUND_S
    while not rows(office)["barn"].get("attempt"):
        assert time.monotonic() < at_most
    found = rows(office)
    assert found["house"]["status"] == "connected"
    assert found["house"]["principal"] == "office"
    assert found["house"]["tools"] == ["house.list_lights"]
    assert found["house"]["latency_s"] < BOUND_S
    assert found["barn"]["error"].startswith("nothing listens there")

    code, text = shown(office)
    assert code == 1
    assert [line.split()[0] for line in text.splitlines()] == ["barn", "house"]
    assert "attempt" in text
    assert RELAY_TOKEN not in text

    done = office.as_agent("call", "house.list_lights")
    assert done.returncode == 0, done.stderr
    assert "kitchen" in done.stdout
    refused = run("upstreams", AGENT_GATE_URL=office.url, AGENT_GATE_TOKEN=CONFIG["agent"]["token"])
    assert refused.returncode != 0
    assert "not for the role agent" in refused.stderr


def test_a_gateway_without_any_says_so(gateway: Served) -> None:
    variables = {"AGENT_GATE_URL": gateway.url, "AGENT_GATE_TOKEN": OPERATOR_TOKEN}
    with at_terminal("upstreams", **variables) as terminal:
        terminal.see("no gateway is behind this one")
        assert terminal.end() == 0
