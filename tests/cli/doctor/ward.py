"""A set-up that works, what can be done to it, and what the doctor says then."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anyio
import pytest
import yaml
from anyio.abc import SocketAttribute, SocketStream
from anyio.streams.tls import TLSStream
from tests.cli.support import CONFIG, write_files

from agentgate_cli.doctor.command import examine

BOT_TOKEN = "110201543:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw"
HOME_TOKEN = "home-token-0123456789"


@dataclass(frozen=True)
class Said:
    """One finding of the doctor."""

    probe: str
    level: str
    text: str
    step: str


async def diagnose(folder: Path) -> list[Said]:
    """Let the doctor look at a folder."""
    results = await examine(folder / "config.yaml", None, False)
    return [
        Said(result.probe.name, each.level.value, each.message, each.step)
        for result in results
        for each in result.findings
    ]


def found(said: list[Said], probe: str, text: str, step: str, level: str = "error") -> None:
    """The doctor says this of the probe, with this next step, and of the same level."""
    assert any(
        (each.probe, each.level) == (probe, level) and text in each.text and step in each.step
        for each in said
    ), said


def write_well(folder: Path, **changes: Any) -> None:
    """Write what serves, with the file of secrets for its owner alone."""
    folder.chmod(0o755)
    write_files(folder, **changes)
    policy = folder / "permissions.yaml"
    for path in (folder / "config.yaml", policy):
        path.chmod(0o600)


def telegram(url: str, **more: Any) -> dict[str, Any]:
    """What the configuration says of a bot."""
    phone = {"token": BOT_TOKEN, "chat_id": 42, "allowed_users": [42], "base_url": url, **more}
    return {"type": "telegram", "telegram": phone}


def home(url: str, **more: Any) -> dict[str, Any]:
    """What the configuration says of a house."""
    return {"homeassistant": {"url": url, "token": HOME_TOKEN, **more}}


def change(folder: Path, **changes: Any) -> None:
    """Change the configuration."""
    path = folder / "config.yaml"
    path.write_text(yaml.safe_dump({**yaml.safe_load(path.read_text()), **changes}))


@asynccontextmanager
async def shaking(context: ssl.SSLContext) -> AsyncIterator[int]:
    """Have a port where somebody shakes hands by TLS and says nothing more."""
    listener = await anyio.create_tcp_listener(local_host="127.0.0.1")

    async def shake(stream: SocketStream) -> None:
        async with stream:
            with suppress(OSError, anyio.BrokenResourceError, anyio.EndOfStream):
                await TLSStream.wrap(stream, server_side=True, ssl_context=context)

    async with listener, anyio.create_task_group() as tasks:
        tasks.start_soon(listener.serve, shake)
        yield listener.extra(SocketAttribute.local_port)
        tasks.cancel_scope.cancel()


__all__ = [
    "CONFIG",
    "change",
    "diagnose",
    "found",
    "home",
    "pytest",
    "shaking",
    "telegram",
    "write_well",
]
