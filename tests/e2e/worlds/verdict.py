"""The verdict on a real world: what everybody was told, compared with the file and its audit.

It is read through the project's own engine, after the last process of the gateway has ended.
"""

from __future__ import annotations

import io
import time
from collections import defaultdict
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
from tests.e2e.worlds.oracle import Told
from tests.e2e.worlds.rows import ROWS_MAX
from tests.e2e.worlds.session_verdict import judge_sessions
from tests.sim.tools import WRITES

from agentgate_cli.main import run as run_command
from agentgate_proto.errors import ErrorCode
from agentgate_proto.records.approval import approval_status
from agentgate_proto.records.grant import Grant
from agentgate_proto.records.outcome import Status
from agentgate_proto.records.request import Phase, Record
from agentgate_proto.records.storage import ListRequests
from agentgate_server.store.sqlite import SqliteEngine

if TYPE_CHECKING:
    from tests.e2e.worlds.world import RealWorld

MAY_HAVE_RUN = (Status.EXECUTED, Status.FAILED, Status.UNKNOWN)
STATUS_OF = {
    ErrorCode.DENIED_BY_PERSON: Status.DENIED,
    ErrorCode.APPROVAL_EXPIRED: Status.EXPIRED,
    ErrorCode.TOOL_FAILED: Status.FAILED,
    ErrorCode.OUTCOME_UNKNOWN: Status.UNKNOWN,
}
NOTHING_RUN = "nothing was run"


