"""The chain that makes the audit tell-tale: each line holds the hash of all that came before it.

A line is JSON: ``{"seq":7,"at":"…","event":"…", …,"hash":"…"}``. Its hash is the SHA-256, in hex,
of the hash of the line before it (32 bytes, zeros at the beginning) and of the line itself without
``,"hash":"…"``, byte by byte as it stands there. So a line that is changed, left out, moved or
put in between breaks the chain at its place, in the store and in an export alike.

What a chain alone cannot show is that its end is missing, or that all of it was written anew by
somebody who can compute hashes. Against both helps a *head*, the number and hash of its last line,
that was kept where the writer of the store cannot reach it. Of several that were kept one after the
other, the chain goes through each.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from hashlib import sha256

import msgspec

from agentgate_proto.records.audit_entry import AuditEntry
from agentgate_proto.rpc.jsonrpc import UNREADABLE

DROPPED = "audit.dropped"
"""The event by which retention signs for what it dropped."""

HASH_HEX = 64
HEAD = re.compile(r"(?:([0-9]{1,18})-)?([0-9a-f]{64})")
LINE = re.compile(
    rb'(\{"seq":([1-9][0-9]{0,17}),"at":"([0-9TZ:.-]{1,40})",.+),"hash":"([0-9a-f]{64})"\}',
    re.DOTALL,
)

# Names come as kinds of str that were checked, which the encoder does not take for texts by itself.
encode = msgspec.json.Encoder(enc_hook=str).encode


class Head(msgspec.Struct, frozen=True):
    """How far a chain goes: number and hash of its last entry. Written ``7-9f86d0…``.

    Attributes:
        seq: number of the entry; 0: before the first.
        hash: its hash, 64 lower-case hexadecimal digits.
    """

    seq: int
    hash: str

    def __str__(self) -> str:
        return f"{self.seq}-{self.hash}"


BEGINNING = Head(0, "0" * HASH_HEX)
"""The head of an empty chain."""


def parse_head(text: str) -> Head:
    """Read a head; without its number (0 then) it may be anywhere in a chain.

    Raises:
        ValueError: it is none.
    """
    found = HEAD.fullmatch(text.strip())
    if found is None:
        raise ValueError("a head is NUMBER-HASH or HASH, the hash 64 hexadecimal digits")
    return Head(int(found[1] or 0), found[2])


def chained(head: Head, at: str, entries: Iterable[AuditEntry]) -> tuple[list[bytes], Head]:
    """Make the lines that continue a chain.

    Args:
        head: of the chain so far.
        at: when they are written, RFC 3339.
        entries: what to say, in order.

    Returns:
        the lines, without line ends, and the new head.
    """
    seq, digest = head.seq, bytes.fromhex(head.hash)
    middle = b',"at":"%b",' % at.encode()
    lines = []
    for entry in entries:
        seq += 1
        body = b'{"seq":%d%b%b' % (seq, middle, encoded(entry)[1:])
        hashed = sha256(digest + body)
        digest = hashed.digest()
        lines.append(b'%b,"hash":"%b"}' % (body[:-1], digest.hex().encode()))
    return lines, Head(seq, digest.hex())


def encoded(entry: AuditEntry) -> bytes:
    """Encode an entry; half surrogate pairs, which are no text, become ``?``."""
    try:
        return encode(entry)
    except UnicodeEncodeError:
        texts = {
            name: value.encode("utf-8", "replace").decode()
            for name in entry.__struct_fields__
            if isinstance(value := getattr(entry, name), str)
        }
        return encode(msgspec.structs.replace(entry, **texts))


class Break(msgspec.Struct, frozen=True, kw_only=True):
    """The first place where a chain is not what was written.

    Attributes:
        kind: "edited", "missing", "moved", "inserted" or "truncated".
        seq: number of the entry that should stand there.
        line: which line that is, counted from 1; one more than there are, if it is the end.
        why: in words.
    """

    kind: str
    seq: int
    line: int
    why: str


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What :func:`verify` found.

    Attributes:
        start: the head of what comes before the first line.
        head: of the last line that is in order.
        entries: lines in order.
        first_at, last_at: when they were written; "" if there are none.
        later: entries after the head that was kept, or None if none was given.
        broken: what is not in order, if anything.
    """

    start: Head
    head: Head
    entries: int
    first_at: str = ""
    last_at: str = ""
    later: int | None = None
    broken: Break | None = None


def verify(
    lines: Iterable[bytes],
    *,
    start: Head = BEGINNING,
    kept: Head | None = None,
    earlier: Iterable[Head] = (),
    seq_min: int = 0,
    signed: bool = True,
) -> Verdict:
    """Check a chain.

    Args:
        lines: its lines, without line ends.
        start: the head of what was before the first line.
        kept: a head that was kept elsewhere; the chain must go through it.
        earlier: others that were kept before it, oldest first; read as the chain is, and looked at
            as far as they have a number and are not from before ``start``.
        seq_min: the number that its last entry has at least.
        signed: a start that is not the beginning must be what retention signed for.
    """
    check = Check(start, kept, earlier)
    source = iter(lines)
    for line in source:
        if not check.follows(line):
            return check.verdict(explain(check, line, source))
    return check.verdict(check.end(seq_min=seq_min, signed=signed))


