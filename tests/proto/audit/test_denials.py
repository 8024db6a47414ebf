"""Denials that are told together: how many, and which were the first and the last."""

from __future__ import annotations

import msgspec

from agentgate_proto.audit.denials import LAST, SUMS, entry_of, sealed
from agentgate_proto.audit.sealing import KEY_BYTES, Seal
from agentgate_proto.digest import digest_of
from agentgate_proto.quotas.denials import Kind, Untold

UNTOLD = Untold(
    principal="evil", rid="r1", tool="t", digest=digest_of("t", b'{"n":1}'), last="d9", count=57,
    since=0.0, dropped=40,
)  # fmt: skip


def test_an_entry_says_whose_how_many_and_which() -> None:
    assert msgspec.to_builtins(entry_of(UNTOLD)) == {
        "event": "requests.denied",
        "rid": "r1",
        "agent": "evil",
        "tool": "t",
        "digest": UNTOLD.digest,
        "masked": {"last": "d9"},
        "decision": "deny",
        "status": "denied",
        "code": -32003,
        "count": 57,
        "detail": "beyond what has entries of its own; 40 of them are not kept",
    }


def test_of_reads_it_says_how_many_and_nothing_of_how_they_ended() -> None:
    read = Untold(
        principal="eager",
        kind=Kind.READ,
        rid="r1",
        tool="t",
        digest="d1",
        since=0.0,
        last="d9",
        count=57,
    )
    entry = entry_of(read)
    assert entry.event in SUMS
    assert msgspec.to_builtins(entry) == {
        "event": "requests.read",
        "rid": "r1",
        "agent": "eager",
        "tool": "t",
        "digest": "d1",
        "masked": {"last": "d9"},
        "count": 57,
        "detail": "beyond what has entries of its own",
    }


def test_its_digests_are_keyed_for_nobody_knows_what_secrets_they_are_of() -> None:
    seal = Seal(b"k" * KEY_BYTES)
    entry = sealed(entry_of(UNTOLD), seal)
    assert entry.masked == {LAST: seal.of_request("r1", "d9")}
    assert seal.is_request("r1", entry.digest, "t", b'{"n":1}')
    assert not seal.is_request("r1", entry.digest, "t", b'{"n":2}')
    assert UNTOLD.digest not in entry.digest
