"""HTTP tools behind the gate: policy sees through spellings, a write goes out once."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml
from tests.server.embedded import AGENT, RawClient, config, raw_client, serving
from tests.standins import http_api as standin
from tests.standins.http_api import HttpApi, http_api, says

from agentgate_proto.connection.events import Answered, Authenticated
from agentgate_proto.rpc.messages import ToolRequest
from agentgate_server.assembly import catalogue_of
from agentgate_server.config import config_from_dict
from agentgate_server.policy import Policy

pytestmark = pytest.mark.anyio

KEY = "s3cret-key-value"
PIN = "4711"
RULES = """
defaults:
  - {pattern: "*", action: allow}
rules:
  - {pattern: "page(admin*)", action: deny}
  - {tool: find, args: {q: "*secret*"}, action: deny}
"""
TOOLS = {
    "page": {
        "description": "Read a page.",
        "backend": "api",
        "effects": "read",
        "args": {"name": {}},
        "request": {"path": "/{name}"},
    },
    "find": {
        "description": "Find something.",
        "backend": "api",
        "effects": "read",
        "args": {"q": {}},
        "request": {"path": "/find", "query": {"q": "{q}"}},
    },
    "order": {
        "description": "Order something.",
        "backend": "api",
        "args": {"what": {}},
        "request": {"method": "POST", "path": "/order", "json": {"what": "{what}"}},
    },
}


@asynccontextmanager
async def gate(
    folder: Path, routes: dict[str, standin.Behaviour]
) -> AsyncIterator[tuple[HttpApi, RawClient]]:
    async with http_api(routes) as api:
        headers = {"Authorization": f"Bearer {KEY}", "X-Pin": PIN}
        backend = {"url": api.url, "private": True, "headers": headers}
        (folder / "api.yaml").write_text(
            yaml.safe_dump({"backends": {"api": backend}, "tools": TOOLS})
        )
        policy, tools = Policy.parse(RULES), {"http": [str(folder / "api.yaml")]}
        async with (
            serving(folder, policy=policy, tools=tools) as gateway,
            raw_client(gateway) as client,
        ):
            await client.next(Authenticated)
            yield api, client


async def ask(client: RawClient, number: int, tool: str, **args: Any) -> Answered:
    await client.request(number, "tool_request", ToolRequest(tool=tool, args=args))
    answer: Answered = await client.next(Answered)
    return answer


SPELLINGS = [
    *(
        "admin",
        "admin/users",
        "ADMIN",
        "%61dmin",
        "%2561dmin",
        "%252561dmin",
        "a%64min",
        "adm%69n%2fx",
    ),
    *("\N{FULLWIDTH LATIN SMALL LETTER A}dmin", "%ef%bd%81dmin", "a\N{COMBINING GRAVE ACCENT}dmin"),
    *("\N{CYRILLIC SMALL LETTER A}dmin", "admin ", "%61%64%6d%69%6e", "adm\N{ZERO WIDTH SPACE}in"),
]


async def test_a_deny_rule_holds_for_every_spelling_of_an_argument_in_a_path(
    tmp_path: Path,
) -> None:
    async with gate(tmp_path, {"/public": says(200, "page")}) as (api, client):
        for number, name in enumerate(SPELLINGS, start=1):
            answer = await ask(client, number, "page", name=name)
            assert answer.error is not None, name
            assert answer.error.code == -32003, (name, answer.error)
        for number, name in enumerate(["..", "%2e%2e/admin", "x/../admin", "public/..;/admin"]):
            answer = await ask(client, 100 + number, "page", name=name)
            assert answer.error is not None, name
            assert answer.error.code == -32602, (name, answer.error)
        assert api.arrivals == []
        answer = await ask(client, 200, "page", name="public")
        assert answer.error is None
        assert len(api.arrivals) == 1


async def test_a_deny_rule_holds_for_every_spelling_of_an_argument_in_a_query(
    tmp_path: Path,
) -> None:
    async with gate(tmp_path, {"/find": says(200, [])}) as (api, client):
        for number, text in enumerate(
            [
                "a secret",
                "a%20s%65cret",
                "%2573ecret",
                "SECRET&q=x",
                "\N{FULLWIDTH LATIN SMALL LETTER S}ecret",
            ],
            start=1,
        ):
            answer = await ask(client, number, "find", q=text)
            assert answer.error is not None, text
            assert answer.error.code == -32003, (text, answer.error)
        assert api.arrivals == []


async def test_a_write_whose_answer_is_lost_is_asked_about_and_not_sent_again(
    tmp_path: Path,
) -> None:
    async with gate(tmp_path, {"/order": standin.drops}) as (api, client):
        first = await ask(client, 1, "order", what="beans")
        assert first.error is not None
        assert first.error.code == -32007
        await client.request(2, "tool_request", ToolRequest(tool="order", args={"what": "beans"}))
        other = await ask(client, 3, "order", what="rice")
        assert other.error is not None
        assert [arrival.json["what"] for arrival in api.arrivals] == ["beans", "rice"]


async def test_a_secret_that_a_backend_echoes_reaches_neither_agent_nor_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    async with gate(tmp_path, {"/find": standin.echoes, "/x": standin.drops}) as (api, client):
        answer = await ask(client, 1, "find", q="x")
        assert answer.error is None
        assert KEY not in str(bytes(answer.result))
        assert "•••" in bytes(answer.result).decode()
        await ask(client, 2, "page", name="x")
    assert api.arrivals[0].headers["authorization"] == f"Bearer {KEY}"
    assert KEY not in caplog.text


async def test_no_word_about_the_names_of_arguments_tells_which_guess_is_right(
    tmp_path: Path,
) -> None:
    async with gate(tmp_path, {"/find": standin.echoes}) as (_, client):
        answer = await ask(client, 1, "find", q="x")
        assert answer.error is None
        assert PIN not in str(bytes(answer.result)), "it is a secret"
        said = []
        for number, guess in enumerate((PIN, "4712"), start=2):
            answer = await ask(client, number, "find", q="x", **{guess: 1})
            assert answer.error is not None
            assert f"unknown argument '{guess}'" in answer.error.message
            said.append(answer.error.message.replace(guess, "…"))
        assert said[0] == said[1]


def test_the_catalogue_has_the_tools_with_their_schema(tmp_path: Path) -> None:
    (tmp_path / "api.yaml").write_text(
        yaml.safe_dump({"backends": {"api": {"url": "https://api.example"}}, "tools": TOOLS})
    )
    tools = {"tools": {"http": ["api.yaml"]}}
    made = config_from_dict({"agent": {"token": AGENT}, **tools}, folder=tmp_path)
    catalogue = catalogue_of(made)
    assert set(catalogue.names) == {"page", "find", "order"}
    order = catalogue.get("order")
    assert order is not None
    assert msgspec.json.encode(order.schema) == (
        b'{"type":"object","properties":{"what":{"type":"string"}},"required":["what"],'
        b'"additionalProperties":false}'
    )
    assert config(tmp_path).http is None
