"""The record of one request."""

import msgspec
import pytest

from agentgate_proto.records.outcome import executed
from agentgate_proto.records.request import Effects, Phase, Record, rfc3339


def record(**changes: object) -> Record:
    base = Record(
        rid="r1",
        principal="bot",
        client_id="c1",
        request_id=1,
        tool="lamp",
        args=msgspec.Raw(b'{"on":true}'),
        signature="lamp(true)",
        digest="d",
        effects=Effects.WRITE,
        phase=Phase.WAITING,
        created_at=100.0,
    )
    return msgspec.structs.replace(base, **changes)


def test_a_fresh_record_is_undecided_unresolved_and_undelivered() -> None:
    fresh = record()
    assert (fresh.outcome, fresh.resolved_at, fresh.delivered) == (None, 0.0, False)
    assert (fresh.approver, fresh.channel, fresh.decided_at) == ("", "", 0.0)
    assert (fresh.expires_at, fresh.idempotency_key, fresh.rule, fresh.warning) == (0.0, "", "", "")


def test_a_record_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):
        record().phase = Phase.DONE


@pytest.mark.parametrize("request_id", [1, "1", 2**63 - 1, -(2**63)])
def test_a_record_comes_back_from_storage_as_it_was(request_id: int | str) -> None:
    kept = record(
        request_id=request_id,
        phase=Phase.DONE,
        outcome=executed(b'{"ok":true}'),
        resolved_at=101.5,
        delivered=True,
    )
    back = msgspec.json.decode(msgspec.json.encode(kept), type=Record)
    assert back == kept
    assert type(back.request_id) is type(request_id)
    assert bytes(back.args) == b'{"on":true}'


def test_the_phases_stand_in_the_order_of_a_life() -> None:
    assert [phase.value for phase in Phase] == [
        "received",
        "waiting",
        "approved",
        "running",
        "done",
    ]


def test_a_tool_reads_or_writes() -> None:
    assert {effects.value for effects in Effects} == {"read", "write"}


@pytest.mark.parametrize(
    ("at", "text"),
    [
        (0.0, "1970-01-01T00:00:00.000Z"),
        (1_795_168_800.0, "2026-11-20T10:00:00.000Z"),
        (1_795_168_800.25, "2026-11-20T10:00:00.250Z"),
        (1_709_164_799.999, "2024-02-28T23:59:59.999Z"),
    ],
)
def test_times_are_written_in_utc_to_the_millisecond(at: float, text: str) -> None:
    assert rfc3339(at) == text
