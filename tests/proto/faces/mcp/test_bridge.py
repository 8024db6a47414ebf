"""The bridge: a client on a pipe notices little of a gateway that comes and goes."""

from __future__ import annotations

import msgspec
import pytest
from msgspec.structs import replace
from tests.proto.faces.mcp.bridged import TOOLS, Talk, tool

from agentgate_proto.errors import ErrorCode
from agentgate_proto.faces.mcp.bridge import FRESH_S, POLL_S, RELIST_S
from agentgate_proto.faces.mcp.bridge_calls import BEAT_S, CALLS_MAX, Refusal
from agentgate_proto.faces.mcp.bridge_endings import FoundRow
from agentgate_proto.faces.mcp.bridge_events import (
    AskTool,
    Ended,
    FindRequest,
    ListTools,
    LookUp,
    WithdrawTool,
)
from agentgate_proto.faces.mcp.bridge_list import LIST_WAIT_S
from agentgate_proto.faces.mcp.eras import LEGACY
from agentgate_proto.records.outcome import Status, ended, executed, unknown

TOKEN = {"progressToken": "t"}


def test_what_needs_no_gateway_is_answered_while_there_is_none() -> None:
    talk = Talk(tools=None)
    asked = talk.request("server/discover")
    assert "2026-07-28" in talk.answer(asked)["supportedVersions"]
    talk.begin()
    ping = talk.request("ping", modern=False)
    talk.say(id=5, method="odd/method")
    first, second = talk.heard()
    assert first == {"jsonrpc": "2.0", "id": ping, "result": {}}
    assert second["error"]["code"] == -32601
    assert talk.events() == []


@pytest.mark.parametrize("version", LEGACY)
def test_both_eras_are_spoken_message_by_message(version: str) -> None:
    talk = Talk()
    talk.begin(version)
    old = talk.request("tools/list", modern=False)
    assert "resultType" not in talk.answer(old)
    new = talk.request("tools/list")
    assert talk.answer(new)["resultType"] == "complete"


def test_a_call_is_asked_for_and_its_result_passed_on() -> None:
    talk = Talk()
    call = talk.call("light_set", on=True)
    asked = talk.asked()
    assert (asked.tool, bytes(asked.args), asked.key) == ("light.set", b'{"on":true}', "")
    assert asked.join_s > 0
    talk.settle(asked.number, executed(b'{"lit":true}'))
    assert talk.answer(call)["structuredContent"] == {"lit": True}
    talk.settle(asked.number)
    assert talk.heard() == []


def test_why_it_asks_goes_on_and_what_people_made_of_it_comes_back() -> None:
    talk = Talk()
    call = talk.call("light_set", on=True, meta={"agentgate/why": "it is dark"})
    asked = talk.asked()
    assert asked.why == "it is dark"
    end = executed(b'"lit"')
    talk.settle(asked.number, replace(end, word="not so bright", edited=msgspec.Raw(b'{"on":1}')))
    first, second = talk.answer(call)["content"]
    assert first["text"] == "lit"
    assert (
        'A person has changed the arguments before it ran; these were: {"on":1}' in second["text"]
    )
    assert "The person who was asked says: not so bright" in second["text"]


def test_a_call_that_was_not_taken_says_that_nothing_was_run() -> None:
    talk = Talk()
    call = talk.call("light_set")
    number = talk.asked().number
    refusal = Refusal(ErrorCode.LIMIT_EXCEEDED, "too many", 5.0)
    talk.bridge.settled(number, refusal, talk.now)
    assert "Nothing was run. Try again in 5 s." in talk.text(call)


def test_the_same_again_is_the_same_act_whatever_id_its_client_gives_it() -> None:
    talk = Talk()
    for name in ("toolu_1", "toolu_2"):
        talk.call("light_set", on=True, meta={"claudecode/toolUseId": name})
        asked = talk.asked()
        assert (asked.key, asked.join_s) == ("", 600.0)
    talk.call("light_set", idempotency_key="mine")
    asked = talk.asked()
    assert (asked.key, bytes(asked.args)) == ("mine", b"{}")


