"""The methods about the audit, for whoever runs the gateway: looking back, and verifying."""

from __future__ import annotations

from typing import Annotated

import msgspec

from agentgate_proto.limits import AUDIT_PAGE_ROWS_MAX, NAME_CHARS_MAX, WORDS_CHARS_MAX
from agentgate_proto.records.audit_entry import AuditEntry

Name = Annotated[str, msgspec.Meta(max_length=NAME_CHARS_MAX)]
Words = Annotated[str, msgspec.Meta(max_length=WORDS_CHARS_MAX)]
Number = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
Moment = Annotated[str, msgspec.Meta(pattern=r"^([0-9]{4}-[0-9]{2}-[0-9]{2}[0-9TZ:.]{0,14})?$")]
Cursor = Annotated[str, msgspec.Meta(pattern=r"^([0-9]{1,18}-[0-9a-f]{64}/){2}[01]$|^$")]


class ListAudit(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """List what happened, newest first: a page of the entries that fit all of this.

    So many entries are looked at for one page and no more: it may hold fewer than ``limit``, even
    none, and still say ``more``. Go on with its ``before``.

    Attributes:
        before: a number: only entries with a lower one. 0: from the newest on.
        after: a number: only entries with a higher one.
        text: stands somewhere in it, in capitals or not: in a name, an argument, a rule, a word.
        agent: who asked, or whom a token or a login was of.
        tool: what was asked for.
        kind: its event, or the beginning of it: ``request``, ``request.ended``.
        id: of a request: what became of it.
        since, until: when it was written: a day or a time, RFC 3339, UTC; ``until`` is left out.
        limit: entries at most.
    """

    before: Number = 0
    after: Number = 0
    text: Words = ""
    agent: Name = ""
    tool: Name = ""
    kind: Name = ""
    id: Name = ""
    since: Moment = ""
    until: Moment = ""
    limit: Annotated[int, msgspec.Meta(ge=1, le=AUDIT_PAGE_ROWS_MAX)] = 100


class AuditRow(AuditEntry, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """An entry with its place in the chain, as it is kept. One that is none is ``audit.damaged``.

    Attributes:
        seq: its number.
        at: when it was written, RFC 3339.
        hash: that of the chain up to it.
        signature: what was asked, in a line, if an entry near it says that.
    """

    seq: int
    at: str = ""
    hash: str = ""
    signature: str = ""


class AuditPage(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Entries, newest first.

    Attributes:
        entries: those that fit.
        before: the lowest number that was looked at: ask again with it.
        looked: how many were looked at.
        more: there are older ones.
    """

    entries: list[AuditRow]
    before: int = 0
    looked: int = 0
    more: bool = False


class VerifyAudit(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Check that nothing was changed, left out, moved or put in: a part of the audit at a time.

    Attributes:
        cursor: of the answer before, if that said ``more``; "": from the first entry on.
    """

    cursor: Cursor = ""


class AuditVerdict(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What was found so far.

    Attributes:
        ok: all that was looked at is in order.
        entries: how many that are, those of the parts before it included.
        newest: the number of the newest entry.
        dropped: entries up to this number are gone, and retention has signed for that.
        head: of what is in order: ``NUMBER-HASH``. Kept elsewhere, it tells when the end is gone.
        last_at: when the last of them was written.
        problems: what is not in order, each in words.
        heads: how many heads were compared that had been kept elsewhere.
        cursor: ask again with it, as long as there is ``more``.
        more: what comes after was not looked at yet.
    """

    ok: bool
    entries: int
    newest: int
    head: str
    last_at: str = ""
    dropped: int = 0
    problems: list[str] = []
    heads: int = 0
    cursor: str = ""
    more: bool = False
