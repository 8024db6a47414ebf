"""What is signed with a passkey: one answer to one approval, and nothing else."""

from __future__ import annotations

import pytest
from msgspec.structs import replace
from tests.proto.passkeys import NONCE, proof

from agentgate_proto.records.grant import GrantTerms
from agentgate_proto.records.passkey import (
    CHALLENGE_BYTES,
    challenge_of,
    from_base64url,
    to_base64url,
)

TERMS = GrantTerms(minutes=5)


def test_what_was_signed_is_good_for_that_very_answer() -> None:
    assert proof("r1", "d1").is_for("r1", "d1", approve=True)
    assert proof("r1", "d1", approve=False).is_for("r1", "d1", approve=False)
    assert proof("r1", "d1", grant=TERMS).is_for("r1", "d1", approve=True, grant=TERMS)


@pytest.mark.parametrize(
    ("rid", "digest", "approve", "grant"),
    [
        ("r2", "d1", True, None),
        ("r1", "d2", True, None),
        ("r1", "d1", False, None),
        ("r1", "d1", True, TERMS),
    ],
)
def test_it_is_good_for_no_other(
    rid: str, digest: str, approve: bool, grant: GrantTerms | None
) -> None:
    assert not proof("r1", "d1").is_for(rid, digest, approve=approve, grant=grant)


def test_other_terms_of_a_grant_are_another_answer() -> None:
    more = GrantTerms(minutes=5, any_args=("entity_id",))
    assert not proof("r1", "d1", grant=TERMS).is_for("r1", "d1", approve=True, grant=more)


def test_the_nonce_is_part_of_what_is_signed() -> None:
    signed = proof("r1", "d1")
    other = replace(signed, nonce=to_base64url(NONCE[::-1]))
    assert not other.is_for("r1", "d1", approve=True)
    assert not replace(signed, nonce="no base64!").is_for("r1", "d1", approve=True)


def test_a_challenge_is_of_one_length_and_always_the_same() -> None:
    challenge = challenge_of("r1", "d1", approve=True, grant=None, nonce=b"n")
    assert len(challenge) == CHALLENGE_BYTES
    assert to_base64url(challenge) == "6ulTN6SYO-PXkVEwiqM5XhzxSJ8RUw94Wm5gjZ2f194"


@pytest.mark.parametrize("data", [b"", b"a", b"ab", b"abc", bytes(range(256))])
def test_base64url_there_and_back(data: bytes) -> None:
    assert from_base64url(to_base64url(data)) == data


@pytest.mark.parametrize("text", ["a", "YQ==", "Y Q", "+/8", "\u00e9", "YR", "YQ\n"])
def test_what_is_written_otherwise_is_none(text: str) -> None:
    with pytest.raises(ValueError, match="base64url"):
        from_base64url(text)
