"""The token file: written whole, for one owner, and read with distrust."""

from __future__ import annotations

import json
import os
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from agentgate_proto.principal import Principal, Role
from agentgate_server.identity import token_file
from agentgate_server.identity.keyring import Keyring
from agentgate_server.identity.token_file import (
    RevokedToken,
    StoredToken,
    TokenFile,
    TokenFileError,
)
from agentgate_server.identity.tokens import Identity, hash_token


def stored(name: str, token: str = "", role: Role = Role.AGENT) -> StoredToken:
    return StoredToken(
        name=name,
        role=role,
        token_hash=hash_token(token or f"token of {name}"),
        created_at="2026-11-20T10:00:00.000Z",
    )


@pytest.fixture
def file(tmp_path: Path) -> TokenFile:
    return TokenFile(tmp_path / "data" / "tokens.json")


def write(file: TokenFile, text: str, mode: int = 0o600) -> None:
    file.path.parent.mkdir(exist_ok=True)
    file.path.touch()
    file.path.chmod(mode)
    file.path.write_text(text)


def test_no_file_means_no_tokens(file: TokenFile) -> None:
    assert file.read() == ()
    assert file.stamp() is None


def test_what_is_added_is_read_until_it_is_revoked(file: TokenFile) -> None:
    file.add(stored("garden"))
    file.add(stored("anna", role=Role.APPROVER))
    assert [each.name for each in file.read()] == ["garden", "anna"]
    assert file.revoke("garden") == stored("garden")
    assert file.read() == (stored("anna", role=Role.APPROVER),)


def test_the_file_is_for_its_owner_and_holds_no_token(file: TokenFile) -> None:
    file.add(stored("garden", "a-long-secret-token"))
    assert stat.S_IMODE(file.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.path.parent.stat().st_mode) == 0o700
    assert "a-long-secret" not in file.path.read_text()
    assert sorted(path.name for path in file.path.parent.iterdir()) == [
        "tokens.json",
        "tokens.json-lock",
    ]


def test_each_change_is_another_file_with_another_stamp(file: TokenFile) -> None:
    stamps = [file.stamp()]
    for name in ("a", "b"):
        file.add(stored(name))
        stamps.append(file.stamp())
    file.revoke("b")
    stamps.append(file.stamp())
    assert len(set(stamps)) == 4


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can write for others")
def test_what_root_writes_belongs_to_the_owner_of_the_folder(file: TokenFile) -> None:
    file.path.parent.mkdir()
    os.chown(file.path.parent, 12_345, 54_321)
    file.add(stored("garden"))
    for path in file.path.parent.iterdir():
        assert (path.stat().st_uid, path.stat().st_gid) == (12_345, 54_321)


def test_writers_wait_for_each_other(file: TokenFile) -> None:
    with ThreadPoolExecutor(8) as pool:
        for done in [pool.submit(file.add, stored(f"agent {n}")) for n in range(24)]:
            done.result(10)
    assert len(file.read()) == 24


def test_what_a_writer_left_that_died_is_in_nobodys_way(file: TokenFile) -> None:
    file.add(stored("a"))
    file.path.with_name("tokens.json-new").write_text("half a f")
    file.add(stored("b"))
    assert len(file.read()) == 2


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (lambda file: file.add(stored("a")), "'a' has a token: 'agent-gate token revoke a' first"),
        (lambda file: file.add(stored("b", "token of a")), "or its token, is there twice"),
        (lambda file: file.revoke("b"), "has no token of 'b': see 'agent-gate token list'"),
        (lambda file: file.add(stored(" b")), "must be printable characters, without spaces"),
        (lambda file: file.add(stored("a\u3164")), "must be printable characters"),
    ],
)
def test_a_change_that_cannot_be_leaves_all_as_it_was(
    file: TokenFile, change: Any, text: str
) -> None:
    file.add(stored("a"))
    before = file.path.read_bytes(), file.stamp()
    with pytest.raises(TokenFileError) as caught:
        change(file)
    assert str(caught.value).startswith(f"{file.path}: ")
    assert text in str(caught.value)
    assert (file.path.read_bytes(), file.stamp()) == before