def test_progress_is_told_while_a_person_is_asked_and_while_the_gateway_is_away() -> None:
    talk = Talk()
    call = talk.call("light_set", meta=TOKEN)
    number = talk.asked().number
    talk.wait(BEAT_S)
    assert talk.told() == ["waiting for the result"]
    talk.bridge.waiting(number, 2_000_000_000.0, "lights", talk.now)
    (said,) = talk.told()
    assert (
        said == "waiting for a person to approve it, until 2033-05-18T03:33:20.000Z (rule: lights)"
    )
    talk.bridge.link_away("gone", talk.now)
    assert talk.told() == ["the gateway is away; waiting for it"]
    talk.bridge.link_away("still gone", talk.now)
    talk.wait(2 * BEAT_S)
    assert talk.told() == ["the gateway is away; waiting for it"] * 2
    talk.bridge.link_up()
    talk.wanted(ListTools)
    talk.settle(number)
    assert talk.answer(call)["isError"] is False
    talk.wait(10 * BEAT_S)
    assert talk.told() == []


def test_progress_increases_and_only_who_gave_a_token_hears_it() -> None:
    talk = Talk()
    talk.call("light_set")
    talk.call("light_set", meta=TOKEN)
    talk.wait(5 * BEAT_S)
    numbers = [each["params"]["progress"] for each in talk.heard()]
    assert len(numbers) == 5
    assert numbers == sorted(set(numbers))


def test_calls_that_come_before_the_gateway_wait_for_it() -> None:
    talk = Talk(tools=None)
    call = talk.call("light_set", meta=TOKEN)
    assert talk.events() == []
    talk.wait(BEAT_S)
    assert talk.told() == ["the gateway is away; waiting for it"]
    talk.up(TOOLS)
    talk.settle(talk.asked().number)
    assert talk.answer(call)["isError"] is False


def test_a_list_waits_for_the_gateway_and_not_for_ever() -> None:
    talk = Talk(tools=None)
    talk.begin()
    patient = talk.request("tools/list", modern=False)
    talk.bridge.link_away("nothing listens there", talk.now)
    talk.wait(LIST_WAIT_S)
    error = talk.answer(patient)
    assert "ws://gate can't be reached: nothing listens there" in error["message"]
    talk.up(TOOLS)
    (news,) = talk.heard()
    assert news == {"jsonrpc": "2.0", "method": "notifications/tools/list_changed", "params": {}}


def test_a_list_in_time_is_no_news() -> None:
    talk = Talk(tools=None)
    talk.begin()
    early = talk.request("tools/list", modern=False)
    talk.up(TOOLS)
    names = [each["name"] for each in talk.answer(early)["tools"]]
    assert names == ["gate_result", "light_get", "light_set"]


def test_the_list_is_looked_at_on_each_connection_and_each_minute() -> None:
    talk = Talk()
    talk.wait(POLL_S - 1)
    assert talk.events() == []
    talk.wait(1)
    talk.wanted(ListTools)
    talk.wait(POLL_S)
    assert talk.events() == [], "one look at a time"
    talk.bridge.link_away("cut", talk.now)
    assert talk.bridge.next_deadline() is None
    talk.bridge.link_up()
    talk.wanted(ListTools)


def test_changes_of_the_list_are_told_in_each_era_and_only_changes() -> None:
    talk = Talk()
    talk.begin()
    listen = talk.request("subscriptions/listen", notifications={"toolsListChanged": True})
    (acknowledged,) = talk.heard()
    assert acknowledged["params"]["notifications"] == {"toolsListChanged": True}
    talk.bridge.listed(list(TOOLS), talk.now)
    assert talk.heard() == []
    talk.bridge.listed([*TOOLS, tool("door.open")], talk.now)
    old, new = talk.heard()
    assert "_meta" not in old["params"]
    assert new["params"]["_meta"]["io.modelcontextprotocol/subscriptionId"] == listen
    talk.cancel(listen)
    talk.bridge.listed(TOOLS, talk.now)
    assert len(talk.heard()) == 1


