"""``agent-gate audit`` on the database of a real run: it is read beside the gateway, exported, and
whatever is done to it is found, with its place."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import anyio
import pytest
from msgspec import Raw
from tests.server.embedded import AGENT, OWNER, http, raw_client, serving, until

from agentgate_cli.audit import entries_of
from agentgate_cli.main import run
from agentgate_proto.audit.chain import BEGINNING, Verdict, parse_head
from agentgate_proto.connection.events import Answered, Authenticated
from agentgate_proto.records.session import (
    DropSession,
    EventKind,
    LogRow,
    PutSession,
    SessionRecord,
)
from agentgate_server.audit.audit_export import verify_export
from agentgate_server.audit.audit_file import AuditFile
from agentgate_server.store.engine import StoreError
from agentgate_server.store.sqlite import SqliteEngine

CALLS = 6


async def one_run(folder: Path) -> None:
    """Allowed, asked, approved, denied, a wrong login, each a few times."""
    head_file = str(folder / "audit.head")
    async with (
        serving(folder, audit={"head_file": head_file}) as gateway,
        raw_client(gateway) as client,
    ):
        await client.next(Authenticated)
        for number in range(1, CALLS + 1):
            params = {"tool": "echo", "args": {"text": f"=n{number}"}}
            await client.request(number, "tool_request", params)
            await client.next(Answered)
        for number, decision in ((100, "approve"), (101, "deny")):
            params = {"tool": "asked", "args": {"text": decision}}
            await client.request(number, "tool_request", params)
            (view,) = await until(gateway.gate.desk.waiting, "an ask")
            body = {"decision": decision}
            await http(gateway, "POST", f"/api/approvals/{view.id}", token=OWNER, body=body)
            await client.next(Answered)
        await http(gateway, "GET", "/api/approvals", token="wrong")
        with AuditFile(folder / "gate.db") as beside, beside.snapshot():
            assert len(beside.newest(1)) == 1


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("ran")
    anyio.run(one_run, folder)
    return folder


@pytest.fixture
def folder(ran: Path, tmp_path: Path) -> Path:
    """A copy of what the run left, to tamper with."""
    shutil.copytree(ran, tmp_path / "copy")
    return tmp_path / "copy"


def audit(folder: Path, *args: str) -> int:
    return run(["audit", *args, "--database", str(folder / "gate.db")])


def rows(folder: Path) -> list[tuple[int, float, bytes]]:
    with closing(sqlite3.connect(folder / "gate.db")) as connection:
        return list(connection.execute("SELECT seq, at, lines FROM audit ORDER BY seq"))


def tamper(folder: Path, *statements: tuple[str, tuple[Any, ...]]) -> None:
    with closing(sqlite3.connect(folder / "gate.db")) as connection:
        connection.execute("DROP TRIGGER audit_stays")
        connection.execute("DROP TRIGGER audit_kept")
        for sql, values in statements:
            connection.execute(sql, values)
        connection.commit()


def verified(folder: Path, capsys: pytest.CaptureFixture[str], *args: str) -> dict[str, Any]:
    capsys.readouterr()
    code = audit(folder, "verify", "--json", *args)
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert code == (0 if found["ok"] else 1)
    return found


def exported(folder: Path, capfdbinary: pytest.CaptureFixture[bytes], *args: str) -> bytes:
    capfdbinary.readouterr()
    assert audit(folder, "export", *args) == 0
    return capfdbinary.readouterr().out


def test_a_run_tells_all_that_happened(ran: Path) -> None:
    entries = [json.loads(line) for _, _, lines in rows(ran) for line in lines.split(b"\n")]
    events = [entry["event"] for entry in entries]
    assert events.count("request.ended") == CALLS + 2
    for event in ("gateway.started", "policy.loaded", "login.failed", "gateway.stopped"):
        assert event in events
    assert events.count("request.asked") == 2
    approved = next(entry for entry in entries if entry["event"] == "request.approved")
    assert (approved["approver"], approved["channel"]) == ("owner", "http")
    denied = next(entry for entry in entries if entry.get("code") == -32001)
    assert (denied["approver"], denied["status"]) == ("owner", "denied")
    assert [entry["seq"] for entry in entries] == list(range(1, len(entries) + 1))


def test_an_untouched_audit_is_in_order(ran: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert audit(ran, "verify", "--head-file", str(ran / "audit.head")) == 0
    out = capsys.readouterr().out
    assert "in order" in out
    assert (ran / "audit.head").read_text().strip() in out


def test_the_head_file_holds_the_last_entry_after_a_shutdown(
    ran: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert audit(ran, "head") == 0
    assert capsys.readouterr().out == (ran / "audit.head").read_text()


def test_an_edited_row_is_found(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for seq, _, lines in rows(folder)[1:]:
        tampered = lines.replace(b'"agent"', b'"agenT"', 1).replace(b'"event"', b'"evenT"', 1)
        shutil.copy(folder / "gate.db", folder / "kept.db")
        tamper(folder, ("UPDATE audit SET lines = ? WHERE seq = ?", (tampered, seq)))
        found = verified(folder, capsys)["broken"]
        assert found["seq"] == json.loads(lines.split(b"\n")[0])["seq"]
        assert found["kind"] == "edited"
        shutil.copy(folder / "kept.db", folder / "gate.db")


def test_a_deleted_row_is_found(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first, second, third = rows(folder)[:3]
    after = json.loads(third[2].split(b"\n")[0])["seq"]
    tamper(folder, ("DELETE FROM audit WHERE seq = ?", (second[0],)))
    found = verified(folder, capsys)["broken"]
    assert (found["kind"], found["seq"]) == ("missing", first[0] + 1)
    assert f"before entry {after}" in found["why"]


def test_rows_that_changed_places_are_found(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one, two = rows(folder)[1:3]
    swap = "UPDATE audit SET lines = ? WHERE seq = ?"
    tamper(folder, (swap, (two[2], one[0])), (swap, (one[2], two[0])))
    found = verified(folder, capsys)["broken"]
    assert (found["kind"], found["seq"]) == ("moved", rows(folder)[0][0] + 1)


def test_a_row_put_in_is_found(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    seq, at, lines = rows(folder)[-1]
    insert = "INSERT INTO audit (seq, at, lines) VALUES (?, ?, ?)"
    tamper(folder, (insert, (seq + 1, at, lines)))
    found = verified(folder, capsys)["broken"]
    assert (found["kind"], found["seq"]) == ("inserted", seq + 1)


def test_a_missing_end_is_found_without_and_with_a_kept_head(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    left = rows(folder)[2][0]
    tamper(folder, ("DELETE FROM audit WHERE seq > ?", (left,)))
    found = verified(folder, capsys)["broken"]
    assert (found["kind"], found["seq"]) == ("truncated", left + 1)
    with closing(sqlite3.connect(folder / "gate.db")) as connection:
        connection.execute("UPDATE sqlite_sequence SET seq = ?", (left,))
        connection.commit()
    assert verified(folder, capsys)["ok"]
    found = verified(folder, capsys, "--head-file", str(folder / "audit.head"))["broken"]
    assert (found["kind"], found["seq"]) == ("truncated", left + 1)


def test_a_missing_beginning_that_retention_did_not_sign_for_is_found(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    seq, _, lines = rows(folder)[0]
    last = json.loads(lines.split(b"\n")[-1])
    anchor = f"{seq}-{last['hash']}"
    tamper(
        folder,
        ("DELETE FROM audit WHERE seq = ?", (seq,)),
        ("INSERT INTO meta VALUES ('audit_anchor', ?)", (anchor,)),
    )
    found = verified(folder, capsys)["broken"]
    assert (found["kind"], found["seq"]) == ("missing", 1)


def test_a_row_filed_under_another_time_is_found(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tamper(folder, ("UPDATE audit SET at = at + 1 WHERE seq = ?", (rows(folder)[1][0],)))
    assert verified(folder, capsys)["broken"]["kind"] == "edited"


# Exports


def lines_of(data: bytes) -> Iterator[bytes]:
    yield from data.splitlines(keepends=True)


@pytest.mark.parametrize("form", ["jsonl", "csv"])
def test_an_export_is_verified_without_the_database(
    form: str, ran: Path, tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    data = exported(ran, capfdbinary, "--format", form)
    kept = parse_head((ran / "audit.head").read_text())
    assert verify_export(lines_of(data), kept).later == 0
    (tmp_path / "audit").write_bytes(data)
    assert run(["audit", "verify", str(tmp_path / "audit")]) == 0


@pytest.mark.parametrize("form", ["jsonl", "csv"])
def test_each_flipped_bit_of_an_exported_entry_is_found_at_its_line(
    form: str, ran: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    data = exported(ran, capfdbinary, "--format", form)
    lines = data.splitlines(keepends=True)
    place = 7
    for position in range(len(lines[place])):
        for bit in range(8) if form == "jsonl" else (0, 5):
            flipped = bytearray(lines[place])
            flipped[position] ^= 1 << bit
            tampered = b"".join([*lines[:place], bytes(flipped), *lines[place + 1 :]])
            found = verify_export(iter(tampered.splitlines(keepends=True))).broken
            assert found is not None, (position, bit)
            assert found.line == place + 1, (position, bit, found)


@pytest.mark.parametrize("form", ["jsonl", "csv"])
def test_a_byte_missing_anywhere_in_an_export_is_found(
    form: str, ran: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    data = exported(ran, capfdbinary, "--format", form)
    for position in range(0, len(data), 7):
        found = verify_export(lines_of(data[:position] + data[position + 1 :])).broken
        assert found is not None, position
    for left in range(0, len(data), 11):
        assert verify_export(lines_of(data[:left])).broken is not None, left
    assert verify_export(lines_of(data[:-1])).broken is not None


@pytest.mark.parametrize(
    "change",
    [
        lambda lines: lines[:4] + lines[5:],
        lambda lines: [*lines[:4], lines[5], lines[4], *lines[6:]],
        lambda lines: lines[:5] + lines[4:],
        lambda lines: lines[:-2] + lines[-1:],
        lambda lines: lines[1:],
        lambda lines: [*lines, lines[4]],
        lambda lines: [lines[0], *lines[3:]],
    ],
)
def test_lines_of_an_export_that_were_moved_left_out_or_doubled_are_found(
    change: Callable[[list[bytes]], list[bytes]],
    ran: Path,
    capfdbinary: pytest.CaptureFixture[bytes],
) -> None:
    lines = exported(ran, capfdbinary).splitlines(keepends=True)
    assert verify_export(iter(change(lines))).broken is not None


def test_an_export_since_a_time_says_what_is_before_it(
    ran: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    lines = exported(ran, capfdbinary).splitlines()
    since = json.loads(lines[5])["at"]
    part = exported(ran, capfdbinary, "--since", since)
    found = verify_export(lines_of(part))
    assert found.broken is None
    assert 0 < found.start.seq < 5
    later = exported(ran, capfdbinary, "--since", "2999-01-01T00:00:00Z")
    assert verify_export(lines_of(later)).entries == 0


def test_a_cell_that_a_spreadsheet_would_run_is_defused(
    ran: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    from agentgate_server.audit.audit_export import csv_line

    row = csv_line(b'{"event":"x","message":"=1+1","agent":"@cmd"}').decode()
    assert ",'=1+1," in row
    assert ",'@cmd," in row
    assert csv_line(b"[1]") == b"," * 16 + b"[1]\n"
    assert csv_line(b"{") == b"," * 16 + b"{\n"


# Words


def test_the_newest_entries_are_shown_for_people_and_for_programs(
    ran: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert audit(ran, "tail", "-n", "1") == 0
    assert capsys.readouterr().out.rstrip().endswith("gateway  stopped")
    assert audit(ran, "tail", "--json", "-n", "2") == 0
    last = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert last["event"] == "gateway.stopped"


def test_sessions_and_their_runs_are_shown_with_what_they_cost(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    record = SessionRecord(
        id="s1", principal="garden", epoch="e", model="m", workspace="", created_at=1, updated_at=1
    )
    said = [
        (EventKind.RUN_STARTED, {"run": "r1", "model": "m"}),
        (EventKind.RUN_ENDED, {"run": "r1", "status": "completed", "cost_micros": 1_500}),
        (EventKind.RUN_ENDED, {"run": "r2", "status": "failed", "cost_micros": None}),
    ]
    log = tuple(
        LogRow(first=at, count=1, kind=kind, at=1.0, data=Raw(json.dumps(data).encode()))
        for at, (kind, data) in enumerate(said)
    )
    engine = SqliteEngine(tmp_path / "gate.db")
    engine.commit([PutSession(record, log, is_new=True), DropSession("s1", "garden")])
    engine.close()

    assert audit(tmp_path, "tail") == 0
    shown = [line.split("  ", 2)[2] for line in capsys.readouterr().out.splitlines()]
    assert shown == [
        "garden  session s1 made, model m",
        "garden  run begun, model m, session s1",
        "garden  run ended: completed, $0.0015, session s1",
        "garden  run ended: failed, session s1",
        "garden  session s1 deleted",
    ]


@pytest.mark.parametrize(
    "line",
    [
        b'{"a":"\xff"}',
        b'{"a":"\\ud800"}',
        b'{"a":' + b"[" * 50_000,
        b"\xff",
    ],
    ids=["no UTF-8", "half a pair", "too deep", "no JSON"],
)
def test_a_damaged_entry_is_shown_as_such(
    line: bytes, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tamper(folder, ("UPDATE audit SET lines = ?", (line,)))
    assert audit(folder, "tail", "-n", "1") == 0
    assert "damaged: " in capsys.readouterr().out


@pytest.mark.parametrize(
    ("args", "code", "words"),
    [
        (["verify", "--head", "nonsense"], 4, "NUMBER-HASH"),
        (["verify", "--head-file", "/nowhere/head"], 1, "no head to compare with"),
        (["export", "--since", "yesterday"], 4, "2026-11-20"),
        (["verify", "--head", "1" * 64], 1, "not in it"),
    ],
)
def test_mistakes_are_told_in_one_line(
    ran: Path, args: list[str], code: int, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert audit(ran, *args) == code
    captured = capsys.readouterr()
    assert words in captured.out + captured.err


def test_what_is_no_database_of_ours_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="not there"):
        AuditFile(tmp_path / "none.db")
    with closing(sqlite3.connect(tmp_path / "other.db")) as other:
        other.execute("CREATE TABLE x (y)")
        other.commit()
    with pytest.raises(StoreError, match="no database of agent-gate"):
        AuditFile(tmp_path / "other.db")
    (tmp_path / "text.db").write_text("not a database at all, not even nearly" * 100)
    with pytest.raises(StoreError, match="not a database"):
        AuditFile(tmp_path / "text.db")


def test_an_agents_token_is_nowhere_in_the_file(ran: Path) -> None:
    assert AGENT.encode() not in (ran / "gate.db").read_bytes()


@pytest.mark.parametrize(("last", "is_odd"), [("2026-11-29", False), ("2020-01-01", True)])
def test_a_clock_that_was_set_back_is_said(last: str, is_odd: bool) -> None:
    first_at, last_at = "2026-11-29T08:00:00.000Z", f"{last}T09:00:00.000Z"
    verdict = Verdict(
        start=BEGINNING, head=BEGINNING, entries=2, first_at=first_at, last_at=last_at
    )
    said = entries_of(verdict)
    assert said.startswith(f"2 entries, from {first_at} to {last_at}")
    assert ("clock was set back" in said) is is_odd
