"""Target: the check of the audit: its lines, and exports of it.

The first byte says how the rest is read: 0 and 1 as lines that stand for a chain, 2 as the bodies
of lines, which are given hashes that fit (somebody who can compute hashes wrote them), 3 as an
export.
"""

from __future__ import annotations

import io
from hashlib import sha256

from agentgate_proto.audit.chain import BEGINNING, Head, Verdict, chained, verify
from agentgate_proto.records.audit_entry import AuditEntry
from agentgate_server.audit.audit_export import csv_line, verify_export

AT = "2026-11-20T10:00:00.000Z"
ENTRIES = [AuditEntry(event="request.ended", rid=f"r{number}", tool="set") for number in range(3)]
LINES, HEAD = chained(BEGINNING, AT, ENTRIES)
START = Head(5, "5" * 64)


def run(data: bytes) -> None:
    """Check it; there is a verdict, and only the chain itself goes through its head."""
    how, rest = data[:1], data[1:]
    lines = rest.split(b"\n")
    match how[0] % 4 if how else 0:
        case 0 | 1:
            verdict = verify(lines, kept=HEAD)
            assert verdict.broken is not None or lines[: len(LINES)] == LINES
        case 2:
            verdict = verify(sealed(lines), start=START)
        case _:
            verdict = verify_export(io.BytesIO(rest), HEAD)
            for line in lines:
                csv_line(line)
    assert is_sound(verdict)


def sealed(bodies: list[bytes]) -> list[bytes]:
    """Number bodies and give them hashes that fit."""
    head, lines = START, []
    for body in bodies:
        whole = b'{"seq":%d,"at":"%b",%b}' % (head.seq + 1, AT.encode(), body)
        head = Head(head.seq + 1, sha256(bytes.fromhex(head.hash) + whole).hexdigest())
        lines.append(b'%b,"hash":"%b"}' % (whole[:-1], head.hash.encode()))
    return lines


def is_sound(verdict: Verdict) -> bool:
    """Whether a verdict fits together."""
    broken = verdict.broken
    return verdict.entries >= 0 and (broken is None or (broken.line >= 1 and bool(broken.why)))
