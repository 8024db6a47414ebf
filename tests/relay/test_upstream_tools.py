"""Tools of a gateway behind: listed here, asked for here, run there, and what they come to."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import anyio
import pytest
from tests.client.helpers import Impatient
from tests.e2e.cutting import cutting_proxy
from tests.relay.street import (
    BOUND_S,
    GARDEN,
    House,
    audit_of,
    house,
    link_of,
    office,
    street,
    waits,
)

from agentgate_client import (
    AgentGateClient,
    AgentGateDenied,
    AgentGateError,
    ErrorCode,
    OutcomeUnknown,
)
from agentgate_proto.limits import DESCRIPTION_CHARS_MAX
from agentgate_proto.records.request import Effects
from agentgate_relay.gateway_link import GatewayLink
from agentgate_relay.upstream_tools import TOOLS_MAX, UpstreamTools
from agentgate_server.config import config_from_dict
from agentgate_server.errors import NotStarted
from agentgate_server.gateway import Gateway

pytestmark = pytest.mark.anyio

ASK_ALL = "defaults: [{pattern: '*', action: ask}]"
CAREFUL = """
defaults: [{pattern: "*", action: allow}]
rules:
  - {pattern: "house.note*", action: ask}
  - {pattern: "house.jam*", action: deny, description: not from here}
