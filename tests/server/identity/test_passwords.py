"""Passwords: what lets somebody in, and what a check gives away."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest

from agentgate_proto.limits import PASSWORD_CHARS_MAX
from agentgate_server.identity import passwords
from agentgate_server.identity.passwords import PasswordHash, Passwords, hash_password

CHEAP = (2, 1, 1)
OTHER = "A" * 43 + "="


def test_a_hash_is_scrypt_s_of_rfc_7914() -> None:
    digest = bytes.fromhex("fdbabe1c9d3472007856e7190d01e9fe7c6ad7cbc8237830e77376634b373162")
    found = passwords.derived("password", b"NaCl", (1024, 8, 16))
    assert found == digest


@pytest.mark.parametrize("password", ["open sesame", "schöner Garten", "\ud800"])
def test_the_right_password_is_right_and_any_other_is_wrong(password: str) -> None:
    for known in (hash_password(password, CHEAP), password):
        table = Passwords({"house": known, "yard": hash_password("x", CHEAP)})
        assert not table.is_known("house", password)
        assert table.check("house", password)
        assert table.is_known("house", password)
        for other in (password + " ", password[:-1], "", "x" * (PASSWORD_CHARS_MAX + 1)):
            assert not table.check("house", other)
            assert not table.is_known("house", other)
        assert not table.check("yard", password)
        assert not table.check("none", password)


def test_the_same_work_is_done_whoever_it_is_about(monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[tuple[int, int, int]] = []

    def counted(password: bytes, *, n: int, r: int, p: int, **more: Any) -> bytes:
        done.append((n, r, p))
        return hashlib.scrypt(password, n=n, r=r, p=p, **more)

    monkeypatch.setattr(passwords, "scrypt", counted)
    table = Passwords({"hashed": hash_password("x", (4, 1, 1)), "clear": "y"})
    done.clear()
    for name in ("hashed", "clear", "none"):
        for password in ("x", "y", "z"):
            table.check(name, password)
    assert done == [(4, 1, 1)] * 9


def test_without_hashes_nothing_dear_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(passwords, "scrypt")
    assert Passwords({"house": "open"}).check("house", "open")
    assert not Passwords({"house": "open"}).check("none", "open")


def test_no_password_has_the_salt_of_another() -> None:
    assert hash_password("x", CHEAP) != hash_password("x", CHEAP)


def test_hashes_must_cost_the_same() -> None:
    with pytest.raises(ValueError, match="the same N, r and p"):
        Passwords({"a": hash_password("x", CHEAP), "b": hash_password("x", (4, 1, 1))})


@pytest.mark.parametrize(
    "text",
    [
        "",
        "hunter2",
        f"bcrypt:2:1:1:AAAA:{OTHER}",
        f"scrypt:2:1:AAAA:{OTHER}",
        f"scrypt:2:1:1:AAAA:{OTHER}:",
        f"scrypt:3:1:1:AAAA:{OTHER}",
        f"scrypt:1:1:1:AAAA:{OTHER}",
        f"scrypt:0:1:1:AAAA:{OTHER}",
        f"scrypt:2:0:1:AAAA:{OTHER}",
        f"scrypt:2:1:0:AAAA:{OTHER}",
        f"scrypt:2:1:x:AAAA:{OTHER}",
        f"scrypt:2:1:1::{OTHER}",
        "scrypt:2:1:1:AAAA:AAAA",
        f"scrypt:2:1:1:A?AA:{OTHER}",
    ],
)
def test_what_is_no_hash_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="agent-gate agents hash"):
        PasswordHash(text)


@pytest.mark.parametrize("cost", ["1048576:8:1", "2:262145:1", "2:1:2097152"])
def test_a_hash_that_would_keep_the_gateway_busy_is_refused(cost: str) -> None:
    with pytest.raises(ValueError, match="too long to check"):
        PasswordHash(f"scrypt:{cost}:AAAA:{OTHER}")


def test_what_we_make_we_take() -> None:
    assert PasswordHash(str(hash_password("x"))).cost == (passwords.N, passwords.R, passwords.P)