class Verdict:
    """See the module.

    Args:
        world: that has come to its end.
        records: everything on disk.
        grants: every grant on disk.
    """

    def __init__(self, world: RealWorld, records: list[Record], grants: list[Grant]) -> None:
        self.world = world
        self.fail = world.fail
        self.records = records
        self.by_rid = {record.rid: record for record in records}
        self.grants = {grant.id: grant for grant in grants}
        self.disk_was_full = bool(world.counts["fault disk_full"])
        self.rows: defaultdict[int, list[Record]] = defaultdict(list)
        for record in records:
            self.rows[content_of(record)].append(record)

    def check(self) -> None:
        """Compare all there is."""
        for record in self.records:
            if record.phase is not Phase.DONE or record.outcome is None:
                self.fail(f"I10: {record.signature} is {record.phase} when all is over")
        for content in self.world.oracle.starts:
            self._check_starts(content)
        for record in self.records:
            self._check_consent(record)
        for told in self.world.oracle.told_all:
            if not told.mistaken:
                self._check_told(told)
        self._check_people()

    # Starts

    def _check_starts(self, content: int) -> None:
        """I2 and I4, by what is on disk: each start needs a row that allowed it."""
        starts, rows = self.world.oracle.starts[content], self.rows[content]
        self.world.oracle._count_starts(content)
        tool = self.world.oracle.by_content[content][0].tool
        may_have = [row for row in rows if status_of(row) in MAY_HAVE_RUN]
        if tool in WRITES and starts > len(may_have):
            self.fail(f"I2: {tool}({content}) started {starts} times for {len(may_have)} rows")
        if tool.startswith("ask_"):
            allowed = [row for row in rows if row.grant or approval_status(row) == "approved"]
            if not allowed or (tool in WRITES and starts > len(allowed)):
                self.fail(f"I4: {tool}({content}) started {starts} times, {len(allowed)} approved")

    def _check_consent(self, record: Record) -> None:
        """I4: what was decided was decided by somebody who said so, in time."""
        ran = status_of(record) is Status.EXECUTED
        if ran and not self.world.oracle.starts[content_of(record)]:
            self.fail(f"I3: {record.signature} is executed on disk and never started")
        if ran and record.tool == "forbidden":
            self.fail(f"I4: {record.signature} is executed on disk")
        if not record.decided_at:
            if ran and record.tool.startswith("ask_") and not record.grant:
                self.fail(f"I4: {record.signature} is executed, and nobody said yes")
            return
        if record.grant and record.grant != f"g{record.rid}":
            return  # a grant's: see the grants
        yes = approval_status(record) == "approved"
        for who in {record.approver, *(one.approver for one in record.endorsements if yes)}:
            if not self._said(record, who, yes=yes):
                self.fail(f"I4: {record.signature} was decided by {who}, who never said so")
        if yes and len(record.endorsements) < record.approvers_needed > 1:
            self.fail(f"I4: {record.signature} has the yes of {record.endorsements} only")
        if yes and record.decided_at >= record.expires_at:
            self.fail(f"I4: {record.signature} was approved after it had expired")

    def _said(self, record: Record, who: str, *, yes: bool) -> bool:
        """Whether a person has said this to the request, or to one that it had joined."""
        alike = (a.rid for a in self.rows[content_of(record)] if a.digest == record.digest)
        said = self.world.oracle.consent.said
        return any(yes in said[rid, who] for rid in alike if (rid, who) in said)

    # Agents

    def _check_told(self, told: Told) -> None:
        """I3: what an agent was told is what is on disk, wherever that must be durable first."""
        ask, error = told.ask, told.error
        asked = ask.tool.startswith("ask_")
        if error is None:
            if ask.tool in WRITES or asked:
                self._must_be(told, Status.EXECUTED, "")
            return
        code = ErrorCode(error.code)
        status = STATUS_OF.get(code)
        if status is None or NOTHING_RUN in error.message or not (ask.tool in WRITES or asked):
            return
        self._must_be(told, status, error.message)

    def _must_be(self, told: Told, status: Status, message: str) -> None:
        ask = told.ask
        rows = [row for row in self.rows[ask.content] if row.principal == told.agent.principal]
        for row in rows:
            assert row.outcome is not None
            if row.outcome.status is status and row.outcome.message == message:
                return
        if self.disk_was_full and any(status_of(row) is Status.UNKNOWN for row in rows):
            self.world.count("told live and then lost")
            return
        have = [(row.request_id, row.outcome) for row in rows]
        self.fail(f"I3: {told.agent.name} was told {status} {message!r} of {ask}; on disk: {have}")

    # People

    def _check_people(self) -> None:
        """I5: what people were told and shown is what is on disk."""
        consent = self.world.oracle.consent
        for rid, who, yes in consent.taken:
            row = self.by_rid.get(rid)
            if row is None:
                self.fail(f"I5: {who} is told that an answer to {rid} counts; it is not on disk")
                continue
            if yes and any(one.approver == who for one in row.endorsements):
                continue  # one of several
            if row.approver != who or (approval_status(row) == "approved") is not yes:
                self.fail(
                    f"I5: {who} is told that {'yes' if yes else 'no'} to {row.signature} counts; "
                    f"on disk it is {approval_status(row)} by {row.approver or 'nobody'}"
                )
        for view in consent.shown_as:
            row = self.by_rid.get(view.id)
            if row is None:
                self.fail(f"I5: approval {view.signature} is shown and not on disk")
            elif view.status in ("waiting", "settled"):
                continue
            elif (view.status, view.decided_by) != (approval_status(row), row.approver):
                is_now = f"{approval_status(row)} by {row.approver or 'nobody'}"
                was = f"{view.status} by {view.decided_by or 'nobody'}"
                self.fail(f"I5: {view.signature} was shown as {was}; on disk it is {is_now}")
        for grant_id in consent.revoked_grants:
            if not self.grants[grant_id].ended(time.time()):
                self.fail(f"I5: somebody was told that grant {grant_id} is over; it is not")
        for grant in self.grants.values():
            if grant.uses > grant.uses_max:
                self.fail(f"I4: grant {grant.id} for {grant.uses_max} is used {grant.uses} times")


def judge(world: RealWorld, folder: Path) -> None:
    """Open the file of a world whose gateway has ended, and look at everything in it."""
    world.oracle.read_journal()
    engine = SqliteEngine(folder / "gate.db")
    try:
        found: Any = engine.answer(ListRequests(None, ROWS_MAX))
        grants = engine.restore().grants
        judge_sessions(world, engine)
    finally:
        engine.close()
    Verdict(world, found, grants).check()
    code, words = audited(folder)
    if code:
        world.fail(f"agent-gate audit verify ends with {code}: {words[-400:]}")


def audited(folder: Path) -> tuple[int, str]:
    """Run ``agent-gate audit verify``, which finds the head that was kept by itself."""
    out = io.StringIO()
    with redirect_stdout(out), redirect_stderr(out):
        code = run_command(["audit", "verify", "--config", str(folder / "config.yaml")])
    return int(code), out.getvalue()


def content_of(record: Record) -> int:
    """What was asked for."""
    return int(msgspec.json.decode(record.args)["n"])


def status_of(record: Record) -> Status | None:
    """How it ended."""
    return record.outcome.status if record.outcome is not None else None
