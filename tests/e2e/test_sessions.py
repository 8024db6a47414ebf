"""Sessions end to end: a vendor's API, the gate, people, and clients on real sockets."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest
from tests.server.embedded import AGENT, BOUND_S, OPERATOR, OWNER, serving, until

from agent_gate import AgentGateClient
from agentgate_cli.standins.models import (
    CleanEnd,
    Fail,
    ModelServer,
    Reply,
    Say,
    Stall,
    Think,
    Use,
    Wait,
)
from agentgate_client import ApprovalsClient, Cursor, Event, SessionNotFound
from agentgate_client.sessions import Session
from agentgate_server.gateway import Gateway

pytestmark = pytest.mark.anyio

BACKENDS = ("anthropic", "openai")


def models(server: ModelServer, backend: str, **changes: Any) -> dict[str, Any]:
    url = server.url if backend == "anthropic" else server.openai_url
    model = {
        "backend": backend,
        "model": "claude-sonnet-4.5",
        "api_key": "key-of-the-vendor-0123",
        "base_url": url,
        "price": {"input": 3.0, "output": 15.0},
        **changes,
    }
    return {"models": {"main": model}}


@asynccontextmanager
async def talking(
    folder: Path, backend: str = "anthropic", sessions: dict[str, Any] | None = None, **changes: Any
) -> AsyncIterator[tuple[ModelServer, Gateway, AgentGateClient, Session]]:
    with anyio.fail_after(BOUND_S):
        async with ModelServer() as server:
            conf = {**models(server, backend), **(sessions or {})}
            async with (
                serving(folder, sessions=conf, **changes) as gateway,
                AgentGateClient(gateway.url, AGENT) as client,
            ):
                yield server, gateway, client, await client.sessions.create()


async def said(session: Session, text: str, **options: Any) -> list[Event]:
    return [event async for event in session.send(text, **options)]


def kinds(events: list[Event]) -> list[str]:
    return [event.kind for event in events]


def ended(events: list[Event]) -> str:
    assert events[-1].kind == "run_ended"
    return str(events[-1].data["status"])


# What is sent


@pytest.mark.parametrize("backend", BACKENDS)
async def test_the_inspector_shows_exactly_the_bytes_that_the_vendor_gets(
    tmp_path: Path, backend: str
) -> None:
    async with talking(tmp_path, backend) as (server, _, _, session):
        workspace = Path(session.view.workspace)
        (workspace / "memory.md").write_text("The cat is called Schrödinger.\n")
        (workspace / "skills").mkdir()
        (workspace / "skills" / "lamps.md").write_text("Lamps are to be dimmed at night.\n")
        server.replies.append(Reply(Say("I "), Use("echo", {"text": "meow"})))
        server.replies.append(Reply(Say("The echo said meow.")))
        first = await session.inspect(text="Say meow")
        await said(session, "Say meow")
        second = await session.inspect(text="And again, with “quotes” and ü")
        await said(session, "And again, with “quotes” and ü")
        assert server.bodies[0] == first.body.encode()
        assert server.bodies[2] == second.body.encode()
        assert first.bytes == len(server.bodies[0])
        for inspection in (first, second):
            sections = {section.name.value: section for section in inspection.sections}
            assert list(sections) == ["system_prompt", "memory", "skills", "history", "tools"]
            whole = sum(section.bytes for section in inspection.sections)
            assert whole + inspection.envelope_bytes == inspection.bytes
            assert "Schrödinger" in sections["memory"].content
            assert "dimmed" in sections["skills"].content
            assert all(section.bytes > 0 for section in sections.values())
        assert first.cache_prefix_bytes is None
        last = server.bodies[1]
        assert second.cache_prefix_bytes is not None
        prefix = second.cache_prefix_bytes
        assert second.body.encode()[:prefix] == last[:prefix]
        assert prefix > second.bytes // 2
        assert second.breaks_at is not None


async def test_a_session_costs_what_its_requests_cost(tmp_path: Path) -> None:
    async with talking(tmp_path) as (server, _, client, session):
        server.replies.append(Reply(Say("One.")))
        events = await said(session, "Count")
        (spent,) = (event.data for event in events if event.kind == "usage")
        usage = spent["usage"]
        cost = 3 * usage["input"] + 15 * usage["output"]
        assert spent["cost_micros"] == cost > 0
        report = await client.sessions.usage()
        assert report.total.cost_micros == cost
        assert [row.key for row in report.rows] == ["main"]
        assert report.total.requests == 1
        assert events[-1].data["cost_micros"] == cost


# Tools, and people


async def test_a_call_that_a_person_denies_is_told_to_the_model_and_the_run_goes_on(
    tmp_path: Path,
) -> None:
    async with (
        talking(tmp_path) as (server, gateway, _, session),
        ApprovalsClient(gateway.url, OWNER) as owner,
    ):
        server.replies.append(Reply(Use("asked", {"text": "no way"})))
        server.replies.append(Reply(Say("Then not.")))
        events: list[Event] = []
        async for event in session.send("Do it"):
            events.append(event)
            if event.kind == "approval":
                await owner.decide(event.data["approval"], "deny")
        assert ended(events) == "completed"
        (result,) = (event.data for event in events if event.kind == "tool_result")
        assert (result["status"], result["error"]) == ("denied", "Denied by user")
        assert b"Denied by user" in server.bodies[1]


async def test_an_approval_that_lapses_is_told_to_the_model_and_the_run_goes_on(
    tmp_path: Path,
) -> None:
    async with talking(tmp_path, approval_timeout=0.05) as (server, _, _, session):
        server.replies.append(Reply(Use("asked", {"text": "anybody?"})))
        server.replies.append(Reply(Say("Nobody.")))
        events = await said(session, "Do it")
        assert ended(events) == "completed"
        (result,) = (event.data for event in events if event.kind == "tool_result")
        assert result["status"] == "expired"
        assert b"Approval timed out" in server.bodies[1]


async def test_calls_of_one_answer_run_at_the_same_time_and_go_back_in_its_order(
    tmp_path: Path,
) -> None:
    async with (
        talking(tmp_path) as (server, gateway, _, session),
        ApprovalsClient(gateway.url, OWNER) as owner,
    ):
        calls = [Use("asked", {"text": text}, id=text) for text in ("first", "second", "third")]
        server.replies.append(Reply(*calls, Use("echo", {"text": "at once"}, id="fourth")))
        server.replies.append(Reply(Say("All four.")))
        approvals: dict[str, str] = {}
        events: list[Event] = []
        async for event in session.send("All"):
            events.append(event)
            if event.kind == "approval":
                approvals[event.data["call"]] = event.data["approval"]
                if len(approvals) == 3:
                    for call in ("third", "first", "second"):
                        await owner.decide(approvals[call], "approve")
        results = [event.data["call"] for event in events if event.kind == "tool_result"]
        assert results == ["fourth", "third", "first", "second"]
        body = server.bodies[1]
        order = [body.rindex(f'"{call}"'.encode()) for call in ("first", "second", "third")]
        assert order == sorted(order)


async def test_what_a_model_wants_is_refused_as_for_anybody(tmp_path: Path) -> None:
    async with talking(tmp_path) as (server, _, _, session):
        server.replies.append(
            Reply(Use("echo", {"wrong": 1}), Use("no_such_tool", {}), Use("exceed_budget", {}))
        )
        server.replies.append(Reply(Say("Oh.")))
        events = await said(session, "Try")
        errors = [event.data["error"] for event in events if event.kind == "tool_result"]
        assert ended(events) == "completed"
        assert len(errors) == 3
        assert sum("there is no tool" in error for error in errors) == 2
        assert sum("Invalid params" in error for error in errors) == 1


# Failures


async def test_a_cancel_stops_the_model_and_another_message_is_welcome(tmp_path: Path) -> None:
    async with talking(tmp_path) as (server, _, _, session):
        server.replies.append(Reply(Say("I will never "), Stall()))
        events: list[Event] = []
        async for event in session.send("Go"):
            events.append(event)
            if event.kind == "text":
                cancelled = await session.cancel()
                assert (cancelled.status, cancelled.still_running) == ("cancelled", [])
        assert ended(events) == "cancelled"
        await server.until(lambda: server.left == 1)
        (reply,) = (event.data for event in events if event.kind == "reply")
        assert (reply["text"], reply["stop"]) == ("I will never ", "cut")
        server.replies.append(Reply(Say("Here.")))
        assert ended(await said(session, "Again")) == "completed"
        assert b"I will never" in server.bodies[1]
        assert (await session.cancel()).status == "no_run"


async def test_a_cancel_says_which_tool_still_runs_and_its_outcome_is_recorded(
    tmp_path: Path,
) -> None:
    async with talking(tmp_path) as (server, gateway, _, session):
        server.replies.append(Reply(Use("hang", {"key": "k"}, id="h")))
        events: list[Event] = []
        async with session.attach(Cursor(session.view.epoch, 0)) as stream:
            await session.send("Hang").started()
            await until(lambda: gateway.gate.running.count, "the tool")
            cancelled = await session.cancel()
            assert [(one.call, one.tool) for one in cancelled.still_running] == [("h", "hang")]
            async for event in stream:
                events.append(event)
                if event.data.get("late"):
                    break
        first, late = (event.data for event in events if event.kind == "tool_result")
        assert first["status"] == late["status"] == "unknown"
        server.replies.append(Reply(Say("I see.")))
        await said(session, "What happened?")
        assert b"do not repeat it without looking" in server.bodies[1]
        assert b"has ended meanwhile" in server.bodies[1]


@pytest.mark.parametrize("backend", BACKENDS)
async def test_a_stream_that_breaks_off_after_text_is_truncated_and_its_text_kept(
    tmp_path: Path, backend: str
) -> None:
    async with talking(tmp_path, backend) as (server, _, _, session):
        server.replies.append(Reply(Think("hm"), Say("Half a "), CleanEnd()))
        events = await said(session, "Tell")
        assert ended(events) == "truncated", events[-1].data
        (reply,) = (event.data for event in events if event.kind == "reply")
        assert (reply["text"], reply["stop"]) == ("Half a ", "cut")
        (spent,) = (event.data for event in events if event.kind == "usage")
        assert spent["cost_micros"] > 0


async def test_an_overloaded_vendor_is_asked_again_before_anything_was_shown(
    tmp_path: Path,
) -> None:
    async with talking(tmp_path) as (server, _, _, session):
        server.replies.append(Reply(status=529, retry_after="0.01"))
        server.replies.append(Reply(status=429, retry_after="0.01"))
        server.replies.append(Reply(Say("At last.")))
        events = await said(session, "Tell")
        assert ended(events) == "completed"
        assert kinds(events).count("retrying") == 2
        assert "reset" not in kinds(events)
        assert len(server.bodies) == 3
        assert len(set(server.bodies)) == 1


async def test_an_error_after_text_withdraws_the_text_before_another_attempt(
    tmp_path: Path,
) -> None:
    async with talking(tmp_path) as (server, _, _, session):
        server.replies.append(Reply(Say("Wrong "), Fail("overloaded_error", "Overloaded")))
        server.replies.append(Reply(Say("Right.")))
        events = await said(session, "Tell")
        assert ended(events) == "completed"
        (reset,) = (event for event in events if event.kind == "reset")
        wrong = [e for e in events if e.kind == "text" and "Wrong" in e.data["text"]]
        assert all(reset.data["first"] <= e.offset < reset.offset for e in wrong)
        (reply,) = (event.data for event in events if event.kind == "reply")
        assert reply["text"] == "Right."


# Who sees what


async def test_anothers_session_does_not_exist_and_an_operator_may_look(tmp_path: Path) -> None:
    other = {"name": "other", "role": "agent", "token": "other-token-0123456789"}
    async with talking(tmp_path, principals=[other]) as (server, gateway, _, session):
        server.replies.append(Reply(Say("A secret.")))
        await said(session, "Tell")
        async with AgentGateClient(gateway.url, "other-token-0123456789") as stranger:
            with pytest.raises(SessionNotFound):
                await stranger.sessions.get(session.id)
            assert await stranger.sessions.list() == []
        async with AgentGateClient(gateway.url, OPERATOR) as operator:
            found = await operator.sessions.get(session.id)
            assert found.view.principal == "agent"
            async with found.attach(Cursor(found.view.epoch, 0)) as stream:
                assert (await anext(stream)).kind == "message"


async def test_no_client_may_call_itself_as_a_session_does(tmp_path: Path) -> None:
    async with talking(tmp_path) as (_, gateway, _, session):
        client = AgentGateClient(gateway.url, AGENT, 0, client_id=f"session:{session.id}")
        with pytest.raises(Exception, match="client ids that begin with session: are"):
            await client.connect()


# Money


async def test_beyond_its_budget_a_run_asks_a_person_and_goes_on(tmp_path: Path) -> None:
    budget = {"name": "pocket", "per": "day", "usd": 0.05, "over": "ask"}
    async with (
        talking(tmp_path, sessions={"budgets": [budget]}) as (server, gateway, client, session),
        ApprovalsClient(gateway.url, OWNER) as owner,
    ):
        server.replies.append(Reply(Say("Dear.")))
        events: list[Event] = []
        async for event in session.send("Tell"):
            events.append(event)
            if event.kind == "approval":
                assert event.data["tool"] == "exceed_budget"
                await owner.decide(event.data["approval"], "approve")
        assert ended(events) == "completed"
        assert "approval" in kinds(events)
        events = []
        async for event in session.send("Tell more"):
            events.append(event)
            if event.kind == "approval":
                await owner.decide(event.data["approval"], "deny")
        assert ended(events) == "budget"
        assert len(server.bodies) == 1
        (line,) = (await client.sessions.usage()).budgets
        assert (line.name, line.limit_micros, line.over) == ("pocket", 50_000, "ask")


async def test_a_hundred_runs_on_a_budget_for_five_make_five(tmp_path: Path) -> None:
    # 64 tokens to write at $10,000 a million are $0.64; reading costs nothing here
    price = {"input": 0.0, "output": 10_000.0}
    budget = {"name": "five", "per": "day", "usd": 3.3, "over": "deny"}
    async with ModelServer() as server:
        conf = models(server, "anthropic", price=price, max_tokens=64)
        gate = anyio.Event()
        server.replies.extend(Reply(Wait(gate), Say("One of five.")) for _ in range(100))
        with anyio.fail_after(BOUND_S):
            async with (
                serving(tmp_path, sessions={**conf, "budgets": [budget]}) as gateway,
                AgentGateClient(gateway.url, AGENT) as client,
            ):
                ends: list[str] = []

                async def run() -> None:
                    session = await client.sessions.create()
                    ends.append(ended(await said(session, "Go")))

                async with anyio.create_task_group() as tasks:
                    for _ in range(100):
                        tasks.start_soon(run)
                    await until(lambda: len(ends) == 95, "those who are refused")
                    gate.set()
                assert sorted(set(ends)) == ["budget", "completed"]
                assert ends.count("completed") == 5
                assert len(server.bodies) == 5
                (line,) = (await client.sessions.usage()).budgets
                assert line.spent_micros <= line.limit_micros