def test_the_number_of_tokens_is_bounded(file: TokenFile, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(token_file, "TOKENS_MAX", 1)
    file.add(stored("a"))
    with pytest.raises(TokenFileError, match="holds 1 tokens already: revoke some"):
        file.add(stored("b"))


ROW = {
    "name": "a",
    "role": "agent",
    "token_hash": hash_token("x"),
    "created_at": "2026-11-20T10:00:00.000Z",
}


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("", "is not as agent-gate writes it"),
        ("\xff", "is not as agent-gate writes it"),
        ('{"version": 2, "tokens": []}', "is not as agent-gate writes it"),
        ('{"tokenz": []}', "unknown field `tokenz`"),
        (json.dumps({"tokens": [{**ROW, "role": "root"}]}), "Invalid enum value 'root'"),
        (json.dumps({"tokens": [{**ROW, "token_hash": "sha256:00"}]}), "64 hexadecimal digits"),
        (
            json.dumps({"tokens": [{**ROW, "token_hash": hash_token("x").upper()}]}),
            "token of 'a': the digits of a token_hash are in lower case",
        ),
        (json.dumps({"tokens": [ROW, ROW]}), "the name 'a', or its token, is there twice"),
        (json.dumps({"tokens": [], "more": "x" * 1_000_000}), "is larger than 1000000 bytes"),
    ],
)
def test_a_file_that_nobody_of_ours_wrote_is_refused(
    file: TokenFile, text: str, error: str
) -> None:
    write(file, text)
    with pytest.raises(TokenFileError) as caught:
        file.read()
    assert error in str(caught.value)


def test_a_file_that_others_can_write_is_refused(file: TokenFile) -> None:
    write(file, '{"tokens": []}', 0o620)
    with pytest.raises(TokenFileError, match="others can write it and let themselves in: chmod"):
        file.read()


def test_a_place_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file")
    file = TokenFile(tmp_path / "data" / "tokens.json")
    assert (file.stamp(), file.read()) == (None, ())
    with pytest.raises(TokenFileError, match=f"^{file.path}: cannot be written: "):
        file.add(stored("a"))
    folder = TokenFile(tmp_path)
    with pytest.raises(TokenFileError, match=f"^{tmp_path}: cannot be read: Is a directory"):
        folder.read()


CONFIGURED = Identity(Principal(name="owner", role=Role.APPROVER), hash_token("owners"))


def test_the_keyring_knows_those_of_both_sources(file: TokenFile) -> None:
    file.add(stored("garden", "gardens"))
    keyring = Keyring([CONFIGURED], file)
    assert [each.name for each in keyring.principals] == ["owner", "garden"]
    assert keyring.identify("owners") == CONFIGURED.principal
    assert keyring.identify("gardens") == Principal(name="garden", role=Role.AGENT)
    assert keyring.identify("others") is None


def test_the_keyring_notices_each_change_once(file: TokenFile) -> None:
    keyring = Keyring([CONFIGURED], file)
    assert not keyring.refresh()
    file.add(stored("garden", "gardens"))
    assert keyring.identify("gardens") is None
    assert keyring.refresh()
    assert not keyring.refresh()
    garden = keyring.identify("gardens")
    assert garden is not None
    assert keyring.vouches(hash_token("gardens"), garden)
    file.revoke("garden")
    assert keyring.refresh()
    assert keyring.identify("gardens") is None
    assert not keyring.vouches(hash_token("gardens"), garden)


def test_a_new_token_for_the_same_name_does_not_stand_for_the_old_one(file: TokenFile) -> None:
    file.add(stored("garden", "old"))
    keyring = Keyring([], file)
    garden = keyring.identify("old")
    assert garden is not None
    file.revoke("garden")
    file.add(stored("garden", "new"))
    assert keyring.refresh()
    assert keyring.vouches(hash_token("new"), garden)
    assert not keyring.vouches(hash_token("old"), garden)


def test_a_deleted_file_revokes_all_of_its_tokens(file: TokenFile) -> None:
    file.add(stored("garden", "gardens"))
    keyring = Keyring([CONFIGURED], file)
    file.path.unlink()
    assert keyring.refresh()
    assert keyring.identify("gardens") is None
    assert keyring.identify("owners") is not None


def test_a_file_that_is_broken_later_leaves_those_in_force_who_were_read(
    file: TokenFile, caplog: pytest.LogCaptureFixture
) -> None:
    file.add(stored("garden", "gardens"))
    keyring = Keyring([CONFIGURED], file)
    good = file.path.read_text()
    write(file, "{")
    for _ in range(3):
        assert not keyring.refresh()
    assert keyring.identify("gardens") is not None
    assert "is not as agent-gate writes it" in keyring.problem
    assert len(caplog.records) == 1
    assert caplog.records[0].levelname == "ERROR"
    write(file, good)
    assert keyring.refresh()
    assert keyring.problem == ""


