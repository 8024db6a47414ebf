"""People look back on what was asked, over the wire."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest
from tests.server.embedded import (
    BOUND_S,
    OPERATOR,
    OWNER,
    POLICY,
    asked,
    config,
    echo,
    raw_client,
    until,
)

from agentgate_client import AgentGateError, ApprovalsClient, ErrorCode
from agentgate_proto.connection.events import Authenticated
from agentgate_proto.records.edit import EditTerms
from agentgate_proto.records.grant import GrantTerms
from agentgate_proto.rpc.messages import ToolRequest
from agentgate_proto.rpc.replay_methods import ReplayCalls
from agentgate_server.gate import comparing, looking_back
from agentgate_server.gate.replays import Replays
from agentgate_server.gateway import Gateway

pytestmark = pytest.mark.anyio

ANY = GrantTerms(uses=3, any_args=("text",))


@asynccontextmanager
async def gateway_with(folder: Path, *texts: str) -> AsyncIterator[tuple[Gateway, list[str]]]:
    """A gateway whose agent waits for an answer about each of these; with the approvals' ids."""
    permissions = folder / "permissions.yaml"
    permissions.write_text(POLICY)
    conf = config(folder, permissions=str(permissions))
    with anyio.fail_after(BOUND_S):
        async with Gateway(conf, tools=[echo, asked]) as gateway, raw_client(gateway) as agent:
            await agent.next(Authenticated)
            desk = gateway.gate.desk
            for number, text in enumerate(texts, 1):
                params = ToolRequest(tool="asked", args={"text": text})
                await agent.request(number, "tool_request", params)
                await until(lambda wanted=number: desk.count == wanted, "the approval")
            yield gateway, [view.id for view in desk.waiting()]


@asynccontextmanager
async def person(gateway: Gateway, token: str = OPERATOR) -> AsyncIterator[ApprovalsClient]:
    async with ApprovalsClient(gateway.url, token) as client:
        yield client


async def refusal(call: Any) -> tuple[int, str]:
    with pytest.raises(AgentGateError) as caught:
        await call
    return caught.value.code, str(caught.value)


async def test_before_the_yes_a_grant_tells_what_it_would_have_covered(tmp_path: Path) -> None:
    async with (
        gateway_with(tmp_path, "one", "two", "three") as (gateway, ids),
        person(gateway, OWNER) as owner,
    ):
        await owner.decide(ids[0], "approve")
        await owner.decide(ids[1], "deny")
        found = await owner.replay_grant(ids[2], ANY)
        assert (found.requests, found.covered) == (2, 2)
        assert (found.of_covered.approved, found.of_covered.denied) == (1, 1)
        assert [(row.answer, row.by) for row in found.rows] == [
            ("denied", "owner"),
            ("approved", "owner"),
        ]
        exact = await owner.replay_grant(ids[2], GrantTerms(uses=3))
        assert (exact.requests, exact.covered) == (2, 0)
        edit = EditTerms(set={"text": "two"})
        edited = await owner.replay_grant(ids[2], GrantTerms(uses=3), edit=edit)
        assert [row.signature for row in edited.rows] == ["asked(two)"]
        older = await owner.replay_grant(ids[2], ANY, before=found.rows[0].id)
        assert [row.answer for row in older.rows] == ["approved"]


async def test_an_approval_says_what_differs_from_the_last_one(tmp_path: Path) -> None:
    async with (
        gateway_with(tmp_path, "one", "two", "three") as (gateway, ids),
        person(gateway, OWNER) as owner,
    ):
        nothing = await owner.compare(ids[2])
        assert (nothing.last, nothing.changes, nothing.times_approved) == (None, (), 0)
        edit = EditTerms(set={"text": "another"})
        await owner.decide(ids[0], "approve", edit=edit)
        await owner.decide(ids[1], "deny")
        found = await owner.compare(ids[2])
        assert (found.times_approved, found.times_denied, found.doubt) == (1, 1, "")
        assert found.last is not None
        assert (found.last.id, found.last.decided_by) == (ids[0], "owner")
        assert found.last.signature == "asked(another)", "as it ran"
        assert found.changes == ("text: another → three",)


