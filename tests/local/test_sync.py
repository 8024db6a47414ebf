"""The client without ``await`` at a real gateway: tools, a person, conversations."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from anyio.from_thread import start_blocking_portal

from agent_gate import (
    DeniedByPerson,
    DeniedByPolicy,
    InvalidArguments,
    SessionNotFound,
    UnknownTool,
)
from agent_gate.sync import AgentGateClient, ApprovalsClient
from agentgate_client import ApprovalView, Cursor
from agentgate_local import LocalSessions
from agentgate_server import tool
from agentgate_server.policy import Policy

BOUND_S = 20.0

POLICY = """
rules:
  - {tool: measure, action: allow}
  - {pattern: "write_note(secret*)", action: deny, description: Secrets stay here}
defaults: [{pattern: "*", action: ask}]
"""


@tool(effects="write", inline=True)
def write_note(text: str) -> str:
    """Write a note."""
    return f"a note: {text}"


@tool(effects="read", inline=True)
def measure(room: str) -> float:
    """Measure the temperature."""
    return 21.5


@pytest.fixture(scope="module")
def gate() -> Iterator[LocalSessions]:
    local = LocalSessions(tools=[write_note, measure], policy=Policy.parse(POLICY), approver="kim")
    with start_blocking_portal() as portal, portal.wrap_async_context_manager(local):
        yield local


@pytest.fixture
def gw(gate: LocalSessions) -> Iterator[AgentGateClient]:
    with AgentGateClient(gate.url, gate.token, timeout_s=BOUND_S) as client:
        yield client


@pytest.fixture
def desk(gate: LocalSessions) -> Iterator[ApprovalsClient]:
    with ApprovalsClient(gate.url, gate.approver_token) as client:
        yield client


def test_tools_are_asked_for_and_each_failure_is_of_its_kind(gw: AgentGateClient) -> None:
    names = {row["name"]: row["decision"] for row in gw.list_tools()}
    assert names["measure"] == "allow"
    assert gw.tool_request("measure", room="hall") == 21.5
    with pytest.raises(DeniedByPolicy, match="Secrets stay here"):
        gw.tool_request("write_note", text="secret 1234")
    with pytest.raises(InvalidArguments, match="room"):
        gw.tool_request("measure")
    with pytest.raises(UnknownTool, match="mesure"):
        gw.tool_request("mesure", room="hall")


def test_a_person_answers_in_another_thread(gw: AgentGateClient, desk: ApprovalsClient) -> None:
    def decide(decision: str) -> ApprovalView:
        with desk.watch() as watch:
            waiting = next(view for view in watch if view.status == "waiting")
        return desk.decide(waiting.id, "approve" if decision == "approve" else "deny")

    with ThreadPoolExecutor(1) as person:
        answer = person.submit(decide, "approve")
        assert gw.call("write_note", {"text": "milk"}) == "a note: milk"
        assert answer.result(BOUND_S).decided_by == "kim"
        answer = person.submit(decide, "deny")
        with pytest.raises(DeniedByPerson):
            gw.call("write_note", {"text": "bread"})
        assert answer.result(BOUND_S).status == "denied"
    assert desk.list() == []


def test_a_watch_waits_no_longer_than_it_is_told(desk: ApprovalsClient) -> None:
    watch = desk.watch()
    while watch.next(0.1) is not None:
        pass
    assert watch.next(0.01) is None


def test_one_talks_to_a_model(gw: AgentGateClient) -> None:
    session = gw.sessions.create(user_id="kim")
    run = session.send("What is 17 * 3?")
    assert run.id == ""
    kinds = [event.kind for event in run]
    assert kinds[-1] == "run_ended"
    assert (run.status, run.joined) == ("completed", False)
    assert session.send("What is 3 + 3?").started().text() == "3 + 3 = 6."
    with session.attach(Cursor(session.view.epoch, 0)) as events:
        assert next(events).offset == 0
        assert events.cursor is not None
    assert session.refresh().messages > 0
    assert session.id in [view.id for view in gw.sessions.list(user_id="kim")]
    assert session.usage("total").total.usage.input > 0
    assert gw.sessions.get(session.id).inspect("hello").model == "rehearsal"
    session.delete()
    with pytest.raises(SessionNotFound):
        gw.sessions.get(session.id)
