"""An approval as a person reads it: what is asked, by whom, under which rule, for how long."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from textwrap import TextWrapper
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from agentgate_cli.style import bad, bold, dim, good, warn
from agentgate_cli.text import (
    args_line,
    clock,
    compact,
    cut,
    duration,
    fold,
    parse_time,
    plural,
    printable,
)
from agentgate_proto.digest import canonical_args, digest_of
from agentgate_proto.records.filling import mark_of
from agentgate_proto.records.naming import in_order, shown_names
from agentgate_proto.text.showing import straight

if TYPE_CHECKING:
    from agentgate_proto.records.approval import ApprovalView

ARGS_MAX = 20
"""Arguments shown one by one, unless more of them say on what is acted: all of those are shown.
That there are others is said in a colour that warns."""

HEADLINE_CHARS_MAX = 160
"""Of the signature: two lines."""

NAME_CHARS_MAX = 60
"""The name of one argument; a longer one is folded, and the fold says so."""

WIDTH_MIN = 30
"""Of the right column, on however narrow a terminal."""

LINES_MAX = 12
"""Of a text in a prompt: a letter. Of a longer one the middle is left out, and it is said."""

LAST_LINES = 3
"""How many of them are its last: what is hidden is hidden at the end."""

LINE_CHARS_MAX = 240
"""Of one of its lines, about three rows."""

BAR = "│"
"""Before each line of a text that has several."""

LABEL_CHARS = 9
"""The left column: as wide as "  warning"."""


class Row(NamedTuple):
    """One row of a prompt: a label of ours, and what belongs to it."""

    label: str
    text: str
    style: Callable[[str], str] = str


def describe(view: ApprovalView, width: int, *, whole: bool = False) -> list[str]:
    """Show an approval that waits, in lines of about ``width`` characters.

    What an agent chose stands in the right column only, and can't begin a line, so that no
    argument looks like a rule.

    Args:
        view: the approval, all of it.
        width: characters in a line.
        whole: fold nothing, and leave no argument out.
    """
    rows = [Row("ask", headline(view), bold), *(whole_rows if whole else argument_rows)(view)]
    if view.about:
        rows.append(Row("now", printable(view.about)))
    rows.append(Row("agent", printable(view.asker)))
    if view.why:
        rows.append(Row("says", f"“{printable(view.why)}” (the agent's own words)"))
    rule = printable(view.rule)
    if view.description:
        rule = f"{printable(view.description)} ({rule})"
    rows.append(Row("rule", rule))
    if view.doubt:
        rows.append(Row("because", printable(view.doubt), warn))
    if view.warning:
        rows.append(Row("warning", printable(view.warning), warn))
    if needs := needs_of(view):
        rows.append(Row("needs", needs, warn))
    if view.repeats:
        times = plural(view.repeats, "more time")
        rows.append(Row("repeats", f"asked {times} meanwhile; all get this answer"))
    now = time.time()
    asked = duration(now - parse_time(view.created_at))
    left = duration(parse_time(view.expires_at) - now)
    rows.append(Row("time", f"asked {asked} ago, expires in {left} ({clock(view.expires_at)})"))
    rows.append(Row("id", printable(view.id), dim))
    return [line for row in rows for line in laid_out(row, width)]


def headline(view: ApprovalView) -> str:
    """What is asked in a line or two: the signature, which begins with the tool's name."""
    text = printable(cut(view.signature, HEADLINE_CHARS_MAX))
    return cut(text, HEADLINE_CHARS_MAX)


def needs_of(view: ApprovalView) -> str:
    """Say what a yes takes besides one person's tap, or ""."""
    needs = []
    if view.approvers_needed > 1:
        so_far = ", ".join(map(printable, view.approved_by)) or "nobody"
        needs.append(f"{view.approvers_needed} people, so far {so_far}")
    if view.needs_code:
        needs.append("a one-time code")
    return "; ".join(needs)


def argument_rows(view: ApprovalView) -> Iterator[Row]:
    """Yield the arguments as names and JSON, long ones folded."""
    decoded: Any = msgspec.json.decode(view.args)
    if "args" in view.shortened:
        yield Row("", fold(args_line(decoded, view.shortened)))
        yield Row("", "… and more than can be shown: deny it if you did not expect that", warn)
        return
    args: dict[str, Any] = decoded
    shown = shown_names(args, ARGS_MAX)
    for name in shown:
        lines = lines_of(args[name])
        if len(lines) > 1:
            yield Row("", marked(f"{shown_name(name)} = {counted(lines)}", view, name))
            yield from folded_lines(lines, view)
        else:
            text = f"{shown_name(name)} = {fold(compact(args[name]))}"
            yield Row("", marked(text, view, name))
    if len(args) > len(shown):
        count = len(args) - len(shown)
        yield Row(
            "", f"… and {count} more: see 'agent-gate approvals show {printable(view.id)}'", warn
        )


