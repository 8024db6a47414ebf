"""An approval as a person sees it: nothing that an agent chose may mislead them."""

from __future__ import annotations

import time
from typing import Any

import click
import msgspec
import pytest

from agentgate_cli.prompt import describe, ended, settled
from agentgate_cli.watch import line_of
from agentgate_client import ApprovalView
from agentgate_proto.digest import canonical_args, digest_of
from agentgate_proto.records.request import rfc3339

WIDTH = 80


def approval(args: dict[str, Any], **changes: Any) -> ApprovalView:
    """An approval that waits."""
    now = time.time()
    fields: dict[str, Any] = {
        "id": "QkM3b0d2aXhZb1R5c3RlbQ",
        "agent": "garden",
        "tool": "send_mail",
        "args": msgspec.Raw(msgspec.json.encode(args)),
        "signature": "send_mail(…)",
        "rule": "permissions.yaml:7",
        "created_at": rfc3339(now - 5),
        "expires_at": rfc3339(now + 600),
        "status": "waiting",
    }
    return ApprovalView(**{**fields, **changes})


def shown(view: ApprovalView) -> list[str]:
    """The lines of the prompt without colours."""
    return [click.unstyle(line) for line in describe(view, WIDTH)]


def test_everything_that_matters_is_there() -> None:
    view = approval(
        {"to": "bob", "copies": 2}, description="Mail is asked about", warning="It may have run"
    )
    lines = shown(view)
    assert lines[:6] == [
        "  ask     send_mail(…)",
        '          to = "bob"',
        "          copies = 2",
        "  agent   garden",
        "  rule    Mail is asked about (permissions.yaml:7)",
        "  warning It may have run",
    ]
    assert lines[6].startswith("  time    asked 5 s ago, expires in 10 min (")
    assert lines[7] == "  id      QkM3b0d2aXhZb1R5c3RlbQ"


def test_what_is_known_of_what_it_names_has_a_line_of_its_own() -> None:
    lines = shown(approval({"a": 1}, about="Hall light (on) → off\n  rule    allow"))
    assert "  now     Hall light (on) → off\\n  rule    allow" in lines
    assert [line for line in lines if line.startswith("  rule")] == ["  rule    permissions.yaml:7"]


def test_a_value_cannot_begin_a_line_or_steer_the_terminal() -> None:
    view = approval({"text": "hello\n  rule    allow\r\x1b[2J", "x\n  agent   owner": 1})
    lines = shown(view)
    assert [line for line in lines if line.startswith("  rule")] == ["  rule    permissions.yaml:7"]
    assert [line for line in lines if line.startswith("  agent")] == ["  agent   garden"]
    assert all(character.isprintable() for line in lines for character in line)
    place = lines.index("          text = a text of 2 lines:")
    assert lines[place + 1 : place + 3] == [
        "          │ hello",
        "          │   rule    allow\\r\\u001b[2J",
    ]


def test_long_values_are_folded_and_wrapped_in_their_column() -> None:
    lines = shown(approval({"text": "word " * 1_000}))
    assert max(map(len, lines)) <= WIDTH
    text = " ".join(line.strip() for line in lines)
    assert "characters more]" in text
    assert len(lines) < 20
    begin = lines.index(next(line for line in lines if "text = " in line))
    assert all(line.startswith(" " * 10) for line in lines[begin : begin + 8])


def test_a_text_keeps_its_lines_and_a_long_one_its_end() -> None:
    letter = "\n".join(["Dear Ann,", "x" * 400, *(f"line {number}" for number in range(40)), "PS"])
    lines = shown(approval({"text": letter}))
    place = lines.index("          text = a text of 43 lines:")
    assert lines[place + 1] == "          │ Dear Ann,"
    missing = next(line for line in lines if "31 lines more" in line)
    assert "agent-gate approvals show 1R5c3RlbQ"[-8:] in missing
    assert lines[lines.index(missing) + 1 :][:3] == [
        "          │ line 38",
        "          │ line 39",
        "          │ PS",
    ]
    assert all(line.startswith("          │ ") for line in lines[place + 1 : lines.index(missing)])


def test_a_line_of_a_text_that_is_wrapped_does_not_pass_for_an_argument() -> None:
    lines = shown(approval({"text": "first\n" + "a" * 60 + ' to = "bob@example.org"', "to": "ann"}))
    assert [line for line in lines if line.strip().startswith("to = ")] == ['          to = "ann"']
    assert '          │ "bob@example.org"' in lines, "and not at the beginning of an argument"


def test_too_many_arguments_are_counted() -> None:
    lines = shown(approval({f"a{n}": n for n in range(50)}))
    more = "          … and 30 more: see 'agent-gate approvals show QkM3b0d2aXhZb1R5c3RlbQ'"
    assert more in lines


def test_what_is_acted_on_is_shown_first_however_many_arguments_there_are() -> None:
    fillers = {f"a{n:02}": n for n in range(20)}
    called = {"domain": "lock", "service": "unlock", "entity_id": "lock.front"}
    lines = shown(approval({**fillers, **called}, signature="ha_call_service(lock.unlock, x)"))
    assert lines[:4] == [
        "  ask     ha_call_service(lock.unlock, x)",
        '          domain = "lock"',
        '          service = "unlock"',
        '          entity_id = "lock.front"',
    ]
    assert "          … and 3 more: see" in "\n".join(lines)


