"""The doctor tries the ntfy server, and where its buttons lead, against the stand-in."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.cli.doctor.ward import diagnose, found, write_well
from tests.held_ports import held_port

from agentgate_cli.standins.http_server import HttpServer, text_response
from agentgate_cli.standins.ntfy import NtfyStandIn
from agentgate_server.config import load_config
from agentgate_server.gateway import Gateway

pytestmark = pytest.mark.anyio

TOPIC = "anns-topic-0123456789abcdef"


def write(folder: Path, url: str, port: int, **more: Any) -> None:
    ntfy = {"url": url, "people": [{"topic": TOPIC, "name": "ann"}], **more}
    public = {"port": port, "public_url": f"http://127.0.0.1:{port}"}
    write_well(folder, gateway=public, messenger={"ntfy": ntfy})


async def test_a_server_that_is_there_and_buttons_that_lead_here(tmp_path: Path) -> None:
    with held_port() as port:
        async with NtfyStandIn() as ntfy:
            write(tmp_path, ntfy.url, port)
            step = "let the proxy or tunnel behind gateway.public_url"
            found(await diagnose(tmp_path), "ntfy", "the buttons lead to http", step, "warning")
            async with Gateway(load_config(tmp_path / "config.yaml", environment={})):
                assert await diagnose(tmp_path) == []
            assert ntfy.published == []


async def test_a_token_that_is_none_and_a_topic_that_is_not_ours(tmp_path: Path) -> None:
    async with NtfyStandIn(token="tk_0123456789") as ntfy:
        write(tmp_path, ntfy.url, 9, token="tk_wrong0000")
        said = await diagnose(tmp_path)
        found(said, "ntfy", "ntfy lets us not in there", "check messenger.ntfy.token")
        assert "tk_wrong" not in repr(said)


async def test_another_server_and_none(tmp_path: Path) -> None:
    async def page(_request: object) -> Any:
        return text_response("hello")

    async with HttpServer(page) as other:
        write(tmp_path, other.url, 9)
        found(await diagnose(tmp_path), "ntfy", "is no ntfy server", "check messenger.ntfy.url")
    write(tmp_path, "http://127.0.0.1:9", 9)
    found(await diagnose(tmp_path), "ntfy", "could not be reached", "curl -sS http://127.0.0.1:9")
