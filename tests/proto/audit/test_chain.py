"""The chain: whatever is done to it, the first place where it is not what was written is named."""

from __future__ import annotations

from hashlib import sha256

import msgspec
import pytest

from agentgate_proto.audit.chain import (
    BEGINNING,
    DROPPED,
    Break,
    Head,
    chained,
    parse_head,
    verify,
)
from agentgate_proto.records.audit_entry import AuditEntry

AT = "2026-11-20T10:00:00.000Z"
ENTRIES = [
    AuditEntry(event="request.ended", rid=f"r{n}", tool="set", args=msgspec.Raw(b'{"seq":3}'))
    for n in range(1, 7)
]
LINES, HEAD = chained(BEGINNING, AT, ENTRIES)
OTHERS, OTHER_HEAD = chained(BEGINNING, AT, list(reversed(ENTRIES)))


def broken(lines: list[bytes], **options: object) -> tuple[str, int, int]:
    """Where and how a chain is broken."""
    found = verify(lines, **options).broken  # type: ignore[arg-type]
    assert found is not None
    assert found.why
    return found.kind, found.seq, found.line


def test_a_chain_as_it_was_written_is_in_order() -> None:
    verdict = verify(LINES, kept=HEAD, seq_min=6)
    assert verdict.broken is None
    assert (verdict.entries, verdict.head, verdict.later) == (6, HEAD, 0)
    assert (verdict.first_at, verdict.last_at) == (AT, AT)


def test_nothing_is_in_order_too() -> None:
    verdict = verify([])
    assert (verdict.broken, verdict.entries, verdict.later) == (None, 0, None)


def test_a_line_is_hashed_with_the_hash_before_it() -> None:
    body = b'{"seq":1,"at":"%b","event":"x"}' % AT.encode()
    (line,), head = chained(BEGINNING, AT, [AuditEntry(event="x")])
    digest = sha256(bytes(32) + body).hexdigest()
    assert line == body[:-1] + b',"hash":"%b"}' % digest.encode()
    assert head == Head(1, digest)


def test_a_chain_goes_on_where_it_was_left() -> None:
    first, head = chained(BEGINNING, AT, ENTRIES[:2])
    second, head = chained(head, AT, ENTRIES[2:])
    assert (first + second, head) == (LINES, HEAD)


@pytest.mark.parametrize("place", range(6))
def test_every_flipped_bit_of_a_line_is_found_at_its_line(place: int) -> None:
    line = LINES[place]
    for position in range(len(line)):
        for bit in range(8):
            flipped = bytearray(line)
            flipped[position] ^= 1 << bit
            lines = [*LINES[:place], bytes(flipped), *LINES[place + 1 :]]
            kind, seq, at = broken(lines)
            assert (seq, at) == (place + 1, place + 1)
            if place < 5:
                assert kind in ("edited", "inserted", "missing")


@pytest.mark.parametrize("place", range(6))
def test_an_edit_that_keeps_its_hash_is_called_one(place: int) -> None:
    lines = list(LINES)
    lines[place] = lines[place].replace(b'"tool":"set"', b'"tool":"get"')
    assert broken(lines) == ("edited", place + 1, place + 1)


@pytest.mark.parametrize("place", range(5))
def test_a_deleted_line_is_missed(place: int) -> None:
    assert broken([*LINES[:place], *LINES[place + 1 :]]) == ("missing", place + 1, place + 1)


def test_several_deleted_lines_are_missed_by_number() -> None:
    found = verify([LINES[0], LINES[4], LINES[5]]).broken
    assert found == Break(
        kind="missing", seq=2, line=2, why="entries 2 to 4 are missing before entry 5"
    )


@pytest.mark.parametrize("place", range(5))
def test_two_lines_that_changed_places_are_found(place: int) -> None:
    lines = list(LINES)
    lines[place], lines[place + 1] = lines[place + 1], lines[place]
    assert broken(lines) == ("moved", place + 1, place + 1)


@pytest.mark.parametrize("place", range(1, 7))
def test_a_doubled_line_is_found(place: int) -> None:
    assert broken([*LINES[:place], LINES[place - 1], *LINES[place:]]) == (
        "inserted",
        place + 1,
        place + 1,
    )


@pytest.mark.parametrize("place", range(6))
def test_a_line_put_in_with_a_hash_that_fits_is_found_at_the_next_one(place: int) -> None:
    head = BEGINNING if place == 0 else parse_head(f"{place}-{LINES[place - 1][-66:-2].decode()}")
    forged, _ = chained(head, AT, [AuditEntry(event="forged")])
    kind, seq, line = broken([*LINES[:place], *forged, *LINES[place:]])
    assert (kind, seq, line) == ("inserted", place + 2, place + 2)


@pytest.mark.parametrize(
    "junk", [b"[" * 100_000 + b"]" * 100_000, b'"\\ud800"', b'"\xff"', b"1" * 5_000]
)
def test_a_signature_of_retention_that_nobody_could_read_signs_for_nothing(junk: bytes) -> None:
    start = Head(5, "5" * 64)
    body = b'{"seq":6,"at":"%b","event":"%b","x":%b}' % (AT.encode(), DROPPED.encode(), junk)
    digest = sha256(bytes.fromhex(start.hash) + body).hexdigest()
    line = b'%b,"hash":"%b"}' % (body[:-1], digest.encode())
    assert broken([line], start=start) == ("missing", 1, 1)


@pytest.mark.parametrize("cut", range(1, 6))
def test_a_line_that_was_cut_off_is_no_entry(cut: int) -> None:
    assert broken([*LINES[:5], LINES[5][:-cut]]) == ("edited", 6, 6)


