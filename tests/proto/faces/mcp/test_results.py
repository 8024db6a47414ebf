"""What a call came to."""

import json
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from agentgate_proto.errors import ErrorCode
from agentgate_proto.faces.mcp.results import (
    is_result,
    outcome_result,
    pending_result,
    refused_result,
    running_result,
    text_result,
)
from agentgate_proto.faces.mcp.server_errors import kept
from agentgate_proto.records.outcome import Outcome, Status, ended, executed, failed, unknown
from agentgate_proto.records.request import Effects
from agentgate_proto.rpc.results import Expectation, ToolForm, ToolRow

MODERN, LEGACY, OLDEST = "2026-07-28", "2025-11-25", "2025-03-26"
ENDED_AT = 1_796_000_000.0
MCP = (
    b'{ "content" : [{"type":"hologram","x":1.50}],\n "structuredContent":{"a":1}, "extra":[2],'
    b'"_meta":{"their/key":1}}'
)


def row(form: ToolForm = "", returns: dict[str, Any] | None = None) -> ToolRow:
    return ToolRow(
        name="light.set",
        description="",
        effects=Effects.WRITE,
        args={},
        decision=Expectation.ASK,
        form=form,
        returns=returns or {},
    )


def told(
    outcome: Outcome, of: ToolRow | None, version: str = LEGACY, **more: Any
) -> dict[str, Any]:
    text = outcome_result(outcome, tool="light_set", row=of, version=version, **more)
    found: dict[str, Any] = json.loads(text)
    return found


def words(result: dict[str, Any]) -> str:
    """Of a result that is an error, as every one of them must be."""
    assert result["isError"] is True
    assert "structuredContent" not in result
    (block,) = result["content"]
    assert block["type"] == "text"
    text: str = block["text"]
    return text


# What a tool returned


@pytest.mark.parametrize("version", [MODERN, LEGACY, OLDEST])
def test_a_text_is_shown_as_it_is(version: str) -> None:
    result = told(executed(b'"on \\u00e9"'), row(), version)
    assert result["content"] == [{"type": "text", "text": "on é"}]
    assert result["isError"] is False
    assert "structuredContent" not in result
    assert result.get("resultType") == ("complete" if version == MODERN else None)


@pytest.mark.parametrize(("version", "shown"), [(MODERN, True), (LEGACY, True), (OLDEST, False)])
def test_an_object_is_shown_as_text_and_as_what_it_is(version: str, shown: bool) -> None:
    result = told(executed(b'{"state":"on"}'), row(), version)
    assert result["content"] == [{"type": "text", "text": '{"state":"on"}'}]
    assert ("structuredContent" in result) == shown
    assert not shown or result["structuredContent"] == {"state": "on"}


@pytest.mark.parametrize(
    ("version", "returns", "shown"),
    [
        (MODERN, {"type": "array"}, True),
        (MODERN, {}, False),
        (LEGACY, {"type": "array"}, False),
    ],
)
def test_other_json_has_a_structure_where_the_client_was_told_of_one(
    version: str, returns: dict[str, Any], shown: bool
) -> None:
    result = told(executed(b"[1,2]"), row(returns=returns), version)
    assert result["content"] == [{"type": "text", "text": "[1,2]"}]
    assert ("structuredContent" in result) == shown


def test_an_empty_text_is_a_text() -> None:
    assert told(executed(b'""'), row())["content"] == [{"type": "text", "text": ""}]


# What a server behind the gate returned


def test_its_bytes_go_out_as_they_are() -> None:
    outcome = executed(MCP)
    assert outcome_result(outcome, tool="t", row=row("mcp"), version=LEGACY, rid="r") == MCP


def test_a_modern_client_gets_the_type_before_all_else() -> None:
    got = outcome_result(executed(MCP), tool="t", row=row("mcp"), version=MODERN)
    assert got == b'{"resultType":"complete",' + MCP[1:]
    assert told(executed(b"{ }"), row("mcp"), MODERN) == {"resultType": "complete"}
    whole = b'{"content":[],"resultType":"complete"}'
    assert outcome_result(executed(whole), tool="t", row=row("mcp"), version=MODERN) == whole


