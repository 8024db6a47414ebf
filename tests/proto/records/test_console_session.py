"""Logins at the console: what is kept of them, and when they end."""

from __future__ import annotations

from msgspec.structs import replace

from agentgate_proto.principal import Principal, Role
from agentgate_proto.records.console_row import ConsoleRow, RowKind
from agentgate_proto.records.console_session import (
    BROWSER_CHARS_MAX,
    LASTS_S,
    ConsoleSession,
    browser_of,
    ends_at,
    hash_of,
    row_of,
    session_of,
    view_of,
)

LOGIN = ConsoleSession(
    id="s1",
    principal="anna",
    role=Role.APPROVER,
    hash=hash_of("secret"),
    token_hash="sha256:0",
    created_at=1_000.0,
    used_at=2_000.0,
    address="10.0.0.7",
    browser="Firefox",
)


def test_it_ends_when_nobody_uses_it_or_when_it_is_old() -> None:
    assert ends_at(LOGIN, 60.0) == 2_060.0
    assert ends_at(replace(LOGIN, used_at=1_000.0 + LASTS_S), 60.0) == 1_000.0 + LASTS_S


def test_it_is_kept_without_its_secret_and_read_again() -> None:
    row = row_of(LOGIN, 60.0)
    assert (row.kind, row.id, row.principal) == (RowKind.SESSION, "s1", "anna")
    assert row.expires_at == 2_060.0
    assert b'"secret"' not in row.body
    assert session_of(row) == LOGIN
    assert LOGIN.who == Principal(name="anna", role=Role.APPROVER)


def test_what_nobody_wrote_so_lets_nobody_in() -> None:
    for body in (b"{}", b"{", b"\xff"):
        row = ConsoleRow(kind=RowKind.SESSION, id="s1", principal="anna", body=body)
        assert session_of(row) is None


def test_people_see_whose_it_is_and_no_hash() -> None:
    view = view_of(LOGIN, 60.0)
    assert (view.id, view.principal, view.role, view.by) == ("s1", "anna", "approver", "token")
    assert view.expires_at == "1970-01-01T00:34:20.000Z"
    assert LOGIN.hash not in str(view)


def test_of_what_a_browser_says_the_beginning_is_kept_in_plain_letters() -> None:
    assert browser_of("Fire\x1b[31mfox\u202e é") == "Fire[31mfox "
    assert len(browser_of("x" * 1_000)) == BROWSER_CHARS_MAX
