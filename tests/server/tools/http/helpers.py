"""HTTP tools for tests: files written, read and made into tools."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import msgspec
import yaml
from tests.standins import http_api as standin
from tests.standins.http_api import HttpApi, http_api

from agentgate_proto.records.outcome import Outcome, Status
from agentgate_server.documents import DocumentError
from agentgate_server.secrets.masking import Masker
from agentgate_server.tools.http.files import HttpDeclarations, read_http_files
from agentgate_server.tools.http.tool import HttpTool, http_tools

KEY = {"KEY": "s3cret-key-value"}
GET: dict[str, Any] = {"effects": "read", "request": {"path": "/"}}
POST: dict[str, Any] = {"request": {"method": "POST", "path": "/"}}
BACKEND = {"url": "http://127.0.0.1:1", "private": True}


def declare(
    folder: Path, file: Any, environment: dict[str, str] | None = None, name: str = "api.yaml"
) -> HttpDeclarations:
    """Write a file, of YAML or data, and read it."""
    path = folder / name
    path.write_text(file if isinstance(file, str) else yaml.safe_dump(file, sort_keys=False))
    return read_http_files([path], environment or {})


def file_of(tool: dict[str, Any], name: str = "api", **backend: Any) -> dict[str, Any]:
    """A file with one tool, ``ask``, and one backend, ``api`` unless named."""
    whole = {"description": "Ask.", "backend": name, **tool}
    return {"backends": {name: {**BACKEND, **backend}}, "tools": {"ask": whole}}


def made(
    folder: Path,
    tool: dict[str, Any],
    environment: dict[str, str] | None = None,
    **backend: Any,
) -> HttpTool:
    """Make the one tool of such a file."""
    declared = declare(folder, file_of(tool, **backend), environment)
    (found,) = http_tools(declared, Masker(declared.secrets).text)
    return found


@contextmanager
def refused(folder: Path, file: Any) -> Iterator[list[str]]:
    """Read a file that must be refused; its errors are there after the block."""
    texts: list[str] = []
    try:
        declare(folder, file)
    except DocumentError as error:
        texts += [str(each).removeprefix(f"{folder}/") for each in (error, *error.others)]
    yield texts


@asynccontextmanager
async def joined(
    folder: Path, behaviour: standin.Behaviour, tool: dict[str, Any], **backend: Any
) -> AsyncIterator[tuple[HttpApi, HttpTool]]:
    """An API that does one thing at ``/``, and a tool for it."""
    async with http_api({"/": behaviour}) as api:
        ask = made(folder, tool, KEY, url=api.url, **backend)
        yield api, ask
        await ask.aclose()


def data(outcome: Outcome) -> Any:
    assert outcome.status is Status.EXECUTED, outcome.message
    return msgspec.json.decode(outcome.data)