@pytest.mark.parametrize("kind", [b'"input_required"', b'"task"', b"7", b"null"])
def test_it_is_complete_whatever_its_server_said(kind: bytes) -> None:
    data = b'{"resultType":' + kind + b',"content":[],"structuredContent":{"a":1}}'
    common = {"content": [], "structuredContent": {"a": 1}}
    assert told(executed(data), row("mcp"), MODERN) == common | {"resultType": "complete"}
    assert told(executed(data), row("mcp"), LEGACY) == common


def test_a_structure_that_old_clients_refuse_is_left_out_for_them() -> None:
    data = b'{"content":[],"structuredContent":[1],"extra":1}'
    assert told(executed(data), row("mcp"), LEGACY) == {"content": [], "extra": 1}
    assert told(executed(data), row("mcp"), MODERN)["structuredContent"] == [1]


def test_its_failure_goes_out_whole() -> None:
    data = b'{"content":[{"type":"text","text":"boom"}],"isError":true,"structuredContent":{}}'
    outcome = failed("boom", data)
    assert outcome_result(outcome, tool="t", row=row("mcp"), version=LEGACY, rid="r") == data
    assert outcome_result(outcome, tool="t", row=None, version=LEGACY) == data


def test_a_tool_that_has_gone_is_known_by_what_it_returned() -> None:
    data = b'{"content":[{"type":"text","text":"x"}]}'
    assert outcome_result(executed(data), tool="t", row=None, version=LEGACY) == data
    assert told(executed(b'{"content":"x"}'), None)["structuredContent"] == {"content": "x"}


@pytest.mark.parametrize("data", [b"[1]", b'"text"', b"null"])
def test_what_is_no_result_at_all_is_shown_like_any_json(data: bytes) -> None:
    result = told(executed(data), row("mcp"))
    assert [each["type"] for each in result["content"]] == ["text"]


@pytest.mark.parametrize(
    ("data", "yes"),
    [
        (b'{"content":[]}', True),
        (MCP, True),
        (b'{"content":[1]}', False),
        (b'{"content":[{"text":"x"}]}', False),
        (b"{}", False),
        (b"[]", False),
    ],
)
def test_how_a_result_is_known(data: bytes, yes: bool) -> None:
    assert is_result(data) is yes


# Joined: the outcome of an earlier call


@pytest.mark.parametrize("version", [MODERN, LEGACY])
@pytest.mark.parametrize(
    "data", [b'{"content":[{"type":"text","text":"done"}],"_meta":{"k":1}}', b'"done"']
)
def test_an_earlier_outcome_says_that_it_is_one(data: bytes, version: str) -> None:
    form: ToolForm = "mcp" if data[:1] == b"{" else ""
    result = told(executed(data), row(form), version, rid="r1", joined_at=ENDED_AT)
    first, second = result["content"]
    assert first["text"] == "done"
    assert "Nothing was run again" in second["text"]
    assert "2026-11-30T" in second["text"]
    assert "idempotency_key" in second["text"]
    assert result["_meta"]["agentgate/joined"] is True
    assert result["_meta"]["agentgate/request_id"] == "r1"
    assert result["_meta"].get("k") == (1 if form else None)
    assert result.get("resultType") == ("complete" if version == MODERN else None)


def test_an_earlier_outcome_without_content_says_so_too() -> None:
    result = told(executed(b'{"_meta":7}'), row("mcp"), joined_at=ENDED_AT)
    assert [each["type"] for each in result["content"]] == ["text"]
    assert result["_meta"] == {"agentgate/joined": True}


def test_an_earlier_refusal_is_one_text() -> None:
    denied = ended(Status.DENIED, ErrorCode.DENIED_BY_PERSON)
    result = told(denied, row(), rid="r1", joined_at=ENDED_AT)
    assert "Nothing was run again" in words(result)
    assert result["_meta"]["agentgate/joined"] is True


# Whatever else happened