class Check:
    """A walk along a chain.

    Attributes:
        head: of what was in order so far.
    """

    def __init__(self, start: Head, kept: Head | None, earlier: Iterable[Head]) -> None:
        self.start = start
        self.earlier = iter(earlier)
        self.awaited = next(self.earlier, None)
        self.kept = kept
        self.head = start
        self.first_at = self.last_at = ""
        self.kept_at = start.seq if kept is not None and is_head(start, kept) else None
        self.signed = start == BEGINNING

    def follows(self, line: bytes) -> bool:
        """Take the next line, if it is what was written; else change nothing."""
        parts = split(line)
        if parts is None:
            return False
        body, seq, at, hash_ = parts
        if seq != self.head.seq + 1 or hash_ != hash_after(self.head.hash, body):
            return False
        head = Head(seq, hash_)
        if self.kept is not None:
            if self.kept.seq == seq and self.kept.hash != hash_:
                return False
            if is_head(head, self.kept):
                self.kept_at = seq
        if self.contradicts_earlier(head):
            return False
        self.head = head
        self.first_at = self.first_at or at
        self.last_at = at
        if not self.signed and DROPPED.encode() in body:
            self.signed = signs(body, self.start)
        return True

    def contradicts_earlier(self, head: Head) -> bool:
        """Whether one of the earlier heads says that this entry was another."""
        while self.awaited is not None and self.awaited.seq <= head.seq:
            if self.awaited.seq == head.seq and self.awaited.hash != head.hash:
                return True
            self.awaited = next(self.earlier, None)
        return False

    def end(self, *, seq_min: int, signed: bool) -> Break | None:
        """Say what is wrong with where the chain ends or begins, if anything."""
        seq, kept = self.head.seq, self.kept
        least = max(seq_min, kept.seq if kept is not None else 0)
        if self.awaited is not None:
            least = max(least, self.awaited.seq, *(head.seq for head in self.earlier))
        if seq < least:
            return self.broken("truncated", f"{entries(seq + 1, least)} gone from the end")
        if kept is not None and self.kept_at is None:
            if 0 < kept.seq <= self.start.seq:
                why = f"the head that was kept, entry {kept.seq}, is older than what is here"
            else:
                why = "the head that was kept is not in it: its end is gone, or it was written anew"
            return self.broken("truncated", why)
        if signed and not self.signed:
            first = self.start.seq + 1
            return Break(
                kind="missing",
                seq=1,
                line=1,
                why=f"{entries(1, first - 1)} gone, and retention did not sign for that",
            )
        return None

    def broken(self, kind: str, why: str) -> Break:
        """A break at the place that is to be looked at next."""
        return Break(
            kind=kind, seq=self.head.seq + 1, line=self.head.seq + 1 - self.start.seq, why=why
        )

    def verdict(self, broken: Break | None) -> Verdict:
        """Sum up."""
        return Verdict(
            start=self.start,
            head=self.head,
            entries=self.head.seq - self.start.seq,
            first_at=self.first_at,
            last_at=self.last_at,
            later=None if self.kept_at is None else self.head.seq - self.kept_at,
            broken=broken,
        )


def explain(check: Check, line: bytes, rest: Iterator[bytes]) -> Break:
    """Say what is wrong with a line that does not follow; reads on to find out."""
    expected = check.head.seq + 1
    parts = split(line)
    following = next(rest, None)
    after = split(following) if following is not None else None
    if parts is None:
        return check.broken("edited", f"what stands for entry {expected} is no entry")
    body, seq, _, hash_ = parts
    fits = hash_ == hash_after(check.head.hash, body)
    if fits and seq == expected:  # the chain is whole, but it is not the one whose head was kept
        return check.broken("edited", f"up to entry {expected} it is not what was kept the head of")
    goes_on = after is not None and after[1] == expected + 1
    if goes_on and after is not None and hash_after(hash_, after[0]) == after[3]:
        return check.broken("edited", f"entry {expected} was edited")
    if seq > expected:
        for other in [after, *map(split, rest)]:
            if other is not None and other[1] == expected:
                return check.broken("moved", f"entry {expected} stands further down, after {seq}")
        return check.broken("missing", f"{entries(expected, seq - 1)} missing before entry {seq}")
    if seq < expected:
        return check.broken(
            "inserted", f"entry {seq} stands after entry {expected - 1}: moved, doubled or put in"
        )
    return check.broken("edited", f"entry {expected} was edited, or put in")


def split(line: bytes) -> tuple[bytes, int, str, str] | None:
    """Return a line's hashed bytes, number, time and hash; None: it is no line of a chain."""
    found = LINE.fullmatch(line)
    if found is None:
        return None
    return found[1] + b"}", int(found[2]), found[3].decode("ascii"), found[4].decode("ascii")


def hash_after(previous: str, body: bytes) -> str:
    """The hash of a line, given that of the line before it."""
    return sha256(bytes.fromhex(previous) + body).hexdigest()


def is_head(head: Head, kept: Head) -> bool:
    """Whether this is the head that was kept, with or without its number."""
    return head.hash == kept.hash and kept.seq in (0, head.seq)


def signs(body: bytes, start: Head) -> bool:
    """Whether an entry signs for all up to here having been dropped."""
    try:
        entry = msgspec.json.decode(body, type=AuditEntry)
    except UNREADABLE:  # whoever can compute hashes can write what is no JSON, too
        return False
    return entry.event == DROPPED and Head(entry.upto, entry.upto_hash) == start


def entries(first: int, last: int) -> str:
    """``entry 7 is``, ``entries 7 to 9 are``."""
    return f"entry {first} is" if first == last else f"entries {first} to {last} are"
