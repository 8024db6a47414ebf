"""The audit, as operators look back on it while the gateway runs."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.server.embedded import OPERATOR, OWNER, raw_client, serving

from agentgate_client import AgentGateError, ApprovalsClient
from agentgate_proto.audit.chain import parse_head
from agentgate_proto.connection.events import Answered, Authenticated
from agentgate_proto.limits import AUDIT_LOOKED_MAX
from agentgate_proto.records.audit_entry import AuditEntry
from agentgate_proto.records.storage import PutAudit
from agentgate_proto.rpc.audit_methods import AuditRow, ListAudit, VerifyAudit
from agentgate_proto.rpc.messages import METHODS
from agentgate_server.audit import searching
from agentgate_server.audit.audit_file import AuditFile
from agentgate_server.gate import auditing
from agentgate_server.gateway import Gateway
from agentgate_server.store.audit_rows import AuditRows
from agentgate_server.store.sqlite import SqliteEngine

pytestmark = pytest.mark.anyio


@pytest.fixture
async def gateway(tmp_path: Path) -> AsyncIterator[Gateway]:
    async with serving(tmp_path, audit={"head_file": str(tmp_path / "heads")}) as gateway:
        yield gateway


async def tell(gateway: Gateway, *entries: AuditEntry) -> None:
    for entry in entries:
        gateway.gate.audit.tell(entry)
    await gateway.gate.writer.flush()


def noted(*names: str, event: str = "test.noted") -> list[AuditEntry]:
    return [AuditEntry(event=event, name=name) for name in names]


def asked(rid: str, args: str, event: str = "request.asked") -> AuditEntry:
    raw = msgspec.Raw(args.encode())
    return AuditEntry(event=event, rid=rid, agent="agent", tool="note", args=raw)


async def found(ops: ApprovalsClient, **wanted: Any) -> list[AuditRow]:
    return (await ops.list_audit(ListAudit(**wanted))).entries


async def names(ops: ApprovalsClient, **wanted: Any) -> list[str]:
    return [row.name for row in await found(ops, kind="test", **wanted)]


async def test_entries_come_newest_first_and_in_pages(gateway: Gateway) -> None:
    await tell(gateway, *noted("a", "b", "c"))
    async with ApprovalsClient(gateway.url, OPERATOR) as ops:
        page = await ops.list_audit(ListAudit(kind="test", limit=2))
        assert ([row.name for row in page.entries], page.more) == (["c", "b"], True)
        rest = await ops.list_audit(ListAudit(kind="test", limit=2, before=page.before))
        assert ([row.name for row in rest.entries], rest.more, rest.before) == (["a"], False, 0)
        newer = await ops.list_audit(ListAudit(after=page.entries[1].seq))
        assert ([row.name for row in newer.entries], newer.more) == (["c"], False)
        first = (await found(ops))[-1]
        assert (first.seq, first.event) == (1, "gateway.started")
        assert len(first.hash) == 64


async def test_a_search_takes_what_people_see_in_capitals_or_not(gateway: Gateway) -> None:
    await tell(
        gateway,
        asked("r1", '{"text":"Das Licht im Büro"}'),
        AuditEntry(event="request.approved", rid="r1", approver="Anna", channel="telegram"),
        AuditEntry(event="token.added", principal="garden", role="agent"),
        AuditEntry(event="grant.made", rid="r1", any_args=("Brightness",)),
    )
    async with ApprovalsClient(gateway.url, OPERATOR) as ops:
        for wanted, events in (
            ({"text": "BÜRO"}, ["request.asked"]),
            ({"text": "anna"}, ["request.approved"]),
            ({"text": "note("}, ["request.asked"]),
            ({"text": "brightness"}, ["grant.made"]),
            ({"text": "approver"}, []),  # the name of a field is nothing that people see
            ({"agent": "garden"}, ["token.added"]),
            ({"tool": "note"}, ["request.asked"]),
            ({"id": "r1"}, ["grant.made", "request.approved", "request.asked"]),
            ({"kind": "request"}, ["request.approved", "request.asked"]),
            ({"kind": "request.asked"}, ["request.asked"]),
            ({"kind": "request."}, ["request.approved", "request.asked"]),
            ({"kind": "reque"}, []),
        ):
            assert [row.event for row in await found(ops, **wanted)] == events, wanted


async def test_a_row_says_what_was_asked_though_an_earlier_entry_has_the_arguments(
    gateway: Gateway,
) -> None:
    ended = AuditEntry(event="request.ended", rid="r1", tool="note", status="executed")
    await tell(gateway, asked("r1", '{"text":"x"}'), *noted("between"), ended)
    async with ApprovalsClient(gateway.url, OPERATOR) as ops:
        (row,) = await found(ops, kind="request.ended")
        assert row.signature == "note(x)"
        (row,) = await found(ops, limit=1)  # what it is about is beyond the page
        assert (row.event, row.signature) == ("request.ended", "note(x)")


async def test_days_and_times_bound_a_search(tmp_path: Path) -> None:
    now = [1_000.0]
    engine = SqliteEngine(tmp_path / "gate.db", audit=AuditRows(), utc=lambda: now[0])
    for day in range(1, 6):
        now[0] = day * 86_400.0
        engine.commit([PutAudit(each) for each in noted(f"day {day}")])
    engine.close()
    async with serving(tmp_path) as gateway, ApprovalsClient(gateway.url, OPERATOR) as ops:
        assert await names(ops, since="1970-01-04", until="1970-01-06") == ["day 4", "day 3"]
        assert await names(ops, until="1970-01-03T00:00:00Z") == ["day 1"]
        assert await names(ops, since="1970-01-06T00:00:00.001Z") == []
        with pytest.raises(AgentGateError, match="'1970-13-01' is no time: write") as caught:
            await found(ops, since="1970-13-01")
        assert caught.value.code == -32602


async def test_so_many_entries_are_looked_at_for_a_page_and_no_more(tmp_path: Path) -> None:
    engine = SqliteEngine(tmp_path / "gate.db", audit=AuditRows())
    engine.commit([PutAudit(each) for each in noted("first")])
    engine.commit([PutAudit(each) for each in noted(*"x" * AUDIT_LOOKED_MAX)])
    engine.close()
    async with serving(tmp_path) as gateway, ApprovalsClient(gateway.url, OPERATOR) as ops:
        page = await ops.list_audit(ListAudit(text="first"))
        assert (page.entries, page.more, page.looked) == ([], True, AUDIT_LOOKED_MAX)
        page = await ops.list_audit(ListAudit(text="first", before=page.before))
        assert ([row.name for row in page.entries], page.more) == (["first"], False)


async def test_a_page_is_no_larger_than_a_reply_may_be(gateway: Gateway) -> None:
    await tell(gateway, *(asked(f"r{n}", f'{{"text":"{"x" * 8_000}"}}') for n in range(150)))
    async with ApprovalsClient(gateway.url, OPERATOR) as ops:
        page = await ops.list_audit(ListAudit(kind="request", limit=1_000))
        rest = await ops.list_audit(ListAudit(kind="request", limit=1_000, before=page.before))
        rids = [row.rid for row in (*page.entries, *rest.entries)]
        assert 0 < len(page.entries) < 150
        assert rids == [f"r{n}" for n in range(149, -1, -1)]


async def test_what_has_become_a_secret_since_is_hidden(gateway: Gateway) -> None:
    await tell(gateway, *noted("the word is open-sesame-0123456789"))
    gateway.masker.learn([secret("open-sesame-0123456789")])
    async with ApprovalsClient(gateway.url, OPERATOR) as ops:
        (name,) = await names(ops)
        assert "sesame" not in name


def secret(text: str) -> Any:
    from agentgate_server.secrets.secret import Secret

    return Secret(text)


async def test_only_operators_look_back(gateway: Gateway) -> None:
    async with ApprovalsClient(gateway.url, OWNER) as owner:
        for call in (owner.list_audit(), owner.verify_audit()):
            with pytest.raises(AgentGateError, match="not for the role approver"):
                await call
    assert METHODS["list_audit"].alone
    assert METHODS["verify_audit"].alone


# Verifying


@contextmanager
def tampering(folder: Path) -> Iterator[sqlite3.Connection]:
    """Change the file as whoever can write it can: the triggers are no obstacle."""
    with closing(sqlite3.connect(folder / "gate.db", isolation_level=None)) as db:
        for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type='trigger'").fetchall():
            db.execute(f'DROP TRIGGER "{name}"')
        yield db


async def test_the_audit_is_verified_in_parts(
    gateway: Gateway, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(auditing, "AUDIT_CHECKED_MAX", 10)
    monkeypatch.setattr(auditing, "CHECKED_STEP", 4)
    for number in range(15):
        await tell(gateway, *noted(f"{number} a", f"{number} b"))
    await gateway.gate.audit.keep_head()
    async with ApprovalsClient(gateway.url, OPERATOR) as ops:
        parts = [await ops.verify_audit()]
        while parts[-1].more:
            parts.append(await ops.verify_audit(cursor=parts[-1].cursor))
    assert len(parts) > 2
    assert all(part.ok and not part.problems for part in parts)
    assert [part.entries for part in parts] == sorted({part.entries for part in parts})
    last = parts[-1]
    assert last.entries == last.newest == parse_head(last.head).seq
    assert (last.heads, last.dropped) == (1, 0)
    with AuditFile(tmp_path / "gate.db") as file:
        assert str(file.head()) == last.head


@pytest.mark.parametrize(
    ("statement", "problem"),
    [
        ("UPDATE audit SET lines = replace(lines, 'noted', 'noxed') WHERE seq = 6", "was edited"),
        ("DELETE FROM audit WHERE seq = 6", "missing before entry"),
        ("DELETE FROM audit WHERE seq >= 6", "gone from the end"),
        ("UPDATE audit SET at = 5 WHERE seq = 6", "says that it is entry 6 of 1970"),
        ("UPDATE audit SET lines = 'x' WHERE seq = 6", "is no entry"),
    ],
)
async def test_what_was_changed_is_found_and_named(
    gateway: Gateway, tmp_path: Path, statement: str, problem: str
) -> None:
    async with ApprovalsClient(gateway.url, OPERATOR) as ops:
        while parse_head((await ops.verify_audit()).head).seq < 8:
            await tell(gateway, *noted("x"))
        with tampering(tmp_path) as db:
            db.execute(statement)
        verdict = await ops.verify_audit()
        assert (verdict.ok, verdict.more, verdict.cursor) == (False, False, "")
        (words,) = verdict.problems
        assert problem in words
        if "'x'" in statement:
            events = [row.event for row in await found(ops)]
            assert searching.DAMAGED in events


async def test_an_end_that_is_gone_is_missed_by_the_head_that_was_kept(
    gateway: Gateway, tmp_path: Path
) -> None:
    await tell(gateway, *noted("a", "b"))
    await gateway.gate.audit.keep_head()
    with tampering(tmp_path) as db:
        (newest,) = db.execute("SELECT max(seq) FROM audit").fetchone()
        db.execute("DELETE FROM audit WHERE seq = ?", (newest,))
        db.execute("UPDATE sqlite_sequence SET seq = seq - 2 WHERE name = 'audit'")
    async with ApprovalsClient(gateway.url, OPERATOR) as ops:
        verdict = await ops.verify_audit()
        assert not verdict.ok
        assert "gone from the end" in verdict.problems[0]


async def test_a_store_that_cannot_be_read_is_said(gateway: Gateway, tmp_path: Path) -> None:
    async with ApprovalsClient(gateway.url, OPERATOR) as ops:
        (tmp_path / "gate.db").rename(tmp_path / "elsewhere")
        for call in (ops.list_audit(), ops.verify_audit()):
            with pytest.raises(AgentGateError, match="is not there") as caught:
                await call
            assert caught.value.code == -32603
        (tmp_path / "elsewhere").rename(tmp_path / "gate.db")


async def test_a_cursor_that_is_none_is_refused(gateway: Gateway) -> None:
    async with raw_client(gateway, OPERATOR) as raw:
        await raw.next(Authenticated)
        await raw.request(1, "verify_audit", VerifyAudit(cursor="x"))
        error = (await raw.next(Answered)).error
        assert error is not None
        assert error.code == -32602