@pytest.mark.parametrize("left", range(6))
def test_a_missing_end_is_found_by_a_kept_head_or_a_known_number(left: int) -> None:
    assert verify(LINES[:left]).broken is None
    assert broken(LINES[:left], kept=HEAD) == ("truncated", left + 1, left + 1)
    assert broken(LINES[:left], kept=Head(0, HEAD.hash)) == ("truncated", left + 1, left + 1)
    assert broken(LINES[:left], seq_min=6) == ("truncated", left + 1, left + 1)


def test_a_chain_may_have_grown_since_its_head_was_kept() -> None:
    kept = parse_head(f"4-{LINES[3][-66:-2].decode()}")
    assert verify(LINES, kept=kept).later == 2
    assert verify(LINES, kept=Head(0, kept.hash)).later == 2


def test_a_chain_that_was_written_anew_does_not_fit_the_kept_head() -> None:
    assert verify(OTHERS).broken is None
    assert broken(OTHERS, kept=HEAD) == ("edited", 6, 6)
    assert broken(OTHERS, kept=Head(0, HEAD.hash)) == ("truncated", 7, 7)


# Retention

ANCHOR = parse_head(f"3-{LINES[2][-66:-2].decode()}")


def signed(upto: int, hash_: str) -> list[bytes]:
    return [
        *LINES[3:],
        *chained(HEAD, AT, [AuditEntry(event=DROPPED, upto=upto, upto_hash=hash_)])[0],
    ]


def test_a_beginning_that_retention_dropped_and_signed_for_is_in_order() -> None:
    verdict = verify(signed(3, ANCHOR.hash), start=ANCHOR)
    assert verdict.broken is None
    assert (verdict.entries, verdict.start) == (4, ANCHOR)


def test_a_beginning_that_nobody_signed_for_is_missing() -> None:
    assert broken(LINES[3:], start=ANCHOR) == ("missing", 1, 1)
    assert broken(signed(2, ANCHOR.hash), start=ANCHOR) == ("missing", 1, 1)
    assert broken(signed(3, HEAD.hash), start=ANCHOR) == ("missing", 1, 1)
    assert verify(LINES[3:], start=ANCHOR, signed=False).broken is None


def test_a_signature_that_is_no_json_signs_for_nothing() -> None:
    body = b'{"seq":7,"at":"%b","event":"audit.dropped"]}' % AT.encode()
    digest = sha256(bytes.fromhex(HEAD.hash) + body).hexdigest()
    line = body[:-1] + b',"hash":"%b"}' % digest.encode()
    assert broken([*LINES[3:], line], start=ANCHOR) == ("missing", 1, 1)


def test_a_kept_head_may_be_what_retention_dropped_last_but_nothing_before_that() -> None:
    lines = signed(3, ANCHOR.hash)
    assert verify(lines, start=ANCHOR, kept=ANCHOR).later == 4
    older = parse_head(f"2-{LINES[1][-66:-2].decode()}")
    found = verify(lines, start=ANCHOR, kept=older).broken
    assert found is not None
    assert "older than what is here" in found.why


# Forms


def test_a_head_is_read_as_it_is_written() -> None:
    assert parse_head(f" {HEAD}\n") == HEAD
    assert parse_head(HEAD.hash) == Head(0, HEAD.hash)


@pytest.mark.parametrize("text", ["", "6", "6-abc", "-" + "0" * 64, "A" * 64, "x" + "0" * 64])
def test_what_is_no_head_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="NUMBER-HASH"):
        parse_head(text)


class Checked(str):
    """A text that was checked, as names of tools are."""

    __slots__ = ()


def test_a_checked_name_is_written_as_the_text_that_it_is() -> None:
    lines, _ = chained(BEGINNING, AT, [AuditEntry(event="x", tool=Checked("unlock"))])
    assert b'"tool":"unlock"' in lines[0]


def test_text_that_is_no_unicode_is_written_all_the_same() -> None:
    lines, _ = chained(BEGINNING, AT, [AuditEntry(event="x", detail="a\udce9b", count=1)])
    assert verify(lines).broken is None
    assert b'"detail":"a?b"' in lines[0]


HEADS = [Head(n, verify(LINES[:n]).head.hash) for n in range(1, 7)]


def test_a_chain_goes_through_every_head_that_was_kept() -> None:
    for some in (HEADS, HEADS[::2], [HEADS[1], HEADS[1], HEAD], [Head(0, "f" * 64), HEADS[3]]):
        assert verify(LINES, kept=HEAD, earlier=some).broken is None
    start, rest = HEADS[2], LINES[3:]
    assert verify(rest, start=start, earlier=HEADS, signed=False).broken is None


@pytest.mark.parametrize("place", range(6))
def test_an_earlier_head_tells_against_a_chain_whose_last_head_fits(place: int) -> None:
    for wrong in ([Head(place + 1, "f" * 64)], [HEADS[place], Head(place + 1, "f" * 64)]):
        heads = [*HEADS[:place], *wrong, *HEADS[place + 1 :]]
        found = broken(LINES, kept=HEAD, earlier=iter(heads))
        assert found == ("edited", place + 1, place + 1)


@pytest.mark.parametrize("left", range(6))
def test_an_earlier_head_tells_of_an_end_that_is_gone(left: int) -> None:
    kept = HEADS[left - 1] if left else None
    for heads in (HEADS, [HEAD, HEADS[0]], [HEADS[0], HEAD, HEADS[0], HEADS[1]]):
        assert broken(LINES[:left], kept=kept, earlier=heads) == ("truncated", left + 1, left + 1)