def test_a_list_that_fails_is_asked_for_again_soon_if_there_is_none() -> None:
    talk = Talk(tools=None)
    talk.bridge.link_up()
    talk.wanted(ListTools)
    talk.bridge.listing_failed("busy", talk.now)
    talk.wait(RELIST_S)
    talk.wanted(ListTools)
    talk.bridge.listed(TOOLS, talk.now)
    talk.bridge.listing_failed("busy", talk.now)
    talk.wait(RELIST_S)
    assert talk.events() == []
    talk.bridge.link_away("cut", talk.now)
    talk.bridge.listing_failed("cut", talk.now)
    assert talk.bridge.next_deadline() is None


def test_a_gateway_that_refuses_us_is_told_at_once_with_what_to_do() -> None:
    talk = Talk(tools=None)
    early_list = talk.request("tools/list")
    early_call = talk.call("light_set")
    talk.bridge.link_refused("wrong token")
    first, second = talk.heard()
    assert first["id"] == early_list
    assert "wrong token" in first["error"]["message"]
    assert "mcp setup" in first["error"]["message"]
    assert second["id"] == early_call
    late_list = talk.request("tools/list")
    assert "wrong token" in talk.answer(late_list)["message"]
    late_call = talk.call("light_set")
    assert "Nothing was run" in talk.text(late_call)
    assert talk.events() == []


def test_a_gateway_that_refuses_us_later_leaves_the_list_as_it_was() -> None:
    talk = Talk()
    talk.call("light_set")
    number = talk.asked().number
    talk.bridge.link_refused("revoked")
    assert talk.heard() == [], "our client ends what was asked for"
    listed = talk.request("tools/list")
    assert "tools" in talk.answer(listed)
    talk.settle(number)
    assert len(talk.heard()) == 1


def test_an_unknown_tool_is_looked_for_in_a_newer_list_once() -> None:
    talk = Talk()
    early = talk.call("door_open")
    assert talk.answer(early)["code"] == -32602
    talk.wait(FRESH_S)
    call = talk.call("door_open")
    talk.wanted(ListTools)
    talk.bridge.listed([*TOOLS, tool("door.open")], talk.now)
    assert talk.asked().tool == "door.open"
    talk.wait(FRESH_S)
    odd = talk.call("odd")
    talk.wanted(ListTools)
    talk.bridge.listed(TOOLS, talk.now)
    assert "Unknown tool: odd" in talk.answer(odd)["message"]
    talk.bridge.link_away("cut", talk.now)
    talk.wait(FRESH_S)
    away = talk.call("odd")
    assert "Unknown tool: odd" in talk.answer(away)["message"]
    assert call != odd


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("light_set", {"idempotency_key": 5}),
        ("gate_result", {}),
        ("gate_result", {"request_id": 1}),
    ],
)
def test_arguments_that_can_not_be_meant_are_refused(name: str, arguments: dict[str, int]) -> None:
    talk = Talk()
    call = talk.call(name, **arguments)
    assert talk.answer(call)["code"] == -32602
    assert talk.events() == []


def test_two_calls_of_an_unknown_tool_cost_one_look() -> None:
    talk = Talk()
    for _ in range(2):
        talk.wait(FRESH_S)
        talk.call("odd")
    assert [type(event) for event in talk.events()] == [ListTools], "one look is enough for both"
    talk.bridge.listed(TOOLS, talk.now)
    assert len(talk.heard()) == 2


# Cancelling


def test_a_cancelled_call_is_withdrawn_and_not_answered() -> None:
    talk = Talk()
    call = talk.call("light_set")
    number = talk.asked().number
    talk.cancel(call)
    assert talk.wanted(WithdrawTool).number == number
    talk.settle(number)
    talk.bridge.waiting(number, 1.0, "", talk.now)
    talk.bridge.named(number, "r")
    assert talk.heard() == []