@pytest.mark.parametrize(
    ("outcome", "said", "advice"),
    [
        (
            ended(Status.DENIED, ErrorCode.DENIED_BY_POLICY, "no lights at night"),
            "Denied by policy: no lights at night. ",
            "Nothing was run",
        ),
        (ended(Status.DENIED, ErrorCode.DENIED_BY_PERSON), "Denied by user. ", "ask the user"),
        (
            ended(Status.EXPIRED, ErrorCode.APPROVAL_EXPIRED),
            "Approval timed out. ",
            "call light_set again",
        ),
        (unknown("the gateway died"), "Outcome unknown: the gateway died. ", "Look first"),
        (ended(Status.CANCELLED, ErrorCode.CANCELLED), "Cancelled. ", "nothing was run"),
    ],
)
@pytest.mark.parametrize("version", [MODERN, LEGACY])
@pytest.mark.parametrize("form", ["", "mcp"])
def test_what_did_not_go_well_says_what_can_be_done(
    outcome: Outcome, said: str, advice: str, version: str, form: ToolForm
) -> None:
    result = told(outcome, row(form, {"type": "object"}), version, rid="r1")
    text = words(result)
    assert text.startswith(said)
    assert advice in text
    assert result["_meta"] == {
        "agentgate/request_id": "r1",
        "agentgate/status": outcome.status.value,
    }


def test_a_tool_that_failed_speaks_for_itself() -> None:
    assert words(told(failed("no such light"), row())) == "no such light"
    assert words(told(failed("no such light"), row("mcp"))) == "no such light"
    assert words(told(failed("no such light", b'{"x":1}'), row())) == "no such light"


@pytest.mark.parametrize("version", [MODERN, LEGACY])
def test_a_pending_call_names_its_id_and_both_ways_to_wait(version: str) -> None:
    text = pending_result(
        tool="light_set",
        rid="r1",
        expires_at=ENDED_AT,
        version=version,
        asked="on Telegram",
        gone_s=50.4,
    )
    result = json.loads(text)
    said = words(result)
    for part in ("Not run yet", "on Telegram", "in 50 s", "light_set again", "never runs it twice"):
        assert part in said
    assert 'gate_result with {"request_id": "r1"}' in said
    assert result["_meta"]["agentgate/request_id"] == "r1"
    assert result["_meta"]["agentgate/status"] == "pending"
    assert result["_meta"]["agentgate/expires_at"] in said
    short = pending_result(tool="t", rid="r1", expires_at=ENDED_AT, version=version)
    assert "A person was asked and has not answered;" in words(json.loads(short))


def test_a_running_call_names_its_id() -> None:
    result = json.loads(running_result(tool="light_set", rid="r1", version=LEGACY, gone_s=50.0))
    assert "Still running for 50 s:" in words(result)
    assert result["_meta"] == {"agentgate/request_id": "r1", "agentgate/status": "running"}
    plain = json.loads(running_result(tool="light_set", rid="r1", version=LEGACY))
    assert words(plain).startswith("Still running: ")


@pytest.mark.parametrize(
    ("code", "retry_after_s", "said"),
    [
        (ErrorCode.LIMIT_EXCEEDED, 0.2, "Too many. Nothing was run. Try again in 1 s."),
        (ErrorCode.NOT_FOUND, None, "Too many. Nothing was run. The id is wrong, or"),
        (ErrorCode.INTERNAL_ERROR, None, "Too many. Nothing was run."),
    ],
)
def test_a_refused_call_says_when_to_come_again(
    code: ErrorCode, retry_after_s: float | None, said: str
) -> None:
    result = json.loads(refused_result(code, "Too many", LEGACY, retry_after_s=retry_after_s))
    assert words(result).startswith(said)
    assert result["_meta"].get("agentgate/retry_after_s") == retry_after_s


def test_a_text_can_be_a_result() -> None:
    assert json.loads(text_result("x", MODERN)) == {
        "resultType": "complete",
        "content": [{"type": "text", "text": "x"}],
        "isError": False,
    }


def test_an_error_of_a_server_is_words_for_a_model() -> None:
    outcome = failed("not today", kept(-32000, "not today"))
    assert words(told(outcome, row("mcp"))) == "not today"
    assert words(told(outcome, None)) == "not today"


# What people have made of it


def test_a_model_is_told_what_a_person_has_changed_and_said() -> None:
    outcome = replace(executed(b"21"), word="not so bright", edited=msgspec.Raw(b'{"level":3}'))
    texts = " ".join(block["text"] for block in told(outcome, row())["content"])
    assert 'A person has changed the arguments before it ran; these were: {"level":3}.' in texts
    assert "The person who was asked says: not so bright" in texts


def test_what_a_person_says_with_their_no_is_told_once() -> None:
    denied = replace(
        ended(Status.DENIED, ErrorCode.DENIED_BY_PERSON, "no: too late"), word="too late"
    )
    assert words(told(denied, row())).count("too late") == 1
