"""Tokens: whom they stand for, and that they do not show."""

from __future__ import annotations

import hashlib
import hmac
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentgate_proto.limits import TOKEN_CHARS_MAX
from agentgate_proto.principal import Principal, Role
from agentgate_server.identity.tokens import Identity, Tokens, hash_token, new_token
from agentgate_server.secrets.secret import Secret

AGENT = Principal(name="agent", role=Role.AGENT)
OWNER = Principal(name="owner", role=Role.APPROVER)
THIRD = Principal(name="third", role=Role.OPERATOR)


def tokens_of(**tokens: Principal) -> Tokens:
    return Tokens(Identity(principal, hash_token(token)) for token, principal in tokens.items())


def test_a_hash_is_what_sha256sum_prints() -> None:
    assert hash_token("tökén") == "sha256:" + hashlib.sha256("tökén".encode()).hexdigest()


def test_a_token_stands_for_its_principal_and_nothing_else_does() -> None:
    tokens = tokens_of(first=AGENT, second=OWNER)
    assert tokens.identify("first") == AGENT
    assert tokens.identify("second") == OWNER
    for wrong in ("", "First", "firs", "first ", "third", hash_token("first"), "\ud800"):
        assert tokens.identify(wrong) is None


def test_nobody_is_identified_where_nobody_is_known() -> None:
    assert Tokens([]).identify("") is None


@given(st.text())
def test_any_text_is_a_token_or_none(text: str) -> None:
    tokens = Tokens([Identity(AGENT, hash_token(text))])
    assert tokens.identify(text) == AGENT
    assert tokens.identify(text + "x") is None


def test_the_longest_token_is_accepted_and_a_longer_one_is_not_even_hashed() -> None:
    longest, longer = "x" * TOKEN_CHARS_MAX, "x" * (TOKEN_CHARS_MAX + 1)
    tokens = Tokens([Identity(AGENT, hash_token(longest)), Identity(OWNER, hash_token(longer))])
    assert tokens.identify(longest) == AGENT
    assert tokens.identify(longer) is None


@pytest.mark.parametrize("token", ["first", "second", "third", "wrong"])
def test_every_principal_is_compared_whoever_matches(
    monkeypatch: pytest.MonkeyPatch, token: str
) -> None:
    compared = []

    def compare(a: bytes, b: bytes) -> bool:
        compared.append(b)
        return a == b

    tokens = tokens_of(first=AGENT, second=OWNER, third=THIRD)
    monkeypatch.setattr(hmac, "compare_digest", compare)
    tokens.identify(token)
    assert compared == [hash_token(known).encode() for known in ("first", "second", "third")]


def test_two_principals_cannot_share_a_token_or_a_name() -> None:
    with pytest.raises(ValueError, match="principal 'owner' has the same token as another"):
        Tokens([Identity(AGENT, hash_token("x")), Identity(OWNER, hash_token("x"))])
    with pytest.raises(ValueError, match="two principals are called 'agent'"):
        Tokens([Identity(AGENT, hash_token("x")), Identity(AGENT, hash_token("y"))])


@pytest.mark.parametrize("wrong", ["", "x", "sha256:", "sha256:" + "g" * 64, "md5:" + "0" * 64])
def test_what_is_not_a_hash_proves_nobody(wrong: str) -> None:
    with pytest.raises(ValueError, match="a token_hash is 'sha256:' and 64 hexadecimal digits"):
        Identity(AGENT, wrong)


def test_new_tokens_are_long_unlike_and_fit_a_header() -> None:
    many = {new_token() for _ in range(100)}
    assert len(many) == 100
    for token in many:
        assert token.startswith("ag_")
        assert len(token) == 46
        assert all(character.isalnum() or character in "_-" for character in token)


@pytest.mark.parametrize(
    "holder",
    [
        Secret("s3cret"),
        Identity(AGENT, hash_token("s3cret")),
        Tokens([Identity(AGENT, hash_token("s3cret"))]),
    ],
)
def test_no_token_and_no_hash_shows_in_a_repr(holder: Any) -> None:
    for text in (repr(holder), str(holder), f"{holder}"):
        assert "s3cret" not in text
        assert hash_token("s3cret")[7:] not in text


def test_a_secret_is_equal_to_the_same_secret_only() -> None:
    assert Secret("ä") == Secret("ä")
    assert len({Secret("a"), Secret("a"), Secret("b")}) == 2
    assert Secret("a") != Secret("b")
    assert Secret("a") != "a"