def test_the_whole_of_it_leaves_nothing_out_and_says_what_an_answer_is_bound_to() -> None:
    args = {f"a{n:02}": n for n in range(30)} | {"domain": "lock", "text": "long " * 500 + "end"}
    lines = [click.unstyle(line) for line in describe(approval(args), WIDTH, whole=True)]
    assert lines[1] == '          domain = "lock"'
    assert all(f"          a{n:02} = {n}" in lines for n in range(30))
    assert " ".join("".join(lines).split()).count("long") == 500
    assert f"  digest  {digest_of('send_mail', canonical_args(args))}" in lines


def test_a_letter_can_be_read_line_by_line_and_none_of_them_poses_as_the_gate() -> None:
    text = 'Dear Bob,\n\n  rule    allow\x1b[2J\nto = "mallory"'
    view = approval({"text": text, "to": "bob"})
    lines = [click.unstyle(line) for line in describe(view, WIDTH, whole=True)]
    assert lines[1:7] == [
        '          to = "bob"',
        "          text = a text of 4 lines:",
        "          │ Dear Bob,",
        "          │ ",
        "          │   rule    allow\\u001b[2J",
        '          │ to = "mallory"',
    ]


def test_a_long_signature_is_cut_and_hides_nothing_in_it() -> None:
    signature = f"note({'x' * 5_000}, \u202e\x1b[2J)"
    lines = shown(approval({}, signature=signature))
    assert lines[0].startswith("  ask     note(xxx")
    assert lines[2].endswith("x…")
    assert lines[3] == "  agent   garden"
    tricky = shown(approval({}, signature="note(\u202e\x1b[2J)"))[0]
    assert tricky == "  ask     note(\\u202e\\u001b[2J)"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"status": "approved", "decided_by": "ann", "channel": "http"}, "approved by ann (http)"),
        ({"status": "denied", "decided_by": "a\x1bb", "channel": "http"}, "denied by a\\u001bb"),
        ({"status": "expired"}, "expired: nobody answered in time"),
        ({"status": "expired", "reason": "The tool changed"}, "expired: The tool changed"),
        ({"status": "cancelled"}, "withdrawn by the agent"),
        ({"status": "settled"}, "settled while the gateway could not be reached"),
    ],
)
def test_how_it_was_settled_is_said_in_words(changes: dict[str, str], said: str) -> None:
    assert click.unstyle(settled(approval({}, **changes))).startswith(said)


@pytest.mark.parametrize(
    ("outcome", "said"),
    [
        ("", ""),
        ("executed", "done"),
        ("unknown", "unknown: it may have taken effect"),
        ("failed", "failed"),
    ],
)
def test_how_the_tool_ended_is_said_in_words(outcome: str, said: str) -> None:
    assert click.unstyle(ended(approval({}, status="approved", outcome=outcome))) == said


def test_what_a_yes_takes_and_how_often_it_was_asked_stand_in_rows_of_their_own() -> None:
    view = approval(
        {}, approvers_needed=3, approved_by=("ann", "b\x1b[2J"), needs_code=True, repeats=2
    )
    lines = shown(view)
    assert "  needs   3 people, so far ann, b\\u001b[2J; a one-time code" in lines
    assert "  repeats asked 2 more times meanwhile; all get this answer" in lines


def test_one_yes_of_several_is_said_to_be_that() -> None:
    view = approval({}, approvers_needed=3, approved_by=("ann",))
    assert click.unstyle(settled(view)) == "yes from ann; 2 more must say so"


def test_of_arguments_that_are_not_whole_the_beginning_is_shown_and_that_it_is_one() -> None:
    beginning = msgspec.Raw(b'"{\\"text\\":\\"aaa"')
    view = msgspec.structs.replace(approval({}), args=beginning, shortened=("args",))
    lines = shown(view)
    assert lines[1] == '          {"text":"aaa'
    assert "more than can be shown" in lines[2]
    assert line_of(view).startswith(f'waiting   {view.id}  send_mail {{"text":"aaa  agent garden')


def test_what_nobody_has_written_is_marked_beside_its_value() -> None:
    args = {"where": "prod", "opts": {"n": 1, "x": 2}, "text": 'a  (default)"'}
    view = approval(args, defaults=("/where", "/opts/n"))
    for whole in (False, True):
        lines = [click.unstyle(line).strip() for line in describe(view, WIDTH, whole=whole)]
        assert 'where = "prod"  (default)' in lines
        assert 'opts = {"n":1,"x":2}  (default: n)' in lines
        assert 'text = "a  (default)\\""' in lines


def test_a_name_that_runs_right_to_left_does_not_take_its_value_along() -> None:
    view = approval({"\u05d0": 5, "text": "\u05e9\u05dc\u05d5\u05dd", "n": "\u05d0 5 \u05d1 6"})
    lines = "\n".join(shown(view))
    assert "\\u05d0 = 5" in lines
    assert 'text = "\u05e9\u05dc\u05d5\u05dd"' in lines
    assert 'n = "\\u05d0 5 \\u05d1 6"' in lines
