"""Interrupts: when a run has nothing to do but wait for people, and where it goes on."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from agentgate_proto.faces.agui.interrupts import Interrupts, Stopped, stopped_in, with_stopped
from agentgate_proto.faces.conversing import Said
from agentgate_proto.limits import ROW_BYTES_MAX

STOPPED = Stopped(run="r1", epoch="e", offset=9, open={"c1": "a1"})


def asking(call: str, approval: str) -> Said:
    return Said(run="r1", call=call, approval=approval, signature=f"{call}()", expires_at=5)


def ids(interrupts: Interrupts) -> list[Any]:
    return [(each["id"], each.get("toolCallId")) for each in interrupts.due()]


def test_it_is_due_when_all_calls_have_their_result_or_wait_for_a_person() -> None:
    it = Interrupts()
    assert ids(it) == []
    it.called("c1")
    it.called("c2")
    it.asked(asking("c1", "a1"))
    assert ids(it) == [], "the other one may still run"
    it.asked(asking("c2", "a2"))
    assert ids(it) == [("a1", "c1"), ("a2", "c2")]
    it.ended("c2")
    assert ids(it) == [("a1", "c1")]
    it.ended("c1")
    assert ids(it) == []


def test_what_is_answered_now_is_not_asked_again() -> None:
    it = Interrupts(["a1"])
    it.go_on(STOPPED)
    assert ids(it) == [], "it runs"
    it.ended("c1")
    it.called("c2")
    it.asked(asking("c2", "a2"))
    assert ids(it) == [("a2", "c2")]


def test_more_money_is_asked_for_without_a_call() -> None:
    it = Interrupts()
    it.asked(asking("exceed_budget-1", "a1"))
    assert ids(it) == [("a1", None)]
    it.step()
    assert ids(it) == []


def test_what_is_too_long_to_be_read_says_where_the_whole_is() -> None:
    it = Interrupts()
    it.called("c1")
    it.asked(msgspec.structs.replace(asking("c1", "a1"), signature="x" * 60_000))
    (event,) = it.due()
    assert "approvals show a1" in str(event)
    assert len(str(event)) < ROW_BYTES_MAX


def test_where_it_stopped_stands_in_the_metadata_beside_the_rest() -> None:
    metadata = with_stopped(msgspec.Raw(b'{"face":"agui"}'), STOPPED)
    assert stopped_in(metadata) == STOPPED
    assert msgspec.json.decode(metadata)["face"] == "agui"


@pytest.mark.parametrize("metadata", [b"{}", b'{"agui_stopped":{"run":1}}', b'{"agui_stopped":5}'])
def test_what_others_have_put_there_says_nothing(metadata: bytes) -> None:
    assert stopped_in(msgspec.Raw(metadata)) is None
