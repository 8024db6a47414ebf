"""What an authenticator brings is looked at as WebAuthn has it, and each fault is refused."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import pytest
from msgspec.structs import replace
from tests.server.identity.authenticator import PRESENT, VERIFIED, Authenticator, b64, unb64

from agentgate_proto.records.passkey import PasskeyAssertion
from agentgate_server.identity import webauthn
from agentgate_server.identity.webauthn import RelyingParty, WrongPasskey, challenge_in, rp_id_of

ORIGIN = "http://localhost:8080"
PARTY = RelyingParty("localhost", {ORIGIN})
CHALLENGE = bytes(range(32))


def registered(it: Authenticator) -> webauthn.Registered:
    return PARTY.registered(CHALLENGE, **it.make(PARTY.creation_options("ann", CHALLENGE, [])))


def test_a_passkey_is_made_and_signs() -> None:
    it = Authenticator(ORIGIN)
    made = registered(it)
    assert (made.credential, made.count, made.is_synced) == (b64(it.credential), 0, False)
    signed = PARTY.signed(CHALLENGE, made.public_key, it.sign(b64(CHALLENGE)))
    assert (signed.challenge, signed.count) == (CHALLENGE, 0)


def test_a_browser_is_told_to_verify_the_person_and_says_nothing_of_them() -> None:
    options = PARTY.creation_options("ann", CHALLENGE, ["b2xk"])
    assert options["authenticatorSelection"]["userVerification"] == "required"
    assert options["excludeCredentials"] == [{"type": "public-key", "id": "b2xk"}]
    assert (options["attestation"], len(unb64(options["user"]["id"]))) == ("none", 32)
    assert PARTY.request_options(CHALLENGE)["userVerification"] == "required"


def other_origin(it: Authenticator) -> None:
    it.origin = "http://localhost:8081"


def other_host(it: Authenticator) -> None:
    it.rp_id = "localhost.evil.example"


def nobody_verified(it: Authenticator) -> None:
    it.flags = PRESENT


def nobody_present(it: Authenticator) -> None:
    it.flags = VERIFIED


FAULTS = [other_origin, other_host, nobody_verified, nobody_present]


@pytest.mark.parametrize("fault", FAULTS)
def test_what_is_not_as_it_must_be_makes_no_passkey_and_signs_nothing(
    fault: Callable[[Authenticator], None],
) -> None:
    it = Authenticator(ORIGIN)
    made = registered(it)
    fault(it)
    with pytest.raises(WrongPasskey):
        registered(it)
    with pytest.raises(WrongPasskey, match="the signature is not good"):
        PARTY.signed(CHALLENGE, made.public_key, it.sign(b64(CHALLENGE)))


def test_another_challenge_key_or_signature_is_none() -> None:
    it, other = Authenticator(ORIGIN), Authenticator(ORIGIN)
    made = registered(it)
    good = it.sign(b64(CHALLENGE))
    for assertion in (
        it.sign(b64(CHALLENGE[::-1])),
        other.sign(b64(CHALLENGE)),
        replace(good, signature=b64(b"\0" + unb64(good.signature))),
        replace(good, client_data=other.make({"challenge": b64(CHALLENGE)})["client_data"]),
    ):
        with pytest.raises(WrongPasskey):
            PARTY.signed(CHALLENGE, made.public_key, assertion)


@pytest.mark.parametrize("text", ["", "e30", "W10", "!", "W1tbW1tb", "oWFhYWI", "A" * 2000])
def test_whatever_is_sent_is_refused_in_words(text: str) -> None:
    assertion = PasskeyAssertion(
        credential="Y3JlZA", authenticator_data=text, client_data=text, signature=text
    )
    with pytest.raises(WrongPasskey):
        PARTY.signed(CHALLENGE, text, assertion)
    with pytest.raises(WrongPasskey):
        PARTY.registered(CHALLENGE, text, text)
    with pytest.raises(WrongPasskey):
        challenge_in(text)


def test_a_key_of_another_kind_is_not_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webauthn, "ALGORITHMS", (-257,))
    with pytest.raises(WrongPasskey, match="not taken here"):
        registered(Authenticator(ORIGIN))


def test_the_challenge_is_read_from_what_was_signed() -> None:
    said = msgspec.json.encode({"challenge": b64(CHALLENGE), "more": [1]})
    assert challenge_in(b64(said)) == CHALLENGE


@pytest.mark.parametrize(
    ("origin", "host"),
    [
        ("", "localhost"),
        ("https://gate.example.org:8443", "gate.example.org"),
        ("http://192.168.1.7:8080", ""),
        ("https://[fd00::1]", ""),
    ],
)
def test_passkeys_are_for_names_and_not_for_addresses(origin: str, host: str) -> None:
    assert rp_id_of(origin) == host
