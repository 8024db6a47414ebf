"""What a message says: true, readable, within Telegram's limits, and nothing an agent can fake."""

from __future__ import annotations

from datetime import UTC
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentgate_cli.standins.telegram_html import length_of, parse_html
from agentgate_proto.records.approval import ApprovalView
from agentgate_proto.records.naming import NAMING
from agentgate_server.approvals import words as words_module
from agentgate_server.approvals.telegram import text
from agentgate_server.policy import signature_of

FAKE = "</pre>\n✅ <b>Approved</b> by owner\n<a href='tg://x'>Deny</a>&lt;b&gt;\nRule: all"


DENIED = {"status": "denied", "decided_at": "2026-11-20T10:01:00.000Z"}


def view(args: dict[str, Any] | None = None, /, **fields: Any) -> ApprovalView:
    args = {"text": "hello"} if args is None else args
    base = ApprovalView(
        id="0" * 36,
        agent="garden",
        tool="note",
        args=msgspec.Raw(msgspec.json.encode(args)),
        signature=signature_of("note", args),
        rule="permissions.yaml:12",
        created_at="2026-11-20T10:00:00.000Z",
        expires_at="2026-11-20T10:15:00.000Z",
        status="waiting",
        description="writes are asked for",
    )
    return msgspec.structs.replace(base, **fields)


def seen(a_view: ApprovalView, words: str = "") -> tuple[str, list[tuple[str, str]]]:
    """The text that a person reads, and its styles."""
    plain, entities = parse_html(text.message_of(a_view, UTC, words=words))
    return plain, [(entity.kind, entity.text) for entity in entities]


def test_a_waiting_approval_says_who_wants_what_and_until_when() -> None:
    assert seen(view())[0].splitlines() == [
        "❓ garden asks",
        "note(hello)",
        'text: "hello"',
        "Rule: writes are asked for (permissions.yaml:12)",
        "Asked 10:00:00 UTC, expires 10:15:00 UTC",
    ]


def test_what_a_relay_asks_says_on_whose_behalf() -> None:
    shown = seen(view(agent="office", on_behalf_of="garden\n✅ ann"))[0].splitlines()
    assert shown[0] == "❓ office on behalf of garden\\n✅ ann asks"


SETTLED = {"decided_by": "owner", "decided_at": "2026-11-20T10:01:00.000Z"}


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        (
            {**SETTLED, "status": "approved", "channel": "telegram"},
            ["✅ Approved by owner, 10:01:00 UTC", "how it ended will be said here"],
        ),
        (
            {**SETTLED, "status": "approved", "channel": "terminal", "outcome": "executed"},
            ["Approved by owner (terminal), 10:01:00 UTC", "The tool has run."],
        ),
        ({**SETTLED, "status": "approved", "outcome": "failed"}, ["The tool failed."]),
        ({**SETTLED, "status": "approved", "outcome": "unknown"}, ["Nobody knows whether"]),
        ({**SETTLED, "status": "approved", "outcome": "cancelled"}, ["the tool did not run"]),
        ({**SETTLED, "status": "denied"}, ["❌ Denied by owner"]),
        ({"status": "denied"}, ["❌ Denied\n"]),
        ({"status": "expired"}, ["Expired", "nothing was run"]),
        ({"status": "expired", "reason": "A <b> changed"}, ["Over: A <b> changed"]),
        ({"status": "cancelled"}, ["Withdrawn by the agent"]),
        ({"warning": "it may already have run"}, ["Warning: it may already have run"]),
        ({"repeats": 3}, ["Asked 3 times more meanwhile"]),
        ({"needs_code": True}, ["takes a one-time code"]),
        ({"approvers_needed": 2, "approved_by": ("ann",)}, ["Takes 2 people; yes from ann"]),
        ({"expires_at": "2026-11-21T10:00:00.000Z"}, ["expires 2026-11-21 10:00:00 UTC"]),
    ],
)
def test_each_state_is_said_in_words(fields: dict[str, Any], says: list[str]) -> None:
    plain, _ = seen(view(**fields))
    for words in says:
        assert words in plain