def test_to_cancel_what_is_answered_or_never_was_changes_nothing() -> None:
    talk = Talk()
    call = talk.call("light_set")
    talk.settle(talk.asked().number)
    talk.heard()
    for request_id in (call, 77, "x"):
        talk.cancel(request_id)
    assert (talk.events(), talk.heard()) == ([], [])


def test_a_call_that_waits_for_the_list_can_be_cancelled_and_so_can_a_list() -> None:
    talk = Talk(tools=None)
    talk.cancel(talk.call("light_set"))
    talk.cancel(talk.request("tools/list"))
    talk.up(TOOLS)
    assert (talk.events(), talk.heard()) == ([], [])


# Holds


def held(hold_s: float = 50.0) -> tuple[Talk, AskTool]:
    """A call for which a person is asked, and that was answered for now."""
    talk = Talk(hold_s)
    call = talk.call("light_set", on=True)
    asked = talk.asked()
    talk.bridge.waiting(asked.number, 2_000_000_000.0, "", talk.now)
    find = talk.wanted(FindRequest)
    assert (find.number, find.tool) == (asked.number, "light.set")
    talk.bridge.named(asked.number, "r1")
    talk.bridge.waiting(asked.number, 2_000_000_000.0, "", talk.now)
    assert talk.events() == [], "it has been found"
    talk.wait(hold_s)
    result = talk.answer(call)
    assert result["isError"]
    assert result["_meta"]["agentgate/request_id"] == "r1"
    assert result["_meta"]["agentgate/status"] == "pending"
    return talk, asked


def test_what_is_asked_for_again_after_a_hold_is_the_same_request() -> None:
    talk, asked = held()
    again = talk.call("light_set", on=True)
    assert talk.events() == []
    talk.settle(asked.number, executed(b"1"))
    assert talk.answer(again)["content"][0]["text"] == "1"
    fresh = talk.call("light_set", on=True)
    assert talk.asked().number != asked.number
    assert fresh != again


def test_what_has_ended_meanwhile_is_told_at_once() -> None:
    talk, asked = held()
    talk.settle(asked.number, executed(b"1"))
    assert talk.heard() == []
    again = talk.call("light_set", on=True)
    assert talk.answer(again)["content"][0]["text"] == "1"
    assert talk.events() == []


def test_its_outcome_is_had_by_its_id() -> None:
    talk, asked = held()
    look = talk.call("gate_result", request_id="r1")
    talk.settle(asked.number, executed(b"1"))
    assert talk.answer(look)["content"][0]["text"] == "1"


def test_a_look_can_be_given_up_without_withdrawing_anything() -> None:
    talk, asked = held()
    talk.cancel(talk.call("gate_result", request_id="r1"))
    assert talk.events() == []
    talk.settle(asked.number, executed(b"1"))
    assert talk.heard() == []
    look = talk.call("gate_result", request_id="r1")
    assert talk.answer(look)["content"][0]["text"] == "1"


@pytest.mark.parametrize(
    "end", [unknown("it died"), ended(Status.EXPIRED, ErrorCode.APPROVAL_EXPIRED)]
)
def test_what_ended_otherwise_is_asked_for_anew(end: object) -> None:
    talk, asked = held()
    talk.bridge.settled(asked.number, end, talk.now)  # type: ignore[arg-type]
    talk.call("light_set", on=True)
    assert talk.asked().number != asked.number


def test_an_outcome_is_no_answer_to_who_asks_much_later() -> None:
    talk, asked = held()
    talk.settle(asked.number)
    talk.wait(asked.join_s + 1)
    talk.events()
    talk.call("light_set", on=True)
    assert talk.asked().number != asked.number