"""


async def test_what_is_behind_is_listed_here_as_far_as_the_configuration_wants(
    tmp_path: Path,
) -> None:
    async with street(tmp_path, House(), tools=["temp*", "unlock"]) as both:
        rows = {row["name"]: row for row in await both.agent.list_tools()}
        assert rows.keys() == {"house.temperature", "house.unlock"}
        temperature = rows["house.temperature"]
        assert temperature["description"] == "How warm it is."
        assert (temperature["effects"], temperature["decision"]) == ("read", "allow")
        assert temperature["args"]["properties"].keys() == {"room"}
        assert rows["house.unlock"]["decision"] == "ask", "somebody is asked, there"


async def test_nothing_is_offered_without_being_named(tmp_path: Path) -> None:
    async with street(tmp_path, House(), tools=[]) as both:
        assert await both.agent.list_tools() == []
        with pytest.raises(AgentGateError, match=r"Unknown tool: house\.temperature"):
            await both.agent.call("house.temperature", {"room": "hall"})


def keys_of(gateway: Gateway) -> dict[str, str]:
    """The idempotency keys of all requests that a gateway keeps, by tool."""
    with closing(sqlite3.connect(gateway.config.storage.path)) as database:
        return dict(database.execute("SELECT tool, idempotency_key FROM requests"))


async def test_a_tool_runs_there_and_both_audits_name_who_asked(tmp_path: Path) -> None:
    doings = House()
    async with street(tmp_path, doings) as both:
        assert await both.agent.call("house.temperature", {"room": "hall"}) == 21.5
        assert await both.agent.call("house.note", {"text": "milk"}) == "milk"
        assert doings.done == ["temperature hall", "note milk"]
        here, there = await audit_of(both.front), await audit_of(both.behind)
        first = [e for e in here if e.get("tool") == "house.note" and "args" in e]
        last = [e for e in there if e.get("tool") == "note" and "args" in e]
        assert [(e["agent"], "on_behalf_of" in e) for e in first] == [("garden", False)]
        (entry,) = last
        assert (entry["agent"], entry["on_behalf_of"]) == ("office", "garden")
        assert entry["hops"] == [both.front.gate.authenticator.epoch]
        (written,) = first
        assert keys_of(both.behind) == {"temperature": "", "note": written["rid"]}


@pytest.mark.parametrize(
    ("tool", "args", "code", "words"),
    [
        ("burn", {"what": "all"}, ErrorCode.DENIED_BY_POLICY, "house: Denied by policy: never"),
        ("jam", {"door": "back"}, ErrorCode.TOOL_FAILED, "RuntimeError: the back door is jammed"),
        ("pick", {"what": "c"}, ErrorCode.TOOL_FAILED, "it was not started: what: there is no c"),
    ],
)
async def test_an_error_there_keeps_its_meaning_and_its_words(
    tmp_path: Path, tool: str, args: dict[str, Any], code: ErrorCode, words: str
) -> None:
    doings = House()
    async with street(tmp_path, doings) as both:
        with pytest.raises(AgentGateError) as caught:
            await both.agent.call(f"house.{tool}", args)
        assert caught.value.code == code
        assert caught.value.message.startswith(words)
        assert doings.done == []


async def test_the_policy_here_holds_as_well(tmp_path: Path) -> None:
    async with street(tmp_path, House(), front_policy=CAREFUL) as both:
        with pytest.raises(AgentGateDenied, match="not from here"):
            await both.agent.call("house.jam", {"door": "back"})
        assert "house.jam" not in {row["name"] for row in await both.agent.list_tools()}


@pytest.mark.parametrize("verdict", ["approve", "deny"])
async def test_there_a_person_is_asked_once_about_what_either_wants_asked(
    tmp_path: Path, verdict: str
) -> None:
    doings = House()
    async with street(tmp_path, doings, front_policy=CAREFUL) as both:
        for tool, args in (("note", {"text": "milk"}), ("unlock", {"door": "front"})):
            results: list[Any] = []

            async def ask(tool: str = tool, args: Any = args, results: Any = results) -> None:
                try:
                    results.append(await both.agent.call(f"house.{tool}", args))
                except AgentGateError as error:
                    results.append(error.code)

            async with anyio.create_task_group() as tasks:
                tasks.start_soon(ask)
                view = await waits(both.behind)
                assert both.front.gate.desk.waiting() == []
                assert (view.asker, view.tool) == ("office on behalf of garden", tool)
                await both.ann.decide(view.id, verdict)
            if verdict == "approve":
                assert results == [args.get("text", "open")]
            else:
                assert results == [ErrorCode.DENIED_BY_PERSON]
        assert len(doings.done) == (2 if verdict == "approve" else 0)


@pytest.mark.parametrize("approves", [True, False])
async def test_here_a_person_is_asked_about_what_either_wants_asked_and_there_that_may_count(
    tmp_path: Path, approves: bool
) -> None:
    doings = House()
    options = {"approvals": "here", "approves": approves, "front_policy": CAREFUL}
    async with street(tmp_path, doings, **options) as both:  # type: ignore[arg-type]
        for tool, args in (("note", {"text": "milk"}), ("unlock", {"door": "front"})):
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(both.agent.call, f"house.{tool}", args)
                view = await waits(both.front)
                assert (view.asker, view.tool) == ("garden", f"house.{tool}")
                assert both.behind.gate.desk.waiting() == []
                await both.bob.decide(view.id, "approve")
                if tool == "unlock" and not approves:
                    again = await waits(both.behind)
                    await both.ann.decide(again.id, "approve")
        assert doings.done == ["note milk", "unlock front"]
        entries = [e for e in await audit_of(both.behind) if "args" in e]
        approvers = [entry.get("relayed_approver", "") for entry in entries]
        assert approvers == (["bob", "bob"] if approves else ["", ""])


async def test_what_was_approved_here_and_denied_there_says_so(tmp_path: Path) -> None:
    options = {"approvals": "here", "front_policy": ASK_ALL}
    async with street(tmp_path, House(), **options) as both:  # type: ignore[arg-type]
        async with anyio.create_task_group() as tasks:

            async def ask() -> None:
                with pytest.raises(AgentGateDenied, match="house: Denied by user") as caught:
                    await both.agent.call("house.unlock", {"door": "front"})
                assert caught.value.code == ErrorCode.DENIED_BY_POLICY

            tasks.start_soon(ask)
            await both.bob.decide((await waits(both.front)).id, "approve")
            await both.ann.decide((await waits(both.behind)).id, "deny")
        (row,) = await both.agent.list_requests()
        assert (row["approval"], row["decided_by"], row["status"]) == ("approved", "bob", "denied")


async def test_a_call_that_is_withdrawn_here_is_withdrawn_there(tmp_path: Path) -> None:
    doings = House()
    async with street(tmp_path, doings) as both:
        with anyio.move_on_after(BOUND_S) as scope:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(both.agent.call, "house.unlock", {"door": "front"})
                await waits(both.behind)
                scope.cancel()
        while both.behind.gate.desk.waiting():
            await anyio.sleep(0.002)
        assert doings.done == []


async def test_while_the_link_is_down_a_call_waits_and_then_nothing_was_run(
    tmp_path: Path,
) -> None:
    doings = House()
    with anyio.fail_after(BOUND_S):
        async with (
            house(tmp_path, doings) as behind,
            cutting_proxy(behind.port) as proxy,
            office(tmp_path, proxy.url, wait_s=0.2) as front,
            AgentGateClient(front.url, GARDEN) as agent,
        ):
            assert await agent.call("house.note", {"text": "one"}) == "one"
            proxy.is_down = True
            proxy.cut()
            assert "house.note" in {row["name"] for row in await agent.list_tools()}
            with pytest.raises(AgentGateError) as caught:
                await agent.call("house.note", {"text": "two"})
            assert caught.value.message.startswith("it was not started: the gateway house is ")
            proxy.is_down = False
            assert await agent.call("house.note", {"text": "three"}) == "three"
    assert doings.done == ["note one", "note three"]


async def test_what_nobody_knows_there_nobody_knows_here(tmp_path: Path) -> None:
    doings = House()
    async with street(tmp_path, doings) as both, anyio.create_task_group() as tasks:

        async def ask() -> None:
            with pytest.raises(OutcomeUnknown, match="it may have taken effect"):
                await both.agent.call("house.slow", {"text": "one"})

        tasks.start_soon(ask)
        while not doings.done:
            await anyio.sleep(0.002)
        both.behind.gate.running.close()  # as a shutdown does with what runs too long


async def test_what_was_at_the_gateway_behind_before_is_a_loop_and_runs_nothing(
    tmp_path: Path,
) -> None:
    doings = House()
    async with street(tmp_path, doings) as both:
        both.behind.gate.authenticator.epoch = both.front.gate.authenticator.epoch
        with pytest.raises(AgentGateError, match="in a circle") as caught:
            await both.agent.call("house.note", {"text": "round"})
        assert caught.value.code == ErrorCode.RELAY_LOOP
        assert doings.done == []


async def test_arguments_that_do_not_fit_are_refused_before_anybody_is_asked(
    tmp_path: Path,
) -> None:
    async with street(tmp_path, House(), front_policy=ASK_ALL) as both:
        with pytest.raises(AgentGateError, match="missing argument") as caught:
            await both.agent.call("house.note", {"txt": "x"})
        assert caught.value.code == ErrorCode.INVALID_PARAMS
        assert await both.agent.list_requests() == []


async def test_a_call_that_is_withdrawn_before_the_link_is_up_has_not_run(tmp_path: Path) -> None:
    doings = House()
    with anyio.fail_after(BOUND_S):
        async with (
            house(tmp_path, doings) as behind,
            cutting_proxy(behind.port) as proxy,
            office(tmp_path, proxy.url) as front,
            AgentGateClient(front.url, GARDEN) as agent,
        ):
            proxy.is_down = True
            proxy.cut()
            while link_of(front).state.is_up:
                await anyio.sleep(0.002)
            with pytest.raises(AgentGateError):
                await agent.call("house.note", {"text": "one"}, timeout_s=0.05)
            while (await agent.list_requests(open_only=True))[0:1]:
                await anyio.sleep(0.002)
                await agent.get_pending_results()
            (row,) = await agent.list_requests()
            assert row["status"] == "failed"
            assert row["error"]["message"].endswith("it was not started")
    assert doings.done == []


# What an upstream lists


def listing(*rows: dict[str, Any]) -> UpstreamTools:
    config = config_from_dict(
        {
            "agent": {"token": "a" * 20},
            "upstreams": {"house": {"url": "ws://127.0.0.1:1", "token": "t", "tools": ["*"]}},
        }
    )
    wanted = config.upstreams["house"]  # type: ignore[index]
    link = GatewayLink("house", wanted, lambda: "e", lambda link: None, Impatient)
    tools = UpstreamTools(link, lambda rid: None, lambda: "e")
    tools.listed({"tools": list(rows)})
    return tools


def row(name: str, **more: Any) -> dict[str, Any]:
    plain = {"name": name, "description": "", "effects": "read", "args": {}, "decision": "allow"}
    return plain | more


def test_what_a_tool_there_says_of_its_results_is_said_here() -> None:
    returns = {"type": "object", "properties": {"celsius": {"type": "number"}}}
    more = row("read", title="Read it", returns=returns, form="mcp")
    plain, other = listing(row("good"), more)
    assert (plain.title, plain.returns, plain.form) == ("", {}, "")
    assert (other.title, other.returns, other.form) == ("Read it", returns, "mcp")


def test_names_that_a_policy_could_misread_are_not_offered() -> None:
    tools = listing(row("good"), row("lights.on"), row("a(b)"), row("é"), row("x" * 129))
    assert tools.names == ["house.good", "house.lights.on"]


def test_more_than_there_is_room_for_is_left_out_and_what_is_long_is_cut() -> None:
    tools = listing(*(row(f"t{number}") for number in range(TOOLS_MAX + 3)))
    assert len(tools.names) == TOOLS_MAX
    large = [row(f"t{number}", description="x" * 500_000) for number in range(9)]
    tools = listing(*large)
    assert tools.names == ["house.t0", "house.t1", "house.t2", "house.t3"]
    assert {len(tool.description) for tool in tools} == {DESCRIPTION_CHARS_MAX}


def test_an_odd_listing_changes_nothing() -> None:
    tools = listing(row("good"))
    odd_ones: list[Any] = [{}, {"tools": 7}, {"tools": [{"name": "bad"}]}, None]
    for odd in odd_ones:
        tools.listed(odd)
    assert tools.names == ["house.good"]


def test_a_schema_that_is_not_understood_is_left_to_the_upstream() -> None:
    tools = listing(row("odd", args={"type": "object", "properties": {"x": {"pattern": "("}}}))
    tool = tools.get("house.odd")
    assert tool is not None
    tool.check({"x": 1})


def test_what_was_let_through_runs_as_what_it_was_when_it_was_decided() -> None:
    tools = listing(row("good"))
    same = tools.to_run("house.good", Effects.READ, "r1")
    assert same is not None
    assert (same.call, same.may_have_run) == ("r1", False)
    as_decided = tools.to_run("house.good", Effects.WRITE, "r2")
    assert as_decided is not None
    assert as_decided.effects is Effects.WRITE, "whatever it is by now, nothing runs it twice"
    assert tools.to_run("house.not.yet.listed", Effects.READ, "r3") is not None
    assert tools.to_run("house.a(b)", Effects.READ, "r4") is None
    assert tools.to_run("barn.good", Effects.READ, "r5") is None


async def test_what_was_let_through_as_a_read_does_not_run_once_it_writes() -> None:
    tools = listing(row("good"))
    before = tools.to_run("house.good", Effects.READ, "r1")
    assert before is not None
    assert not before.has_turned
    tools.listed({"tools": [row("good", effects="write")]})
    turned = tools.to_run("house.good", Effects.READ, "r2")
    assert turned is not None
    with pytest.raises(NotStarted, match="is not what was asked for: now it says that it writes"):
        await turned.run({})
    assert not turned.may_have_run
