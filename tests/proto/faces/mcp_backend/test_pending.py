"""What is under way: a call begins without anything."""

from __future__ import annotations

from agentgate_proto.faces.mcp_backend.pending import Call, Question


def test_a_call_begins_unsent_and_a_question_is_a_request() -> None:
    call = Call(number=1, method="tools/call", params={}, can=frozenset())
    assert (call.request, call.was_sent, call.rounds) == (None, False, 0)
    assert Question(number=1, call=call, method="roots/list").key is None