def test_a_hold_ends_while_the_tool_runs() -> None:
    talk = Talk(hold_s=50.0)
    call = talk.call("light_set")
    number = talk.asked().number
    talk.wait(50.0)
    text = talk.text(call)
    assert "Still running" in text
    assert f"here-{number}" in text
    talk.bridge.waiting(number, 2_000_000_000.0, "", talk.now)
    assert (talk.heard(), talk.events()) == ([], []), "nobody waits for it"
    look = talk.call("gate_result", request_id=f"here-{number}")
    talk.settle(number)
    assert talk.answer(look)["isError"] is False


def test_a_hold_ends_while_the_gateway_is_away() -> None:
    talk = Talk(hold_s=50.0, tools=None)
    early = talk.call("light_set")
    talk.wait(50.0)
    assert "no answer yet. Call light_set again" in talk.text(early)
    talk.up(TOOLS)
    late = talk.call("light_set")
    talk.asked()
    talk.bridge.link_away("cut off", talk.now)
    talk.wait(50.0)
    assert "cut off. Call light_set again" in talk.text(late)


def test_a_hold_ends_while_a_request_is_looked_up() -> None:
    talk = Talk(hold_s=50.0)
    look = talk.call("gate_result", request_id="r9")
    talk.wanted(LookUp)
    talk.wait(50.0)
    assert "the gateway is slow" in talk.text(look)


# Requests of others


def look_up(talk: Talk) -> tuple[int, LookUp]:
    """Ask for the outcome of a request that is not known here."""
    look = talk.call("gate_result", request_id="r9")
    return look, talk.wanted(LookUp)


def row(**more: object) -> FoundRow:
    """What the gateway says of a request."""
    raw = msgspec.json.encode({"id": "r9", "tool": "light.set", "args": {"on": True}, **more})
    return msgspec.json.decode(raw, type=FoundRow)


def test_a_request_of_a_former_process_is_looked_up_and_told() -> None:
    talk = Talk()
    look, event = look_up(talk)
    assert event.rid == "r9"
    talk.bridge.found(event.number, row(status="executed", data=5), talk.now)
    assert talk.answer(look)["content"][0]["text"] == "5"
    assert talk.events() == []
    talk.bridge.found(event.number, row(), talk.now)
    assert (talk.heard(), talk.events()) == ([], [])


def test_a_list_that_comes_meanwhile_changes_nothing_about_a_look() -> None:
    talk = Talk()
    look, event = look_up(talk)
    talk.wait(FRESH_S)
    talk.bridge.listed(TOOLS, talk.now)
    assert (talk.events(), talk.heard()) == ([], [])
    talk.bridge.found(event.number, row(status="executed", data=5), talk.now)
    assert talk.answer(look)["content"][0]["text"] == "5"


def test_one_that_is_not_there_is_said_to_be_so() -> None:
    talk = Talk()
    look, event = look_up(talk)
    why = Refusal(ErrorCode.NOT_FOUND, "no such request")
    talk.bridge.not_found(event.number, why, talk.now)
    assert "no such request" in talk.text(look)
    talk.bridge.not_found(event.number, why, talk.now)
    assert talk.heard() == []


def test_a_request_for_a_tool_that_has_gone_is_told_under_its_own_name() -> None:
    talk = Talk(tools=None)
    look, event = look_up(talk)
    failed = {"status": "failed", "error": {"code": -32004, "message": "broken"}}
    talk.bridge.found(event.number, row(**failed), talk.now)
    assert "broken" in talk.text(look)


# Permission


PERMITS = [*TOOLS, tool("permit.Bash")]
LS = {"tool_name": "Bash", "input": {"command": "ls"}, "tool_use_id": "u1"}


def permission(talk: Talk, request_id: int) -> object:
    """What a client reads from the answer."""
    return msgspec.json.decode(talk.answer(request_id)["content"][0]["text"])


def test_a_client_may_ask_for_its_own_tools_where_the_gate_lets_it() -> None:
    talk = Talk(tools=PERMITS)
    names = [each["name"] for each in talk.answer(talk.request("tools/list"))["tools"]]
    assert names == ["gate_result", "light_get", "light_set", "permit"]
    call = talk.call("permit", **LS)
    asked = talk.asked()
    assert asked.tool == "permit.Bash"
    assert msgspec.json.decode(asked.args) == {"command": "ls", "use": "u1"}
    assert asked.join_s > 0
    allowed = {"behavior": "allow", "updatedInput": {"command": "ls"}}
    talk.settle(asked.number, executed(msgspec.json.encode(allowed)))
    assert permission(talk, call) == allowed


