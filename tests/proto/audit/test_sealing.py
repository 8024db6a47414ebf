"""Seals: who has the key can tell what was hidden, and nobody else can find out by trying."""

from __future__ import annotations

from hashlib import sha256
from hmac import digest as hmac_digest

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentgate_proto.audit.sealing import KEY_BYTES, SEALED, Seal
from agentgate_proto.digest import digest_of

KEY = bytes(range(KEY_BYTES))
SEAL = Seal(KEY)


def test_a_seal_is_the_hmac_of_kind_request_place_and_value_each_behind_its_length() -> None:
    message = b'5:value2:r15:/code6:"4711"'
    assert SEAL.of_value("r1", "/code", b'"4711"') == hmac_digest(KEY, message, "sha256").hex()
    message = b"7:request2:r14:abcd"
    assert SEAL.of_request("r1", "abcd") == SEALED + hmac_digest(KEY, message, "sha256").hex()


TEXTS = st.text(max_size=8)


@given(st.tuples(TEXTS, TEXTS, st.binary(max_size=8)), st.tuples(TEXTS, TEXTS, st.binary()))
def test_seals_are_equal_only_if_request_place_and_value_are(
    one: tuple[str, str, bytes], other: tuple[str, str, bytes]
) -> None:
    assert (SEAL.of_value(*one) == SEAL.of_value(*other)) is (one == other)
    assert SEAL.of_value(*one) == SEAL.of_value(*one)


def test_without_the_key_no_guess_can_be_compared() -> None:
    sealed = SEAL.of_value("r1", "/pin", b'"4711"')
    assert Seal(bytes(KEY_BYTES)).of_value("r1", "/pin", b'"4711"') != sealed
    assert sha256(b'"4711"').hexdigest() != sealed


@pytest.mark.parametrize("sealed", [True, False])
def test_a_digest_sealed_or_plain_tells_the_exact_request(sealed: bool) -> None:
    args = b'{"pin":"4711"}'
    plain = digest_of("unlock", args)
    kept = SEAL.of_request("r1", plain) if sealed else plain
    assert SEAL.is_request("r1", kept, "unlock", args)
    assert not SEAL.is_request("r1", kept, "unlock", b'{"pin":"4712"}')
    assert not SEAL.is_request("r1", kept, "lock", args)
    assert SEAL.is_request("r2", kept, "unlock", args) is not sealed


def test_a_key_of_another_length_is_our_own_mistake() -> None:
    with pytest.raises(AssertionError, match="32 bytes"):
        Seal(b"short")
