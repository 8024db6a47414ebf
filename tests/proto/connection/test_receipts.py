"""Which outcomes the peer has for certain, against a plain reference model."""

from __future__ import annotations

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from tests.chance import examples

from agentgate_proto.connection import receipts as receipts_module
from agentgate_proto.connection.receipts import Receipts


def test_an_acknowledgement_covers_everything_up_to_its_number() -> None:
    receipts = Receipts()
    assert receipts.sent(["a"]) == 1
    assert receipts.sent(["b", "c"]) == 2
    assert receipts.sent(["d"]) == 3
    assert receipts.acked(2) == ("a", "b", "c")
    assert receipts.acked(2) == ()
    assert receipts.acked(3) == ("d",)


@pytest.mark.parametrize("seq", [2, 10**100, 0, -1])
def test_a_number_that_was_not_sent_proves_nothing(seq: int) -> None:
    receipts = Receipts()
    receipts.sent(["a"])
    assert receipts.acked(seq) == ()
    assert receipts.acked(1) == ("a",)


def test_a_message_without_outcomes_has_a_number_and_needs_no_ping() -> None:
    receipts = Receipts()
    assert receipts.sent([]) == 1
    assert receipts.ping_due() is None
    assert receipts.acked(1) == ()


def test_a_ping_follows_what_was_sent_and_its_pong_is_the_receipt() -> None:
    receipts = Receipts()
    receipts.sent(["a"])
    receipts.sent(["b"])
    assert receipts.ping_due() == b"seq:2"
    receipts.sent(["c"])
    assert receipts.ponged(b"seq:2") == ("a", "b")
    assert receipts.ping_due() == b"seq:3"
    assert receipts.ponged(b"seq:3") == ("c",)
    assert receipts.ping_due() is None


def test_one_ping_is_out_at_a_time() -> None:
    receipts = Receipts()
    receipts.sent(["a"])
    assert receipts.ping_due() is not None
    receipts.sent(["b"])
    assert receipts.ping_due() is None


@pytest.mark.parametrize("payload", [b"", b"seq:", b"seq:2", b"seq:01", b"seq:0", b"alive:1"])
def test_a_pong_that_answers_no_ping_of_ours_proves_nothing(payload: bytes) -> None:
    receipts = Receipts()
    assert receipts.ponged(payload) == ()
    receipts.sent(["a"])
    assert receipts.ponged(b"seq:1") == ()
    receipts.ping_due()
    assert receipts.ponged(payload) == ()
    assert receipts.ponged(b"seq:1") == ("a",)
    assert receipts.ponged(b"seq:1") == ()


def test_what_was_acknowledged_needs_no_ping() -> None:
    receipts = Receipts()
    receipts.sent(["a"])
    assert receipts.acked(1) == ("a",)
    assert receipts.ping_due() is None


def test_an_outcome_that_is_sent_again_is_proven_by_either_number_and_once() -> None:
    receipts = Receipts()
    receipts.sent(["a"])
    receipts.sent(["b", "a"])
    assert receipts.acked(1) == ("a",)
    assert receipts.acked(2) == ("b",)


def test_asking_for_the_same_outcomes_again_and_again_takes_no_room(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(receipts_module, "UNACKED_MAX", 2)
    receipts = Receipts()
    for _ in range(100):
        receipts.sent(["a", "b"])
    assert receipts.acked(100) == ("a", "b")


def test_beyond_the_cap_the_oldest_are_forgotten_and_count_as_not_delivered(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(receipts_module, "UNACKED_MAX", 2)
    receipts = Receipts()
    for rid in "abcd":
        receipts.sent([rid])
    assert receipts.acked(4) == ("c", "d")


class ReceiptsAgainstALog(RuleBasedStateMachine):
    """The model: a log of what the wire carried, and a peer that has a prefix of it."""

    def __init__(self) -> None:
        super().__init__()
        self.receipts = Receipts()
        self.first_sent: dict[str, int] = {}
        self.sent_count = 0
        self.confirmed: set[str] = set()
        self.pings: list[bytes] = []

    @rule(names=st.lists(st.integers(0, 30), max_size=4))
    def the_gateway_sends(self, names: list[int]) -> None:
        rids = [str(name) for name in names if str(name) not in self.confirmed]
        self.sent_count += 1
        assert self.receipts.sent(rids) == self.sent_count
        for rid in rids:
            self.first_sent.setdefault(rid, self.sent_count)

    @rule()
    def the_gateway_flushes(self) -> None:
        payload = self.receipts.ping_due()
        if payload is not None:
            assert not self.pings
            self.pings.append(payload)
        elif not self.pings:
            assert self.waiting() == set()

    @rule()
    def the_peer_pongs(self) -> None:
        if self.pings:
            payload = self.pings.pop()
            self.check(self.receipts.ponged(payload), int(payload.removeprefix(b"seq:")))

    @rule(seq=st.integers(-1, 40))
    def the_peer_acknowledges(self, seq: int) -> None:
        self.check(self.receipts.acked(seq), seq if seq <= self.sent_count else 0)

    def waiting(self) -> set[str]:
        return set(self.first_sent) - self.confirmed

    def check(self, rids: tuple[str, ...], seq: int) -> None:
        assert set(rids) == {rid for rid in self.waiting() if self.first_sent[rid] <= seq}
        assert len(set(rids)) == len(rids)
        assert [self.first_sent[rid] for rid in rids] == sorted(
            self.first_sent[rid] for rid in rids
        )
        self.confirmed |= set(rids)

    @invariant()
    def numbers_count_the_messages(self) -> None:
        assert self.receipts.last_seq == self.sent_count


ReceiptsAgainstALog.TestCase.settings = settings(max_examples=examples(80), stateful_step_count=30)
TestReceiptsAgainstALog = ReceiptsAgainstALog.TestCase