def test_where_it_does_not_there_is_no_such_tool() -> None:
    talk = Talk()
    call = talk.call("permit", **LS)
    assert "Unknown tool: permit" in talk.answer(call)["message"]


def test_without_an_id_of_the_use_nothing_is_joined() -> None:
    talk = Talk(tools=PERMITS)
    talk.call("permit", tool_name="Bash", input={"command": "ls"})
    assert talk.asked().join_s == 0.0


def test_what_can_not_be_asked_for_is_denied_in_the_clients_form() -> None:
    talk = Talk(tools=PERMITS)
    call = talk.call("permit", tool_name="Bash")
    answer = permission(talk, call)
    assert isinstance(answer, dict)
    assert answer["behavior"] == "deny"
    talk.bridge.link_refused("wrong token")
    call = talk.call("permit", **LS)
    assert "wrong token" in str(permission(talk, call))


def test_a_permission_that_takes_too_long_is_denied_and_not_wanted_any_more() -> None:
    talk = Talk(hold_s=50.0, tools=PERMITS)
    call = talk.call("permit", **LS)
    number = talk.asked().number
    talk.wait(50.0)
    assert "not answered yet" in str(permission(talk, call))
    assert talk.wanted(WithdrawTool).number == number
    talk.call("permit", **LS)
    assert talk.asked().number != number


# What is no request


def test_an_id_that_is_in_use_is_refused() -> None:
    talk = Talk()
    talk.say(id=7, method="tools/call", params={"name": "light_get"})
    talk.asked()
    talk.say(id=7, method="ping")
    (error,) = talk.heard()
    assert (error["id"], error["error"]["code"]) == (7, -32600)


def test_no_more_calls_are_held_than_there_is_room_for() -> None:
    talk = Talk()
    for _ in range(CALLS_MAX):
        talk.call("light_get")
    assert len(talk.events()) == CALLS_MAX
    call = talk.call("light_get")
    assert f"{CALLS_MAX} calls" in talk.text(call)


def test_batches_belong_to_one_revision() -> None:
    talk = Talk()
    batch = b'[{"jsonrpc":"2.0","id":1,"method":"ping"},{"jsonrpc":"2.0","id":2,"method":"ping"}]\n'
    talk.bridge.receive_data(batch, talk.now)
    (error,) = talk.heard()
    assert error["error"]["code"] == -32600
    talk.begin("2025-03-26")
    talk.bridge.receive_data(batch, talk.now)
    assert [each["id"] for each in talk.heard()] == [1, 2]


def test_junk_is_skipped_and_odd_messages_are_answered() -> None:
    talk = Talk()
    talk.bridge.receive_data(b"hello\n\n{\n{}\n", talk.now)
    (error,) = talk.heard()
    assert "id" not in error
    assert error["error"]["code"] == -32600
    talk.say(id=9, result={})
    talk.say(method="notifications/roots/list_changed")
    talk.say(method="notifications/initialized")
    assert talk.heard() == []


def test_the_end_of_the_pipe_leaves_what_was_asked_for() -> None:
    talk = Talk()
    talk.call("light_set")
    talk.asked()
    talk.bridge.receive_data(b'{"jsonrpc":"2.0","id":"last","method":"server/discover"', talk.now)
    talk.bridge.receive_eof(talk.now)
    assert isinstance(talk.wanted(Ended), Ended)


def test_a_last_line_without_an_end_counts() -> None:
    talk = Talk()
    talk.bridge.receive_data(b'{"jsonrpc":"2.0","id":"last","method":"ping"}', talk.now)
    talk.bridge.receive_eof(talk.now)
    assert talk.answer("last") == {}
