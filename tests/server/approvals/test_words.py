"""Why, a word, and edit then approve, over HTTP and natively, on real sockets."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.server.embedded import (
    AGENT,
    OPERATOR,
    OWNER,
    RawClient,
    config,
    http,
    raw_client,
    serving,
    until,
)

from agentgate_proto.connection.events import Answered, Authenticated
from agentgate_proto.records.edit import EditTerms
from agentgate_proto.records.grant import GrantTerms
from agentgate_proto.rpc.messages import PreviewEdit, PreviewGrant, ToolRequest
from agentgate_server import tool
from agentgate_server.gateway import Gateway
from agentgate_server.policy import Policy

pytestmark = pytest.mark.anyio

LIGHTS = Policy.parse(
    """
rules:
  - {tool: light, args: {room: "vault"}, action: deny, description: The vault stays dark}
  - {tool: light, args: {brightness: {min: 90}}, action: ask, approval: {approvers: 2}}
  - {tool: light, action: ask}
defaults:
  - {pattern: "*", action: ask}
"""
)


@tool
def light(room: str, brightness: int = 100, pin: str = "") -> str:
    return f"{room} at {brightness}"


ASKED = {"room": "hall", "brightness": 80}


def gateway_for(folder: Path) -> Gateway:
    return Gateway(config(folder), tools=[light], policy=LIGHTS)


async def ask(
    gateway: Gateway, client: RawClient, number: int = 1, why: str = "", **args: Any
) -> str:
    params = ToolRequest(tool="light", args=args or ASKED, why=why)
    await client.request(number, "tool_request", params)
    await until(gateway.gate.desk.waiting, "the approval")
    return gateway.gate.desk.waiting()[-1].id


async def answer(gateway: Gateway, rid: str, **body: Any) -> tuple[int, dict[str, Any]]:
    path = f"/api/approvals/{rid}"
    status, _, told = await http(gateway, "POST", path, token=OWNER, body=body)
    return status, told


async def result(client: RawClient) -> dict[str, Any]:
    answered = await client.next(Answered)
    assert answered.error is None, answered.error
    return msgspec.json.decode(answered.result)


async def test_an_edit_runs_and_everybody_is_told_of_it(tmp_path: Path) -> None:
    async with gateway_for(tmp_path) as gateway, raw_client(gateway) as client:
        await client.next(Authenticated)
        rid = await ask(gateway, client, why="it is dark")
        (view,) = gateway.gate.desk.waiting()
        assert view.why == "it is dark"
        edit = {"set": {"brightness": 30}}
        status, told = await answer(gateway, rid, decision="approve", edit=edit, word="softly")
        assert (status, told["status"], told["word"]) == (200, "approved", "softly")
        assert told["changes"] == ["brightness: 80 → 30"]
        assert told["edited"] == {"brightness": 30, "pin": "", "room": "hall"}
        assert told["args"] == {"brightness": 80, "pin": "", "room": "hall"}
        got = await result(client)
        assert (got["data"], got["word"]) == ("hall at 30", "softly")
        assert got["edited"] == {"brightness": 30, "pin": "", "room": "hall"}
        await client.request(1, "tool_request", ToolRequest(tool="light", args=ASKED, why="again"))
        assert await result(client) == {**got, "seq": got["seq"] + 1}
    audit = sqlite3.connect(tmp_path / "gate.db").execute("SELECT lines FROM audit").fetchall()
    lines = [msgspec.json.decode(line) for (row,) in audit for line in row.splitlines()]
    (asked,) = [line for line in lines if line["event"] == "request.asked"]
    (edited,) = [line for line in lines if line["event"] == "request.edited"]
    (approved,) = [line for line in lines if line["event"] == "request.approved"]
    assert asked["why"] == "it is dark"
    assert (edited["asked_digest"], edited["approver"]) == (asked["digest"], "owner")
    assert edited["digest"] != asked["digest"]
    assert (edited["args"]["brightness"], edited["asked_args"]["brightness"]) == (30, 80)
    assert approved["word"] == "softly"


async def test_a_default_that_was_left_out_is_filled_in_anew(tmp_path: Path) -> None:
    async with gateway_for(tmp_path) as gateway, raw_client(gateway) as client:
        await client.next(Authenticated)
        rid = await ask(gateway, client)
        status, told = await answer(
            gateway, rid, decision="approve", edit={"unset": ["brightness"]}
        )
        assert (status, told["code"]) == (403, -32003)
        assert "so it takes more people, or a code, by" in told["error"]
        status, _ = await answer(gateway, rid, decision="approve", edit={"set": {"room": "den"}})
        assert status == 200
        assert (await result(client))["data"] == "den at 80"


@pytest.mark.parametrize(
    ("edit", "status", "words"),
    [
        ({"set": {"room": "vault"}}, 403, "Denied by policy: The vault stays dark; it still waits"),
        ({"set": {"room": 7}}, 400, "The edit can't be made: "),
        ({"set": {"colour": "red"}}, 400, "colour"),
        ({"unset": ["room"]}, 400, "room"),
        ({"unset": ["colour"]}, 400, "has no argument 'colour' that could be left out"),
        ({"set": {"room": "•••"}}, 400, "stands for something that is hidden from you"),
        ({"set": {"room": [0] * 6_000}}, 400, "the arguments hold more than 5,000 keys"),
        ({}, 400, "an edit sets arguments, or leaves some out"),
    ],
)
async def test_an_edit_that_can_not_be_made_is_explained_and_the_approval_waits(
    tmp_path: Path, edit: dict[str, Any], status: int, words: str
) -> None:
    async with gateway_for(tmp_path) as gateway, raw_client(gateway) as client:
        await client.next(Authenticated)
        rid = await ask(gateway, client)
        found, told = await answer(gateway, rid, decision="approve", edit=edit)
        assert found == status
        assert words in told["error"]
        assert [view.id for view in gateway.gate.desk.waiting()] == [rid]


async def test_an_edit_goes_with_a_yes_only_and_one_that_changes_nothing_is_a_yes(
    tmp_path: Path,
) -> None:
    async with gateway_for(tmp_path) as gateway, raw_client(gateway) as client:
        await client.next(Authenticated)
        rid = await ask(gateway, client)
        same = {"set": {"brightness": 80}}
        status, told = await answer(gateway, rid, decision="deny", edit=same)
        assert (status, told["error"]) == (
            400,
            "An edit goes with a yes: deny it with a word instead",
        )
        status, told = await answer(gateway, rid, decision="approve", edit=same)
        assert (status, "edited" in told) == (200, False)
        assert "edited" not in await result(client)
        status, _ = await answer(gateway, rid, decision="approve", edit={"set": {"room": "den"}})
        assert status == 409


async def test_a_preview_says_what_an_edit_and_its_grant_would_be(tmp_path: Path) -> None:
    async with (
        gateway_for(tmp_path) as gateway,
        raw_client(gateway) as client,
        raw_client(gateway, OWNER, "") as owner,
    ):
        await client.next(Authenticated)
        await owner.next(Authenticated)
        rid = await ask(gateway, client)
        edit = EditTerms(set={"brightness": 30})
        await owner.request(1, "preview_edit", PreviewEdit(id=rid, edit=edit))
        preview = await result(owner)
        assert preview["changes"] == ["brightness: 80 → 30"]
        assert preview["signature"] == "light(30, , hall)" or "30" in preview["signature"]
        terms = GrantTerms(uses=2)
        await owner.request(2, "preview_grant", PreviewGrant(id=rid, grant=terms, edit=edit))
        assert "brightness=30" in (await result(owner))["words"]
        for number, (terms_of, code) in enumerate(
            (
                (EditTerms(set={"room": "vault"}), -32003),
                (EditTerms(set={"brightness": 80}), -32602),
                (EditTerms(set={"room": 7}), -32602),
            ),
            start=3,
        ):
            await owner.request(number, "preview_edit", PreviewEdit(id=rid, edit=terms_of))
            assert (await owner.next(Answered)).error.code == code
        await owner.request(9, "preview_edit", PreviewEdit(id="no", edit=edit))
        assert (await owner.next(Answered)).error.code == -32011
        assert [view.id for view in gateway.gate.desk.waiting()] == [rid], "nothing has changed"


async def test_what_a_person_types_under_a_secrets_name_is_not_told_to_the_agent(
    tmp_path: Path,
) -> None:
    async with gateway_for(tmp_path) as gateway, raw_client(gateway) as client:
        await client.next(Authenticated)
        rid = await ask(gateway, client)
        edit = {"set": {"pin": "4711-0815"}}
        _, told = await answer(gateway, rid, decision="approve", edit=edit)
        assert told["edited"]["pin"] == "•••"
        got = await result(client)
        assert got["edited"]["pin"] == "•••"
    assert b"4711-0815" not in b"".join(
        row for (row,) in sqlite3.connect(tmp_path / "gate.db").execute("SELECT lines FROM audit")
    )


async def test_a_no_has_its_word_in_the_error_and_in_the_list(tmp_path: Path) -> None:
    async with gateway_for(tmp_path) as gateway, raw_client(gateway) as client:
        await client.next(Authenticated)
        rid = await ask(gateway, client, why="it is dark")
        await answer(gateway, rid, decision="deny", word="  not at night  ")
        error = (await client.next(Answered)).error
        assert (error.code, error.message) == (-32001, "Denied by user: not at night")
        assert error.data["word"] == "not at night"
        await client.request(2, "list_requests", {})
        (row,) = (await result(client))["requests"]
        assert (row["why"], row["word"]) == ("it is dark", "not at night")


async def test_an_old_client_is_told_by_the_words_of_the_error_alone(tmp_path: Path) -> None:
    async with gateway_for(tmp_path) as gateway, raw_client(gateway, AGENT, "") as client:
        await client.next(Authenticated)
        edit = {"set": {"brightness": 30}}
        rid = await ask(gateway, client)
        await answer(gateway, rid, decision="approve", edit=edit, word="softly")
        assert await result(client) == {"status": "executed", "data": "hall at 30"}
        rid = await ask(gateway, client, 2, room="den", brightness=10)
        await answer(gateway, rid, decision="deny", word="not at night")
        error = (await client.next(Answered)).error
        assert (error.message, error.data) == ("Denied by user: not at night", None)


@pytest.mark.parametrize("words", ["why", "word"])
async def test_words_that_are_too_long_are_refused(tmp_path: Path, words: str) -> None:
    async with gateway_for(tmp_path) as gateway, raw_client(gateway) as client:
        await client.next(Authenticated)
        if words == "why":
            params = {"tool": "light", "args": ASKED, "why": "x" * 501}
            await client.request(1, "tool_request", params)
            assert (await client.next(Answered)).error.code == -32602
        else:
            rid = await ask(gateway, client)
            status, _ = await answer(gateway, rid, decision="deny", word="x" * 501)
            assert status == 400
            assert [view.id for view in gateway.gate.desk.waiting()] == [rid]


async def test_a_channel_may_say_more_than_fits_and_secrets_do_not_leave(tmp_path: Path) -> None:
    async with serving(tmp_path) as gateway:
        desk = gateway.gate.desk
        assert len(desk._worded("x" * 600)) == 500
        assert desk._worded("half \ud800") == "half ?"
        assert AGENT not in desk._worded(f"its token is {AGENT}")
        assert OPERATOR not in desk._worded(f"use password={OPERATOR}")