def test_the_announcement_claims_nothing_that_could_become_untrue() -> None:
    plain, _ = parse_html(text.announcement(view(), UTC))
    assert plain.startswith("❓ garden asks")
    assert "waiting" not in plain
    assert "look at the newer messages" in plain


@pytest.mark.parametrize(
    "fields",
    [
        {"args": msgspec.Raw(msgspec.json.encode({"text": FAKE}))},
        {"args": msgspec.Raw(msgspec.json.encode({FAKE: 1}))},
        {"args": msgspec.Raw(msgspec.json.encode({"a": {FAKE: [FAKE]}}))},
        {"tool": FAKE},
        {"agent": FAKE},
        {"description": FAKE, "warning": FAKE},
        {
            "decided_by": FAKE,
            "channel": FAKE,
            "status": "denied",
            "decided_at": "2026-11-20T10:01Z",
        },
    ],
    ids=["value", "name", "nested", "tool", "agent", "rule", "approver"],
)
def test_nothing_in_a_request_can_add_a_line_a_link_or_words_of_ours(
    fields: dict[str, Any],
) -> None:
    honest = seen(view(**{**fields, **plain_of(fields)}))
    plain, styles = seen(view(**fields))
    assert len(plain.splitlines()) == len(honest[0].splitlines())
    assert [kind for kind, _ in styles] == [kind for kind, _ in honest[1]]
    assert ("bold", "Approved") not in styles
    assert "text_link" not in [kind for kind, _ in styles]


def plain_of(fields: dict[str, Any]) -> dict[str, Any]:
    """The same fields with harmless values in place of ``FAKE``."""
    return {
        name: msgspec.Raw(bytes(value).replace(msgspec.json.encode(FAKE), b'"harmless"'))
        if isinstance(value, msgspec.Raw)
        else value.replace(FAKE, "harmless")
        for name, value in fields.items()
    }


def test_what_cannot_be_seen_is_shown_by_its_number() -> None:
    plain, _ = seen(view({"text": "a\u202eb\u200bc\u2066d"}, agent="\u202eadmin"))
    assert "a\\u202eb\\u200bc\\u2066d" in plain
    assert "\\u202eadmin asks" in plain
    assert not set(plain) & {"\u202e", "\u200b", "\u2066"}


def test_a_name_that_runs_right_to_left_does_not_take_its_value_along() -> None:
    assert words_module.argument("\u05d0", 5, 80) == "\\u05d0: 5"
    assert (
        words_module.argument("text", "\u05e9\u05dc\u05d5\u05dd", 80)
        == 'text: "\u05e9\u05dc\u05d5\u05dd"'
    )


def test_a_long_value_is_folded_and_says_so() -> None:
    plain, _ = seen(view({"text": "x" * 10_000}))
    assert "more characters)…" in plain


def test_more_arguments_than_fit_are_counted_loudly() -> None:
    plain, styles = seen(view({f"name{number}": "v" for number in range(50)}))
    assert "30 more arguments are not shown here" in plain
    assert ("bold", "30 more arguments are not shown here") in styles


@pytest.mark.parametrize("char", ["x", "😀", "\u202e"])
def test_all_that_says_on_what_is_acted_is_shown_whatever_else_is_asked(char: str) -> None:
    fillers = {f"a{number:02}": char * 5_000 for number in range(100)}
    a_view = view(
        fillers | dict.fromkeys(NAMING, char * 1000),
        warning=char * 2_000,
        description=char * 2_000,
        signature=char * 2_000,
    )
    for html in (text.announcement(a_view, UTC), text.message_of(a_view, UTC, words=char * 2_000)):
        plain, _ = parse_html(html)
        assert length_of(plain) <= text.TEXT_MAX
        assert all(f"\n{name}: " in f"\n{plain}" for name in NAMING)
        assert "more arguments are not shown here" in plain


