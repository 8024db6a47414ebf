"""Grants, several approvers and one-time codes, over HTTP and natively, on real sockets."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
from pyotp import TOTP
from tests.server.embedded import (
    OPERATOR,
    OWNER,
    RawClient,
    http,
    raw_client,
    serving,
    until,
)

from agentgate_proto.connection.events import Answered, Authenticated
from agentgate_proto.records.grant import GrantTerms
from agentgate_proto.rpc.messages import (
    DecideApproval,
    ListGrants,
    PreviewGrant,
    RevokeGrant,
    ToolRequest,
)
from agentgate_server.gateway import Gateway
from agentgate_server.policy import Policy

pytestmark = pytest.mark.anyio

SECRET = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
GRAVE = Policy.parse(
    """
rules:
  - tool: asked
    action: ask
  - tool: asked
    args: {text: "pay*"}
    action: ask
    approval: {approvers: 2, code: true}
defaults:
  - {pattern: "*", action: allow}
"""
)
YES = {"decision": "approve"}


async def ask(gateway: Gateway, client: RawClient, number: int, text: str = "x") -> str:
    params = ToolRequest(tool="asked", args={"text": text})
    await client.request(number, "tool_request", params)
    await until(gateway.gate.desk.waiting, "the approval")
    return gateway.gate.desk.waiting()[-1].id


async def decide(
    gateway: Gateway, rid: str, token: str = OWNER, **more: Any
) -> tuple[int, dict[str, Any]]:
    path = f"/api/approvals/{rid}"
    status, _, body = await http(gateway, "POST", path, token=token, body=YES | more)
    return status, body


async def test_a_grant_covers_what_follows_until_it_is_revoked(tmp_path: Path) -> None:
    async with serving(tmp_path) as gateway, raw_client(gateway) as client:
        await client.next(Authenticated)
        rid = await ask(gateway, client, 1)
        terms = {"minutes": 10, "any_args": ["text"]}
        status, body = await decide(gateway, rid, grant=terms)
        assert (status, body["status"]) == (200, "approved")
        await client.next(Answered)
        await client.request(2, "tool_request", ToolRequest(tool="asked", args={"text": "other"}))
        assert bytes((await client.next(Answered)).result).startswith(b'{"status":"executed"')
        _, _, listed = await http(gateway, "GET", "/api/grants", token=OPERATOR)
        (grant,) = listed["grants"]
        assert (grant["id"], grant["status"]) == (body["grant"], "active")
        assert (grant["approver"], grant["uses_left"]) == ("owner", 998)
        path = f"/api/grants/{grant['id']}"
        status, _, ended = await http(gateway, "DELETE", path, token=OPERATOR)
        assert (status, ended["status"], ended["revoked_by"]) == (200, "revoked", "ops")
        await ask(gateway, client, 3)
        assert (await http(gateway, "DELETE", "/api/grants/g0", token=OWNER))[0] == 404


async def test_a_grant_outlives_the_process(tmp_path: Path) -> None:
    async with serving(tmp_path) as gateway, raw_client(gateway) as client:
        await client.next(Authenticated)
        rid = await ask(gateway, client, 1)
        await decide(gateway, rid, grant={"uses": 3})
        await client.next(Answered)
    async with serving(tmp_path) as gateway, raw_client(gateway) as client:
        await client.next(Authenticated)
        await client.request(2, "tool_request", ToolRequest(tool="asked", args={"text": "x"}))
        assert bytes((await client.next(Answered)).result).startswith(b'{"status":"executed"')
        assert [grant.uses_left for grant in gateway.gate.desk.grants()] == [1]


async def test_words_are_shown_before_and_bad_terms_are_explained(tmp_path: Path) -> None:
    async with (
        serving(tmp_path) as gateway,
        raw_client(gateway) as client,
        raw_client(gateway, OWNER, "") as owner,
    ):
        await client.next(Authenticated)
        await owner.next(Authenticated)
        rid = await ask(gateway, client, 1)
        terms = GrantTerms(uses=5, any_args=("text",))
        await owner.request(1, "preview_grant", PreviewGrant(id=rid, grant=terms))
        words = bytes((await owner.next(Answered)).result).decode()
        assert "agent may call asked with any text, until " in words
        assert ", at most 5 times" in words
        missing = GrantTerms(uses=5, any_args=("colour",))
        await owner.request(2, "preview_grant", PreviewGrant(id=rid, grant=missing))
        assert (await owner.next(Answered)).error.code == -32602
        await owner.request(3, "preview_grant", PreviewGrant(id="no", grant=terms))
        assert (await owner.next(Answered)).error.code == -32011
        await owner.request(4, "list_grants", ListGrants())
        assert bytes((await owner.next(Answered)).result) == b'{"grants":[]}'
        await owner.request(5, "revoke_grant", RevokeGrant(id="g"))
        assert (await owner.next(Answered)).error.code == -32011
        status, body = await decide(gateway, rid, grant={"uses": 0})
        assert (status, "uses must be 1 to 1000" in body["error"]) == (400, True)
        status, body = await decide(gateway, rid, grant={"uses": 1, "any_args": ["colour"]})
        assert (status, body["code"]) == (400, -32602)


async def test_grave_things_take_two_people_with_a_code_each(tmp_path: Path) -> None:
    principals = [{"name": "bea", "role": "approver", "token": "b" * 32, "totp": SECRET}]
    changes = {"principals": principals}
    async with serving(tmp_path, policy=GRAVE, **changes) as gateway, raw_client(gateway) as client:
        await client.next(Authenticated)
        rid = await ask(gateway, client, 1, "pay it")
        (view,) = gateway.gate.desk.waiting()
        assert (view.approvers_needed, view.needs_code) == (2, True)
        for more in ({}, {"code": "000000"}):
            status, body = await decide(gateway, rid, "b" * 32, **more)
            assert (status, body["code"]) == (403, -32012)
        status, body = await decide(gateway, rid, OWNER, code="123456")
        assert (status, "set totp" in body["error"]) == (403, True)
        code = TOTP(SECRET).at(int(time.time()))
        status, body = await decide(gateway, rid, "b" * 32, code=code, grant={"uses": 2})
        assert (status, body["code"]) == (400, -32602)
        status, body = await decide(gateway, rid, "b" * 32, code=code)  # it is not used up
        assert (status, body["status"], body["approved_by"]) == (200, "waiting", ["bea"])
        status, body = await decide(gateway, rid, "b" * 32, code=code)
        assert (status, body["approval"]["approved_by"]) == (409, ["bea"])
        assert "you have said yes already" in body["error"]
        deny = {"decision": "deny"}
        path = f"/api/approvals/{rid}"
        status, _, body = await http(gateway, "POST", path, token=OWNER, body=deny)
        assert (status, body["status"]) == (200, "denied")


async def test_wrong_codes_have_to_wait_and_that_is_said(tmp_path: Path) -> None:
    principals = [{"name": "bea", "role": "approver", "token": "b" * 32, "totp": SECRET}]
    changes = {"principals": principals}
    async with serving(tmp_path, policy=GRAVE, **changes) as gateway, raw_client(gateway) as client:
        await client.next(Authenticated)
        rid = await ask(gateway, client, 1, "pay it")
        for _ in range(6):
            path = f"/api/approvals/{rid}"
            body = YES | {"code": "1"}
            status, headers, answer = await http(gateway, "POST", path, token="b" * 32, body=body)
        assert (status, "too many wrong" in answer["error"]) == (403, True)
        assert 0 < int(headers["retry-after"]) <= 31


async def test_identical_asks_are_one_approval_with_its_repeats(tmp_path: Path) -> None:
    async with serving(tmp_path) as gateway, raw_client(gateway) as client:
        await client.next(Authenticated)
        rid = await ask(gateway, client, 1)
        for number in (2, 3):
            await client.request(
                number, "tool_request", ToolRequest(tool="asked", args={"text": "x"})
            )
        await until(lambda: gateway.gate.ledger.repeats(rid) == 2, "the repeats")
        _, _, body = await http(gateway, "GET", "/api/approvals", token=OWNER)
        (approval,) = body["approvals"]
        assert approval["repeats"] == 2
        await decide(gateway, rid)
        answered = [(await client.next(Answered)).id for _ in range(3)]
        assert sorted(answered) == [1, 2, 3]


async def test_a_used_code_gives_a_guesser_no_new_tries_on_any_channel(tmp_path: Path) -> None:
    token = "b" * 32
    principals = [{"name": "bea", "role": "approver", "token": token, "totp": SECRET}]
    async with (
        serving(tmp_path, policy=GRAVE, principals=principals) as gateway,
        raw_client(gateway) as client,
        raw_client(gateway, token, "bea") as terminal,
    ):
        await client.next(Authenticated)
        await terminal.next(Authenticated)
        first = await ask(gateway, client, 1, "pay one")
        params = ToolRequest(tool="asked", args={"text": "pay two"})
        await client.request(2, "tool_request", params)
        both = await until(lambda: gateway.gate.desk.waiting()[1:], "the second approval")
        second = both[0].id
        good = TOTP(SECRET).at(int(time.time()))
        assert (await decide(gateway, first, token, code=good))[0] == 200
        said = []
        for number in range(10):
            code = good if number % 3 == 2 else "000000"
            if number % 2:
                said_yes = DecideApproval(id=second, decision="approve", code=code)
                await terminal.request(100 + number, "decide_approval", said_yes)
                said.append((await terminal.next(Answered)).error.message)
            else:
                said.append((await decide(gateway, second, token, code=code))[1]["error"])
        assert ["too many wrong" in text for text in said] == [False] * 5 + [True] * 5
        assert "may have been used" in said[2]
        # The one that she approved is as it was: her second yes is no code at all.
        assert (await decide(gateway, first, token, code="000000"))[1]["code"] == -32009


async def test_a_code_that_no_decision_could_be_made_with_is_not_used_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = "b" * 32
    principals = [{"name": "bea", "role": "approver", "token": token, "totp": SECRET}]
    async with (
        serving(tmp_path, policy=GRAVE, principals=principals) as gateway,
        raw_client(gateway) as client,
    ):
        await client.next(Authenticated)
        rid = await ask(gateway, client, 1, "pay")
        code = TOTP(SECRET).at(int(time.time()))
        with monkeypatch.context() as full:
            full.setattr("agentgate_server.approvals.desk.TICKETS_MAX", 0)
            status, body = await decide(gateway, rid, token, code=code)
            assert (status, body["error"]) == (429, "too many decisions at once")
        assert (await decide(gateway, rid, token, code=code))[0] == 200