def shown_name(name: str) -> str:
    """The name of an argument; the value beside it keeps its place, however the name is written."""
    return fold(straight(printable(name)), NAME_CHARS_MAX)


def whole_rows(view: ApprovalView) -> Iterator[Row]:
    """Yield all arguments, however long, and the digest that the approval is bound to.

    A text of several lines has each on a line of its own, so that a letter can be read; the bar
    before it says that it is still the same text.

    Where something is hidden, the digest of the request is another one, and in the audit alone.
    """
    args: dict[str, Any] = msgspec.json.decode(view.args)
    for name in in_order(args):
        value = args[name]
        lines = lines_of(value)
        if len(lines) > 1:
            yield Row("", marked(f"{straight(printable(name))} = {counted(lines)}", view, name))
            yield from (Row("", f"{BAR} {printable(line)}") for line in lines)
        else:
            yield Row("", marked(f"{straight(printable(name))} = {compact(value)}", view, name))
    yield Row("digest", digest_of(view.tool, canonical_args(args)), dim)


def lines_of(value: Any) -> list[str]:
    """Return the lines of a text, so that a letter can be read; of anything else there are none."""
    return value.split("\n") if isinstance(value, str) else []


def counted(lines: Sequence[str]) -> str:
    """Say that lines follow."""
    return f"a text of {plural(len(lines), 'line')}:"


def folded_lines(lines: Sequence[str], view: ApprovalView) -> Iterator[Row]:
    """Yield the lines of a text; of a long one the first and the last, and how many are missing."""
    missing = len(lines) - LINES_MAX
    head = lines if missing <= 0 else lines[: LINES_MAX - LAST_LINES]
    yield from (bar_row(line) for line in head)
    if missing > 0:
        more = f"… {plural(missing, 'line')} more: see 'agent-gate approvals show {view.id[-8:]}'"
        yield Row("", printable(more), warn)
        yield from (bar_row(line) for line in lines[-LAST_LINES:])


def bar_row(line: str) -> Row:
    """One line of a text; the bar says that it is no line of ours."""
    return Row("", f"{BAR} {fold(printable(line), LINE_CHARS_MAX)}")


def marked(text: str, view: ApprovalView, name: str) -> str:
    """An argument, with what of it nobody has written. The value is JSON, so no value ends so."""
    return f"{text}  {mark_of(name, view.defaults)}".rstrip()


def laid_out(row: Row, width: int) -> list[str]:
    """Lay out one row; what does not fit goes on below, in the right column."""
    wrapper = TextWrapper(
        max(width - LABEL_CHARS - 1, WIDTH_MIN),
        break_on_hyphens=False,
        drop_whitespace=False,
        # What goes on below must not pass for another argument: in a text, quotes are just that
        subsequent_indent=f"{BAR} " if row.text.startswith(BAR) else "",
    )
    first, *rest = wrapper.wrap(row.text) or [""]
    head = dim(f"{'  ' + row.label:<{LABEL_CHARS}}") + " "
    indent = " " * (LABEL_CHARS + 1)
    return [head + row.style(first), *(indent + row.style(line) for line in rest)]


def settled(view: ApprovalView) -> str:
    """Say how an approval ended, in one line: the truth, whoever made it."""
    by = f" by {printable(view.decided_by)} ({printable(view.channel)})" if view.decided_by else ""
    at = f" at {clock(view.decided_at)}" if view.decided_at else ""
    match view.status:
        case "waiting":
            missing = view.approvers_needed - len(view.approved_by)
            said = ", ".join(map(printable, view.approved_by))
            return good("yes") + f" from {said}; {missing} more must say so"
        case "approved":
            edited = f", edited: {'; '.join(map(printable, view.changes))}" if view.changes else ""
            return good("approved") + f"{by}{at}{edited}{word_of(view)}"
        case "denied":
            return bad("denied") + f"{by}{at}{word_of(view)}"
        case "expired":
            why = printable(view.reason) if view.reason else "nobody answered in time"
            return warn("expired") + f": {why}"
        case "cancelled":
            return warn("withdrawn") + " by the agent"
        case _:
            return warn("settled") + " while the gateway could not be reached"


def word_of(view: ApprovalView) -> str:
    """What was said to the agent with the answer, or ""."""
    return f", saying “{printable(view.word)}”" if view.word else ""


def ended(view: ApprovalView) -> str:
    """Say how the tool of an approved request ended, or ""."""
    match view.outcome:
        case "":
            return ""
        case "executed":
            return good("done")
        case "unknown":
            return warn("unknown: it may have taken effect")
        case _:
            return bad(printable(view.outcome))
