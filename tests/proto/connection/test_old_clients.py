"""What a connection does for clients that name no ``client_id``: late answers, after replies."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from msgspec.structs import replace
from tests.proto.byhand import Visitor, batch, request
from tests.proto.connection.test_server_receipts import BIG, pong, record
from tests.proto.support import TEXT

from agentgate_proto.connection.events import Called, Closed, Received
from agentgate_proto.connection.old_clients import ENVELOPE_BYTES, fitting
from agentgate_proto.errors import ErrorCode
from agentgate_proto.limits import LEGACY_MESSAGE_BYTES_MAX, Limits
from agentgate_proto.records.outcome import Status, executed, failed

COLLECT = request(5, "get_pending_results")
TOOL = request(6, "tool_request", {"tool": "x"})


def back(limits: Limits | None = None, client_id: str = "") -> Visitor:
    visitor = Visitor(limits) if limits else Visitor()
    return visitor.enter(client_id=client_id)


def reply(visitor: Visitor, *ids: int, call_id: int = 5) -> None:
    """Answer the collection, as a ledger does: the rows, then the answers."""
    rows = [record(n, executed(b"%d" % n)) for n in ids]
    visitor.server.send_pending_results(call_id, rows, [], more=False)
    for n in ids:
        visitor.server.send_outcome(n, executed(b"%d" % n), f"r{n}")


def ids(heard: list[Any]) -> list[Any]:
    return [m["id"] if isinstance(m, dict) else m for m in heard]


def test_a_result_that_just_fits_is_left_as_it_is() -> None:
    outcome = executed(b" " * (LEGACY_MESSAGE_BYTES_MAX - ENVELOPE_BYTES))
    assert fitting(outcome) is outcome
    assert fitting(executed(BIG)).status is Status.FAILED


def test_what_a_tool_says_of_its_failure_besides_the_words_does_not_go_out() -> None:
    outcome = failed("no bulb", BIG)
    assert fitting(outcome) is outcome


def test_the_ping_that_is_the_receipt_follows_the_reply_and_the_answers() -> None:
    visitor = back()
    visitor.say(COLLECT)
    reply(visitor, 1, 2)
    visitor.drain()
    assert ids(visitor.heard()) == [5, 1, 2, "ping"]
    visitor.happened()
    visitor.send(pong(b"seq:3"))
    assert visitor.happened() == [Received(rids=("r1", "r2"))]


def test_a_pong_between_the_reply_and_the_answer_is_no_receipt() -> None:
    visitor = back()
    visitor.say(COLLECT)
    visitor.server.send_pending_results(5, [record(1, executed(b"1"))], [], more=False)
    visitor.drain()
    assert ids(visitor.heard()) == [5, "ping"]
    visitor.server.send_outcome(1, executed(b"1"), "r1")
    visitor.drain()
    visitor.happened()
    visitor.send(pong(b"seq:1"))
    assert visitor.happened() == [], "the client's call has not ended yet"
    assert ids(visitor.heard()) == [1, "ping"]
    visitor.send(pong(b"seq:2"))
    assert visitor.happened() == [Received(rids=("r1",))]


def test_late_answers_follow_the_array_in_which_the_reply_is() -> None:
    visitor = back()
    visitor.say(batch(COLLECT, TOOL))
    reply(visitor, 1, 2)
    visitor.drain()
    assert visitor.heard() == []
    visitor.happened()
    visitor.server.send_outcome(6, executed(b"6"), "r6")
    visitor.drain()
    array, *rest = visitor.heard()
    assert (ids(array), ids(rest)) == ([5, 6], [1, 2, "ping"])
    visitor.send(pong(b"seq:4"))
    assert visitor.happened() == [Received(rids=("r6", "r1", "r2"))]


def test_late_answers_follow_all_arrays_in_which_a_reply_is() -> None:
    visitor = back()
    visitor.say(
        batch(COLLECT, TOOL),
        batch(request(7, "get_pending_results"), request(8, "tool_request", {"tool": "x"})),
    )
    reply(visitor, 1)
    reply(visitor, 2, call_id=7)
    visitor.server.send_outcome(8, executed(b"8"), "r8")
    visitor.drain()
    array, ping = visitor.heard()
    assert (ids(array), ping) == ([7, 8], "ping"), "the first array is still to come"
    visitor.server.send_outcome(6, executed(b"6"), "r6")
    visitor.drain()
    array, *rest = visitor.heard()
    assert (ids(array), ids(rest)[:2]) == ([5, 6], [1, 2])


def test_an_array_that_a_refusal_completes_is_followed_too() -> None:
    visitor = back()
    visitor.on_event = lambda event: reply(visitor, 1) if isinstance(event, Called) else None
    visitor.say(batch(COLLECT, request(9, "no such method")))
    array, *rest = visitor.heard()
    assert (ids(array), ids(rest)) == ([5, 9], [1, "ping"])


def test_other_answers_wait_for_no_array() -> None:
    visitor = back()
    visitor.say(batch(COLLECT, TOOL), request(7, "tool_request", {"tool": "x"}))
    reply(visitor, 1)
    visitor.server.send_outcome(7, executed(b"7"), "r7")
    visitor.drain()
    assert ids(visitor.heard()) == [7, "ping"]


def test_a_client_that_names_itself_waits_for_no_array() -> None:
    visitor = back(client_id="sdk-1")
    visitor.say(batch(COLLECT, TOOL))
    reply(visitor, 1)
    visitor.drain()
    assert ids(visitor.heard()) == [1]


@pytest.mark.parametrize("too_many", [False, True])
def test_what_waits_for_an_array_is_bounded(too_many: bool) -> None:
    visitor = back(Limits(queued_bytes_max=1_000))
    visitor.say(batch(COLLECT, TOOL))
    visitor.happened()
    visitor.server.send_pending_results(5, [], [], more=False)
    for n in range(3 if too_many else 2):
        visitor.server.send_outcome(n, executed(b'"%s"' % (b"x" * 400)), f"r{n}")
    visitor.drain()
    ended = [a.code for a in visitor.happened() if isinstance(a, Closed)]
    assert ended == ([1013] if too_many else [])


def test_what_does_not_fit_behind_an_array_ends_the_connection_once() -> None:
    visitor = back(Limits(queued_bytes_max=1_000))
    visitor.say(batch(COLLECT, TOOL))
    visitor.happened()
    visitor.server.send_pending_results(5, [], [], more=False)
    for n in range(4):
        visitor.server.send_outcome(n, executed(b'"%s"' % (b"x" * 240)), f"r{n}")
    visitor.server.send_error(6, ErrorCode.DENIED_BY_POLICY)
    visitor.drain()
    assert [a.code for a in visitor.happened() if isinstance(a, Closed)] == [1013]


def test_nothing_is_kept_for_a_client_that_is_leaving() -> None:
    visitor = back(Limits(queued_bytes_max=1_000))
    visitor.say(batch(COLLECT, TOOL))
    visitor.server.send_pending_results(5, [], [], more=False)
    visitor.happened()
    visitor.server.close(1012, "bye")
    for n in range(4):
        visitor.server.send_outcome(n, executed(b'"%s"' % (b"x" * 400)), f"r{n}")
    visitor.drain()
    assert visitor.heard() == ["close 1012 bye"]
    assert visitor.happened() == []


@pytest.mark.parametrize("client_id", ["", "sdk-1"])
def test_an_outcome_never_answers_another_call_that_has_its_id(client_id: str) -> None:
    visitor = back(client_id=client_id)
    visitor.say(request(1, "list_requests"))
    visitor.server.send_outcome(1, executed(b"1"), "r1")
    visitor.server.send_result(1, {"requests": []})
    visitor.drain()
    assert [payload for opcode, payload in visitor.frames if opcode == TEXT] == [
        b'{"jsonrpc":"2.0","result":{"requests":[]},"id":1}'
    ]


def test_what_people_said_and_changed_is_for_clients_that_know_of_it() -> None:
    outcome = replace(executed(b"1"), word="not today", edited=msgspec.Raw(b'{"n":2}'))
    assert fitting(outcome) == executed(b"1")