def test_names_and_tokens_of_both_sources_may_not_clash(file: TokenFile) -> None:
    file.add(stored("owner", "another"))
    with pytest.raises(TokenFileError, match="two principals are called 'owner', one of the"):
        Keyring([CONFIGURED], file)
    file.revoke("owner")
    keyring = Keyring([CONFIGURED], file)
    file.add(stored("garden", "owners"))
    assert not keyring.refresh()
    assert "has the same token as another" in keyring.problem


def test_the_configuration_can_change_under_the_keyring(file: TokenFile) -> None:
    file.add(stored("garden", "gardens"))
    keyring = Keyring([CONFIGURED], file)
    clash = Identity(Principal(name="garden", role=Role.APPROVER), hash_token("x"))
    with pytest.raises(TokenFileError, match="garden"):
        keyring.reconfigure([clash])
    assert keyring.identify("owners") is not None
    keyring.reconfigure([])
    assert [each.name for each in keyring.principals] == ["garden"]


def test_without_a_file_there_is_nothing_to_notice() -> None:
    assert not Keyring([CONFIGURED]).refresh()


def revoked(name: str, token: str) -> RevokedToken:
    at = "2026-11-29T10:00:00.000Z"
    return RevokedToken(name=name, token_hash=hash_token(token), revoked_at=at)


def test_a_token_of_the_configuration_is_shut_out_for_good(file: TokenFile) -> None:
    keyring = Keyring([CONFIGURED], file)
    assert keyring.warnings() == []
    file.shut_out(revoked("owner", "owners"))
    assert keyring.refresh()
    assert keyring.identify("owners") is None
    assert not keyring.vouches(hash_token("owners"), CONFIGURED.principal)
    assert keyring.principals == ()
    assert "the token of 'owner' was revoked: give it another one" in keyring.warnings()
    for later in (keyring, Keyring([CONFIGURED], file)):  # a reload and a restart bring it not back
        later.reconfigure([CONFIGURED])
        assert later.identify("owners") is None
        fresh = Identity(CONFIGURED.principal, hash_token("another"))
        later.reconfigure([fresh])
        assert later.identify("another") == CONFIGURED.principal
        assert later.identify("owners") is None
        assert later.warnings() == []
    with pytest.raises(TokenFileError, match="'owner' is revoked already"):
        file.shut_out(revoked("owner", "owners"))


def test_who_is_revoked_while_the_gateway_runs_is_out_whatever_token_the_command_saw(
    file: TokenFile,
) -> None:
    keyring = Keyring([CONFIGURED], file)
    file.shut_out(revoked("owner", "the one that is in .env already"))
    assert keyring.refresh()
    assert keyring.identify("owners") is None
    keyring.reconfigure([CONFIGURED])
    assert keyring.identify("owners") is None, "the environment still has the old one"
    keyring.reconfigure([Identity(CONFIGURED.principal, hash_token("fresh"))])
    assert keyring.identify("fresh") == CONFIGURED.principal
    file.add(stored("garden"))
    assert keyring.refresh()
    assert keyring.identify("fresh") == CONFIGURED.principal, "what was revoked before is no news"


def test_who_is_revoked_is_out_also_if_the_rest_of_the_file_cannot_be_used(file: TokenFile) -> None:
    file.add(stored("garden", "gardens"))
    keyring = Keyring([CONFIGURED], file)
    file.add(stored("owner", "clashes"))
    file.shut_out(revoked("owner", "owners"))
    assert keyring.refresh()
    assert "two principals are called 'owner'" in keyring.problem
    assert keyring.identify("owners") is None
    assert keyring.identify("gardens") is not None


def test_the_number_of_revoked_tokens_is_bounded(
    file: TokenFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agentgate_server.identity.token_file.TOKENS_MAX", 1)
    file.shut_out(revoked("owner", "a"))
    with pytest.raises(TokenFileError, match="names 1 revoked tokens already"):
        file.shut_out(revoked("owner", "b"))


def test_a_file_that_revokes_nothing_is_as_older_versions_read_it(file: TokenFile) -> None:
    file.add(stored("garden"))
    assert "revoked" not in file.path.read_text()
    file.shut_out(revoked("owner", "owners"))
    file.revoke("garden")  # what a change is not about stays
    assert [each.name for each in file.contents().revoked] == ["owner"]


@pytest.mark.parametrize("token_hash", ["sha256:0", hash_token("x").upper()])
def test_a_revoked_token_that_is_none_is_refused(file: TokenFile, token_hash: str) -> None:
    row = {"name": "owner", "token_hash": token_hash, "revoked_at": ""}
    write(file, json.dumps({"revoked": [row]}))
    with pytest.raises(TokenFileError, match="token of 'owner'"):
        file.contents()
