"""Live requests: what may be seen of them, and whether their tool was started."""

from msgspec.structs import replace
from tests.proto.ledger_records import record

from agentgate_proto.errors import ErrorCode
from agentgate_proto.ledger.live import Live
from agentgate_proto.records.outcome import Status, ended
from agentgate_proto.records.request import Effects, Phase, Record

RECEIVED = record()
WAITING = record(phase=Phase.WAITING, expires_at=1_800_000_900.0)
APPROVED = replace(WAITING, phase=Phase.APPROVED, decided_at=1_800_000_001.0)
EXPIRED = replace(
    WAITING, phase=Phase.DONE, outcome=ended(Status.EXPIRED, ErrorCode.APPROVAL_EXPIRED)
)


def live(now: Record, stored: Record | None = None) -> Live:
    """A request that is so in memory and so on disk."""
    made = Live(now)
    made.stored = stored
    return made


def test_whoever_made_the_request_is_its_first_caller() -> None:
    named = Live(record(client_id="c1", request_id=7)).callers
    old = Live(record(client_id="", request_id=8), link=3).callers
    assert [(a.client_id, a.link, a.request_id, a.told) for a in named] == [("c1", 0, 7, False)]
    assert [(a.client_id, a.link, a.request_id, a.told) for a in old] == [("", 3, 8, False)]


def test_an_approval_shows_what_is_durable_only() -> None:
    assert live(RECEIVED).approval is None
    assert live(WAITING).approval is None
    assert live(WAITING, WAITING).approval is WAITING
    assert live(APPROVED, WAITING).approval is WAITING
    assert live(APPROVED, APPROVED).approval is APPROVED


def test_what_nobody_was_asked_about_is_no_approval() -> None:
    running = record(phase=Phase.RUNNING)
    assert live(running, running).approval is None


def test_it_settles_from_the_decision_until_that_is_durable() -> None:
    assert not live(RECEIVED).settling
    assert not live(WAITING).settling
    assert not live(WAITING, WAITING).settling
    assert live(APPROVED, WAITING).settling
    assert live(EXPIRED, WAITING).settling
    assert not live(APPROVED, APPROVED).settling
    assert not live(EXPIRED, EXPIRED).settling


def test_it_settles_too_while_the_question_itself_is_not_durable() -> None:
    assert live(EXPIRED).settling


def test_what_policy_ended_never_settles() -> None:
    denied = record(phase=Phase.DONE, outcome=ended(Status.DENIED, ErrorCode.DENIED_BY_POLICY))
    assert not live(denied).settling


def test_a_write_tool_is_started_once_the_intention_is_durable() -> None:
    running = record(phase=Phase.RUNNING)
    assert not live(running).started
    assert not live(running, APPROVED).started
    assert live(running, running).started
    assert not live(APPROVED, APPROVED).started


def test_a_read_tool_is_started_at_once() -> None:
    assert live(record(phase=Phase.RUNNING, effects=Effects.READ)).started
    assert not live(record(effects=Effects.READ)).started
