"""What an editor's connection wants done, in order."""

from __future__ import annotations

import json

from agentgate_proto.errors import ErrorCode
from agentgate_proto.faces.acp.effects import About, Leave, Outbox, Step
from agentgate_proto.faces.conversing import CALLS_MAX, Call, Send
from agentgate_proto.rpc.session_methods import GetSession


def test_all_is_done_in_the_order_in_which_it_was_wanted() -> None:
    out = Outbox()
    out.answer(1, {})
    out.call(About(Step.FIND, "s"), GetSession(session="s"))
    out.leave("s")
    found = [out.next_effect() for _ in range(4)]
    assert [type(each) for each in found] == [Send, Call, Leave, type(None)]


def test_so_many_calls_may_be_open() -> None:
    out = Outbox()
    for _ in range(CALLS_MAX):
        assert out.may_ask
        out.call(About(Step.LIST), GetSession(session="s"))
    assert not out.may_ask
    out.answered()
    assert out.may_ask


def test_a_native_error_has_its_name_beside_the_code_of_the_format() -> None:
    out = Outbox()
    out.refuse_native(1, ErrorCode.OVER_BUDGET, "x" * 1_000)
    effect = out.next_effect()
    assert isinstance(effect, Send)
    error = json.loads(effect.text)["error"]
    assert (error["code"], error["data"]) == (-32603, {"code": "OVER_BUDGET"})
    assert len(error["message"]) < 400