async def test_more_calls_than_are_compared_are_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(comparing, "COMPARED_MAX", 1)
    async with gateway_with(tmp_path, "one") as (gateway, ids), person(gateway) as ops:
        assert (await ops.compare(ids[0])).doubt == comparing.ENOUGH


async def test_an_operator_tries_another_policy_on_the_record(tmp_path: Path) -> None:
    async with gateway_with(tmp_path, "one", "two") as (gateway, ids), person(gateway) as ops:
        await ops.decide(ids[0], "approve")
        found = await ops.replay_policy("rules: [{tool: asked, action: allow}]")
        assert (found.requests, found.changed, found.covered) == (2, 2, 2)
        assert (found.of_covered.approved, found.of_covered.waiting) == (1, 1)
        assert {row.now_rule for row in found.rows} == {"candidate.yaml:1"}


async def test_the_policy_in_force_is_read_with_what_is_doubtful_about_it(tmp_path: Path) -> None:
    async with gateway_with(tmp_path) as (gateway, _), person(gateway) as ops:
        found = await ops.policy()
        assert (found.name, found.text, found.rules) == ("permissions.yaml", POLICY, 5)
        assert found.digest == gateway.gate.judge.policy.digest
        assert any("is about no known tool" in text for text in found.warnings)
        assert not found.cut


async def test_a_long_policy_is_read_in_part(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(looking_back, "POLICY_BYTES_MAX", 20)
    async with gateway_with(tmp_path) as (gateway, _), person(gateway) as ops:
        found = await ops.policy()
        assert found.cut
        assert POLICY.startswith(found.text.removesuffix("…"))


async def test_what_can_t_be_replayed_is_refused_in_words(tmp_path: Path) -> None:
    async with (
        gateway_with(tmp_path, "one") as (gateway, ids),
        person(gateway, OWNER) as owner,
        person(gateway) as ops,
    ):
        for call, code, words in (
            (owner.replay_grant("r0", ANY), ErrorCode.NOT_FOUND, "no approval"),
            (owner.compare("r0"), ErrorCode.NOT_FOUND, "no approval"),
            (
                owner.replay_grant(ids[0], GrantTerms(uses=1, any_args=("n",))),
                ErrorCode.INVALID_PARAMS,
                "no argument",
            ),
            (owner.replay_grant(ids[0], ANY, before="r0"), ErrorCode.NOT_FOUND, "beginning"),
            (owner.replay_policy("rules: []"), ErrorCode.FORBIDDEN, "operators"),
            (owner.policy(), ErrorCode.FORBIDDEN, "operator"),
            (
                ops.replay_policy("rules: [{tool: x, action: alow, rats: 1}]"),
                ErrorCode.INVALID_PARAMS,
                "rats",
            ),
        ):
            found, text = await refusal(call)
            assert found == code, text
            assert words in text


async def test_a_replay_stops_when_its_connection_is_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    began, closed = anyio.Event(), anyio.Event()
    real = Replays._read
    ended: list[BaseException | None] = []

    async def read(self: Replays, *args: Any) -> None:
        began.set()
        await closed.wait()
        try:
            await real(self, *args)
        except BaseException as error:
            ended.append(error)
            raise
        ended.append(None)

    monkeypatch.setattr(Replays, "_read", read)
    async with gateway_with(tmp_path, "one") as (gateway, _):
        peers = gateway.gate.peers
        before = len(peers)
        async with raw_client(gateway, OPERATOR) as client:
            await client.next(Authenticated)
            await client.request(1, "replay_calls", ReplayCalls(policy="rules: []"))
            await began.wait()
        await until(lambda: len(peers) == before, "the end of the connection")
        closed.set()
        await until(lambda: ended, "the end of the replay")
        assert type(ended[0]).__name__ == "Gone"
        monkeypatch.setattr(Replays, "_read", real)
        async with person(gateway) as ops:
            assert (await ops.replay_policy("rules: []")).requests == 1
