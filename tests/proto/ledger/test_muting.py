"""Muting: nobody is asked about an agent for a time, and everything else goes on."""

from __future__ import annotations

import pytest
from tests.proto.ledger_policy import ask
from tests.proto.ledger_world import World

from agentgate_proto.errors import ErrorCode
from agentgate_proto.ledger import muting as module
from agentgate_proto.ledger.muting import Muting
from agentgate_proto.limits import RETRY_AFTER_MAX_S
from agentgate_proto.records.mute import Mute
from agentgate_proto.records.request import rfc3339

T = 1_000.0


def mute(agent: str = "agent", minutes: float = 5.0, at: float = T) -> Mute:
    return Mute(agent=agent, until=at + minutes * 60.0, by="ann", channel="http", at=at)


def muted(world: World, minutes: float = 5.0) -> Mute:
    made = mute(minutes=minutes, at=world.now)
    assert world.ledger.mute(made) == ""
    world.drain()
    return made


def test_what_would_ask_is_refused_with_who_wants_that_and_until_when() -> None:
    world = World()
    world.policy["ask_write"] = ask()
    made = muted(world)
    client = world.client()
    world.receive(client, 1, "ask_write", n=1)
    world.receive(client, 2, "write", n=1)
    world.sync()
    refusal = client.refusals[1]
    assert refusal.code is ErrorCode.LIMIT_EXCEEDED
    assert refusal.message == f"muted by ann until {rfc3339(made.until)}: nobody is asked before"
    assert refusal.retry_after_s == pytest.approx(300.0, abs=0.01)
    assert world.waiting == []
    assert len(world.running) == 1, "what needs no person goes on"
    other = world.client("another", "c2")
    rid = world.receive(other, 1, "ask_write", n=1)
    world.sync()
    assert world.waiting == [rid]


def test_what_waits_already_may_be_answered() -> None:
    world = World()
    world.policy["ask_write"] = ask()
    rid = world.receive(world.client(), 1, "ask_write", n=1)
    world.sync()
    muted(world)
    world.approve(rid)
    world.sync()
    assert list(world.running) == [rid]


def test_it_ends_by_itself_and_by_hand() -> None:
    world = World()
    world.policy["ask_write"] = ask()
    client = world.client()
    muted(world)
    world.wait(299.0)
    world.receive(client, 1, "ask_write", n=1)
    world.sync()
    assert 1 in client.refusals
    world.wait(1.0)
    assert world.ledger.mutes(world.now) == []
    world.receive(client, 2, "ask_write", n=1)
    world.sync()
    assert len(world.waiting) == 1
    muted(world)
    muted(world, 0.0)
    world.receive(client, 3, "ask_write", n=3)
    world.sync()
    assert len(world.waiting) == 2


def test_what_is_over_objects_to_nothing_though_nobody_has_looked_at_the_list() -> None:
    muting = Muting()
    assert muting.put(mute()) == ""
    assert muting.objection("agent", T + 299.0) is not None
    assert muting.objection("agent", T + 300.0) is None


def test_it_outlives_the_process() -> None:
    world = World()
    world.policy["ask_write"] = ask()
    made = muted(world)
    world.sync()
    world.kill()
    assert world.ledger.mutes(world.now) == [made]
    client = world.client()
    world.receive(client, 1, "ask_write", n=1)
    world.sync()
    assert 1 in client.refusals


def test_the_newest_word_counts_and_there_is_a_cap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MUTES_MAX", 2)
    muting = Muting()
    for name in ("a", "b"):
        assert muting.put(mute(name)) == ""
    assert muting.put(mute("c")) == "2 agents are muted already"
    assert muting.put(mute("a", 600.0)) == ""
    assert muting.objection("a", T) == (
        f"muted by ann until {rfc3339(T + 36_000.0)}: nobody is asked before",
        RETRY_AFTER_MAX_S,
    )
    assert [each.agent for each in muting.listed(T + 300.0)] == ["a"]
    assert muting.put(mute("c", at=T + 300.0)) == "", "those that are over take no room"
    assert muting.objection("b", T + 300.0) is None
    assert muting.put(mute("nobody", 0.0)) == ""


def test_one_too_many_is_neither_in_force_nor_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MUTES_MAX", 0)
    world = World()
    assert world.ledger.mute(mute(at=world.now)) == "0 agents are muted already"
    assert world.ledger.next_effect() is None
    assert world.ledger.mutes(world.now) == []