def test_what_is_acted_on_comes_before_what_was_added() -> None:
    args = {"a00": 1, "service": "unlock", "domain": "lock", "entity_id": "lock.front"}
    plain, _ = seen(view(args))
    assert 'domain: "lock"\nservice: "unlock"\nentity_id: "lock.front"\na00: 1' in plain


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)


@settings(max_examples=60, deadline=None)
@given(
    st.dictionaries(st.text(), ANYTHING),
    st.text(),
    st.text(),
    st.sampled_from(["waiting", "approved", "denied", "expired", "cancelled"]),
)
def test_whatever_is_asked_telegram_takes_it(
    args: dict[str, Any], name: str, words: str, status: str
) -> None:
    encoded = msgspec.json.encode(args)
    a_view = view(
        tool=name,
        args=msgspec.Raw(encoded),
        agent=name,
        description=words,
        warning=words,
        status=status,
    )
    for html in (text.announcement(a_view, UTC), text.message_of(a_view, UTC, words=words)):
        plain, _ = parse_html(html)
        assert 0 < length_of(plain) <= text.TEXT_MAX


@pytest.mark.parametrize("char", ["x", "😀", "<", '"', "\u202e", "ä"])
def test_the_longest_request_fits(char: str) -> None:
    args = {f"{char * 100}{number}": {char * 500: [char * 5_000]} for number in range(200)}
    long = char * 20_000
    a_view = view(
        args,
        tool=char * 256,
        agent=char * 256,
        description=long,
        warning=long,
        approvers_needed=9,
        approved_by=(char * 256,) * 8,
        repeats=10**6,
        needs_code=True,
        rule=char * 300,
    )
    for html in (text.announcement(a_view, UTC), text.message_of(a_view, UTC, words=long)):
        plain, _ = parse_html(html)
        assert length_of(plain) <= text.TEXT_MAX


@pytest.mark.parametrize("char", ["x", "😀", "ä", "<"])
def test_a_notice_fits_however_it_is_counted(char: str) -> None:
    notice = text.notice(char * 1_000)
    assert length_of(notice) <= text.NOTICE_MAX
    assert notice.endswith("…")
    assert text.notice("Approved") == "Approved"


def test_no_argument_pushes_a_part_of_a_warning_out() -> None:
    warning = "the hidden 'code' repeats what stands in 'entity_id'; " * 12
    args = {f"a{number:02}": "x" * 5_000 for number in range(40)}
    plain, _ = parse_html(text.message_of(view(args, warning=warning, description="x" * 900), UTC))
    assert f"Warning: {warning}" in plain
    assert length_of(plain) <= text.TEXT_MAX


def test_what_nobody_has_written_is_marked_beside_its_value() -> None:
    args = {"where": "prod", "opts": {"n": 1, "x": 2}, "text": "a  (default)"}
    lines = seen(view(args, defaults=("/where", "/opts/n")))[0].splitlines()
    assert 'where: "prod"  (default)' in lines
    assert 'opts: {"n":1,"x":2}  (default: n)' in lines
    assert 'text: "a  (default)"' in lines


def test_the_doubt_by_which_a_rule_asks_is_said_and_can_say_nothing_else() -> None:
    shown = seen(view(doubt="what script.x reaches is not known\n✅ Approved"))[0].splitlines()
    assert [line for line in shown if line.startswith("Because: ")] == [
        "Because: what script.x reaches is not known\\n✅ Approved"
    ]


@pytest.mark.parametrize(("status", "word"), [({}, "Now"), (DENIED, "Then")])
def test_what_it_is_about_is_said_in_one_line_and_can_say_nothing_else(
    status: dict[str, Any], word: str
) -> None:
    shown = seen(view(about="Hall\n✅ Approved (on) → off", **status))[0].splitlines()
    assert f"{word}: Hall\\n✅ Approved (on) → off" in shown


def test_what_a_new_policy_denied_says_so() -> None:
    ended = view(status="denied", reason="Denied by policy: after hours")
    assert seen(ended)[0].splitlines()[0] == "❌ Denied: Denied by policy: after hours"
