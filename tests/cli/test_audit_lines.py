"""``agent-gate audit tail``: one line for each entry, that a person can read at any width."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import click
import pytest
from rich.cells import cell_len

from agentgate_cli.audit_lines import Lines, fitted
from agentgate_cli.audit_words import WORDS

AT = "2026-11-30T12:00:{:02}.000Z"
RID = "019bd3a1c08e5f7d2c4b9a6e1d3f80247b9c"


def lines_of(*entries: dict[str, Any], width: int | None = None) -> list[str]:
    """Show entries; what is made up here has its place and its time by its number."""
    lines = Lines(width)
    return [
        click.unstyle(text)
        for seq, entry in enumerate(entries, 1)
        for text in lines.of(json.dumps({"seq": seq, "at": AT.format(seq), **entry}).encode())
    ]


LIGHT = {
    "rid": RID,
    "agent": "garden",
    "tool": "set_light",
    "args": {"brightness": 100, "on": True, "room": "bedroom"},
}
LATER = {"rid": RID, "agent": "garden", "tool": "set_light"}
RULE = {"rule": "permissions.yaml:12", "description": "Lights are asked about"}
PERSON = {"approver": "owner", "channel": "terminal"}

STORY: list[tuple[dict[str, Any], str]] = [
    ({"event": "gateway.started", "version": "0.3.0"}, "gateway  started, version 0.3.0"),
    (
        {"event": "request.asked", **LIGHT, **RULE, "decision": "ask"},
        "asks a person: Lights are asked about (permissions.yaml:12)",
    ),
    (
        {"event": "request.endorsed", **LATER, **PERSON, "count": 1, "approvers_needed": 2},
        "yes by owner (terminal), 1 of 2",
    ),
    ({"event": "request.approved", **LATER, **PERSON}, "approved by owner (terminal)"),
    (
        {"event": "request.approved", **LATER, **PERSON, "word": "be quick"},
        'approved by owner (terminal): "be quick"',
    ),
    (
        {"event": "request.edited", **LIGHT, **PERSON},
        "set_light(100, true, bedroom)  edited by owner (terminal)",
    ),
    (
        {"event": "request.asked", **LIGHT, **RULE, "why": "it is dark"},
        '(permissions.yaml:12); it says "it is dark"',
    ),
    ({"event": "request.started", **LATER}, "started"),
    (
        {"event": "request.ended", **LATER, "status": "executed", "duration_s": 4.25},
        "done in 4.25 s",
    ),
    (
        {"event": "request.ended", **LATER, "status": "denied", **PERSON},
        "denied by owner (terminal)",
    ),
    (
        {"event": "request.ended", **LATER, "status": "failed", "message": "no\x1b[2J power"},
        "failed: no\\u001b[2J power",
    ),
    (
        {"event": "request.ended", **LATER, "status": "unknown", "message": "it was killed"},
        "unknown, it may have taken effect: it was killed",
    ),
    ({"event": "request.ended", **LATER, "status": "cancelled"}, "withdrawn by the agent"),
    (
        {"event": "request.ended", **LATER, "status": "executed", "joined": "x" * 28 + "0123abcd"},
        "executed, as 0123abcd was, which it repeats",
    ),
    (
        {"event": "grant.made", **LATER, **PERSON, "any_args": ["brightness"], "uses_max": 20},
        "grant by owner (terminal), any brightness, 20 times at most",
    ),
    ({"event": "grant.used", **LATER, "uses": 3, "uses_max": 20}, "under a grant, use 3 of 20"),
    ({"event": "requests.denied", "agent": "garden", "count": 34}, "34 more requests denied"),
    ({"event": "login.failed", "address": "10.0.0.7"}, "login failed from 10.0.0.7"),
    ({"event": "policy.refused", "detail": "line 4"}, "gateway  policy refused: line 4"),
    ({"event": "moon.rose", "agent": "garden", "detail": "full"}, "moon.rose detail=full"),
]


@pytest.mark.parametrize(("entry", "said"), STORY, ids=[said[:24] for _, said in STORY])
def test_each_event_is_said_in_words(entry: dict[str, Any], said: str) -> None:
    (line,) = lines_of(entry)
    assert said in line
    assert re.match(r"1  2026-11-30T\d\d:00:01[+-]\d\d:\d\d  ", line), "a pipe gets the date"


def test_a_request_has_its_signature_in_its_later_entries_too() -> None:
    entries = [entry for entry, _ in STORY if entry.get("rid") == RID][:6]
    entries.append({"event": "request.ended", **LATER, "status": "executed"})
    shown = lines_of(*entries)
    assert all("garden  set_light(100, true, bedroom)  " in line for line in shown)
    assert all(line.endswith("  80247b9c") for line in shown)
    (alone,) = lines_of(entries[-1])
    assert "garden  set_light  done" in alone, "nobody has described it"
    lines = Lines(None)
    lines.learn([json.dumps(entries[0]).encode(), b"damaged"])
    (after,) = lines.of(json.dumps({"at": AT.format(1), **entries[-1]}).encode())
    assert "set_light(100, true, bedroom)  done" in after


@pytest.mark.parametrize("width", [65, 80, 120])
def test_a_line_on_a_terminal_is_one_line(width: int) -> None:
    long = {**LIGHT, "args": {"text": "a letter " * 40}, "agent": "a-name-that-goes-on-and-on"}
    entries = [{**entry, "agent": "a" * 30} for entry, _ in STORY]
    day, *shown = lines_of({"event": "request.asked", **long, **RULE}, *entries, width=width)
    assert day.strip().startswith("Monday, 2026-11-30, times in ")
    assert len(shown) == len(entries) + 1
    assert all(cell_len(line) <= width for line in shown)
    if width >= 80:
        assert all("…" in line for line in shown[:1])
        assert "asks a person" in shown[0], "a long signature does not hide what became of it"


@pytest.mark.parametrize("width", [20, 40, 64])
def test_a_very_narrow_terminal_has_a_second_line_for_what_became_of_it(width: int) -> None:
    entries = [entry for entry, _ in STORY]
    day, *shown = lines_of(*entries, width=width)
    assert len(shown) == 2 * len(entries)
    assert all(cell_len(line) <= width for line in (day, *shown))
    if width == 40:
        assert shown[2].endswith(":02  garden  set_light(100, true, …")
        assert shown[3] == "  asks a person: Lights are asked about…"


def test_what_is_cut_is_the_signature_first() -> None:
    assert fitted("short", "done", 40) == ("short", "done")
    what, sentence = fitted("s" * 60, "denied by owner", 50)
    assert (len(what), sentence) == (33, "denied by owner")
    what, sentence = fitted("s" * 60, "d" * 60, 50)
    assert (len(what), len(sentence)) == (18, 30)


def sources() -> Iterator[str]:
    """The texts of all sources that make entries."""
    from pathlib import Path

    import agentgate_proto
    import agentgate_server

    for package in (agentgate_proto, agentgate_server):
        for path in Path(package.__path__[0]).rglob("*.py"):
            yield path.read_text("utf-8")


def test_requests_and_grants_have_a_sentence_for_each_event_there_is() -> None:
    events = {
        event
        for text in sources()
        for event in re.findall(r'"((?:request|requests|grant)\.[a-z_]+)"', text)
    }
    assert "request.asked" in events
    assert events <= set(WORDS) | {"grant.changed"}
