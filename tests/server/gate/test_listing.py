"""Lists of requests, approvals and grants: pages, beginnings of what is long, wholes by id."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import anyio
import anyio.lowlevel
import msgspec
import pytest
from tests.server.embedded import (
    OPERATOR,
    OWNER,
    RawClient,
    http,
    raw_client,
    serving,
    until,
)

from agentgate_proto.connection.events import Answered, Authenticated, Notified
from agentgate_proto.records.grant import GrantTerms
from agentgate_proto.rpc import listing as rpc_listing
from agentgate_proto.rpc.messages import (
    DecideApproval,
    ListApprovals,
    ListGrants,
    ListRequests,
    ToolRequest,
    WatchApprovals,
)
from agentgate_server.gate import listing
from agentgate_server.gateway import Gateway

pytestmark = pytest.mark.anyio

LARGE = "x" * 300_000


async def answer(client: RawClient, request_id: int, method: str, params: Any = None) -> Any:
    """Call, and return what the call is answered with: a result, or an error."""
    await client.request(request_id, method, params)
    answered = await client.next(Answered)
    assert answered.id == request_id
    return msgspec.json.decode(answered.result) if answered.error is None else answered.error


async def ask_for(client: RawClient, *numbers: int, tool: str = "asked", text: str = LARGE) -> None:
    for number in numbers:
        params = ToolRequest(tool=tool, args={"text": f"{number} {text}"})
        await client.request(number, "tool_request", params)
        if tool != "asked":
            await client.next(Answered)


async def waiting(gateway: Gateway, count: int) -> list[str]:
    await until(lambda: len(gateway.gate.desk.waiting()) == count, "the approvals")
    return [view.id for view in gateway.gate.desk.waiting()]


async def test_lists_of_large_requests_count_by_what_was_read_for_them(tmp_path: Path) -> None:
    async with serving(tmp_path) as gateway, raw_client(gateway) as client:
        await client.next(Authenticated)
        await ask_for(client, *range(1, 11), tool="note")
        for number in range(100, 200):
            listed = await answer(client, number, "list_requests", ListRequests())
            if not isinstance(listed, dict):
                break
        assert "bytes a minute" in str(listed), "16 MiB are read before so many lists"


async def test_others_are_served_between_the_rows_of_a_list(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rounds, seen = [0], []

    async def count() -> None:
        while True:
            rounds[0] += 1
            await anyio.lowlevel.checkpoint()

    def short_row(row: Any) -> Any:
        seen.append(rounds[0])
        return rpc_listing.short_row(row)

    monkeypatch.setattr(listing, "short_row", short_row)
    async with serving(tmp_path) as gateway, raw_client(gateway) as client:
        await client.next(Authenticated)
        await ask_for(client, *range(1, 11), tool="note", text="short")
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(count)
            listed = await answer(client, 100, "list_requests", ListRequests())
            tasks.cancel_scope.cancel()
        assert len(listed["requests"]) == 10
        assert len(seen) == 10
        assert len(set(seen)) >= 5, "trio runs what is ready in any order"


async def test_a_long_list_comes_in_pages_of_beginnings_and_each_request_whole(
    tmp_path: Path,
) -> None:
    async with serving(tmp_path) as gateway, raw_client(gateway) as client:
        await client.next(Authenticated)
        await ask_for(client, *range(1, 31), tool="note")
        rows: list[Any] = []
        pages, number, before = 0, 100, ""
        while True:
            number += 1
            page = await answer(client, number, "list_requests", ListRequests(before=before))
            rows += page["requests"]
            pages += 1
            if not page.get("more"):
                break
            before = rows[-1]["id"]
        assert [row["request_id"] for row in rows] == list(range(30, 0, -1))
        assert pages > 2
        assert all(row["shortened"] == ["args", "data"] for row in rows)
        assert all(len(msgspec.json.encode(row)) < 16_384 for row in rows)
        assert rows[0]["args"].startswith('{"text":"30 xxx')
        whole = await answer(client, 200, "list_requests", ListRequests(id=rows[0]["id"]))
        assert whole["requests"][0]["args"] == {"text": f"30 {LARGE}"}
        assert whole["requests"][0]["data"] == f"30 {LARGE}"
        assert "shortened" not in whole["requests"][0]


async def test_the_rows_that_were_wanted_are_a_page(tmp_path: Path) -> None:
    async with serving(tmp_path) as gateway, raw_client(gateway) as client:
        await client.next(Authenticated)
        await ask_for(client, 1, 2, 3, tool="note", text="")
        page = await answer(client, 10, "list_requests", ListRequests(limit=2))
        assert [row["request_id"] for row in page["requests"]] == [3, 2]
        assert page["more"]
        rest = ListRequests(limit=2, before=page["requests"][-1]["id"])
        page = await answer(client, 11, "list_requests", rest)
        assert [row["request_id"] for row in page["requests"]] == [1]
        assert "more" not in page


async def test_an_agent_gets_no_request_of_another_by_its_id(tmp_path: Path) -> None:
    others = {"name": "other", "role": "agent", "token": "other-token-0123456789"}
    async with serving(tmp_path, principals=[others]) as gateway:
        async with raw_client(gateway) as client:
            await client.next(Authenticated)
            await ask_for(client, 1, tool="note", text="")
            page = await answer(client, 2, "list_requests", ListRequests())
            rid = page["requests"][0]["id"]
        for token, found in (("other-token-0123456789", False), (OPERATOR, True)):
            async with raw_client(gateway, token) as client:
                await client.next(Authenticated)
                got = await answer(client, 1, "list_requests", ListRequests(id=rid))
                assert (got["requests"][0]["id"] == rid) if found else (got.code == -32011)


@pytest.mark.parametrize("params", [ListRequests(id="none"), ListRequests(before="none")])
async def test_a_request_that_is_not_there_is_no_place_to_go_on_from(
    tmp_path: Path, params: ListRequests
) -> None:
    async with serving(tmp_path) as gateway, raw_client(gateway) as client:
        await client.next(Authenticated)
        error = await answer(client, 1, "list_requests", params)
        assert (error.code, error.message) == (-32011, "There is no request with this id")


async def test_listings_count_against_the_rate_as_requests_do(tmp_path: Path) -> None:
    rate = {"max_requests_per_minute": 3}
    async with serving(tmp_path, rate_limit=rate) as gateway, raw_client(gateway) as client:
        await client.next(Authenticated)
        for number in (1, 2, 3):
            assert "requests" in await answer(client, number, "list_requests", ListRequests())
        error = await answer(client, 4, "list_requests", ListRequests())
        assert (error.code, error.message) == (-32006, "more than 3 requests a minute")
        assert 0 < error.data["retry_after_s"] <= 20
        error = await answer(client, 5, "tool_request", ToolRequest(tool="echo", args={"text": ""}))
        assert error.code == -32006


async def test_what_is_too_large_for_one_answer_is_an_error_and_ends_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agentgate_proto.connection.server.ANSWER_BYTES_MAX", 200_000)
    async with serving(tmp_path) as gateway, raw_client(gateway) as client:
        await client.next(Authenticated)
        await ask_for(client, 1, tool="note")
        page = await answer(client, 2, "list_requests", ListRequests())
        whole = ListRequests(id=page["requests"][0]["id"])
        error = await answer(client, 3, "list_requests", whole)
        assert error.code == -32006
        assert "too much for one" in error.message
        assert "requests" in await answer(client, 4, "list_requests", ListRequests())


# Approvals


async def test_large_asks_blind_nobody_who_approves(tmp_path: Path) -> None:
    async with serving(tmp_path) as gateway, raw_client(gateway) as client:
        await client.next(Authenticated)
        await ask_for(client, *range(1, 10))
        await waiting(gateway, 9)
        await ask_for(client, 10, text="the door")
        rids = await waiting(gateway, 10)
        async with raw_client(gateway, OWNER) as owner:
            await owner.next(Authenticated)
            for number, method in enumerate(("list_approvals", "watch_approvals")):
                params = WatchApprovals() if number else ListApprovals()
                listed = await answer(owner, number, method, params)
                views = listed["approvals"]
                assert [view["id"] for view in views] == rids
                assert len(msgspec.json.encode(listed)) < 10 * 16_384
                assert views[0]["shortened"] == ["args"]
                assert views[-1]["args"] == {"text": "10 the door"}
            whole = await answer(owner, 2, "list_approvals", ListApprovals(id=rids[0]))
            assert [view["args"] for view in whole["approvals"]] == [{"text": f"1 {LARGE}"}]
            decide = DecideApproval(id=rids[0], decision="deny")
            await owner.request(3, "decide_approval", decide)
            pushed = await owner.next(Notified)
            assert pushed.params.shortened == ("args",)
        status, _, listed = await http(gateway, "GET", "/api/approvals", token=OWNER)
        assert (status, len(listed["approvals"])) == (200, 9)
        path = f"/api/approvals/{rids[1]}"
        status, _, listed = await http(gateway, "GET", path, token=OWNER)
        assert (status, listed["approvals"][0]["args"]) == (200, {"text": f"2 {LARGE}"})


async def test_approvals_come_in_pages_and_after_each_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agentgate_proto.rpc.listing.LIST_BYTES_MAX", 1)
    async with serving(tmp_path) as gateway, raw_client(gateway) as client:
        await client.next(Authenticated)
        await ask_for(client, 1, 2, 3, text="")
        rids = await waiting(gateway, 3)
        async with raw_client(gateway, OWNER) as owner:
            await owner.next(Authenticated)
            after, seen = "", []
            for number in range(3):
                page = await answer(owner, number, "list_approvals", ListApprovals(after=after))
                assert page.get("more", False) is (number < 2)
                seen += [view["id"] for view in page["approvals"]]
                after = seen[-1]
            assert seen == rids
            error = await answer(owner, 4, "list_approvals", ListApprovals(after="gone"))
            assert (error.code, "from the beginning" in error.message) == (-32011, True)
            error = await answer(owner, 5, "list_approvals", ListApprovals(id="gone"))
            assert error.code == -32011
            path = f"/api/approvals?after={rids[0]}"
            _, _, listed = await http(gateway, "GET", path, token=OWNER)
            assert [view["id"] for view in listed["approvals"]] == rids[1:2]


async def test_grants_come_in_pages_and_before_each_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agentgate_proto.rpc.listing.LIST_BYTES_MAX", 1)
    async with serving(tmp_path) as gateway, raw_client(gateway) as client:
        await client.next(Authenticated)
        async with raw_client(gateway, OWNER) as owner:
            await owner.next(Authenticated)
            for number in (1, 2):
                await ask_for(client, number, text="")
                (rid,) = await waiting(gateway, 1)
                terms = GrantTerms(minutes=5)
                decide = DecideApproval(id=rid, decision="approve", grant=terms)
                view = await answer(owner, number, "decide_approval", decide)
                assert view["grant"]
            first = await answer(owner, 3, "list_grants", ListGrants())
            assert (len(first["grants"]), first["more"]) == (1, True)
            rest = ListGrants(before=first["grants"][0]["id"])
            second = await answer(owner, 4, "list_grants", rest)
            assert (len(second["grants"]), second.get("more", False)) == (1, False)
            assert first["grants"] != second["grants"]
            error = await answer(owner, 5, "list_grants", ListGrants(before="gone"))
            assert error.code == -32011
