"""What a message says: an approval in words, for a phone, and always the truth.

What an agent, a tool or a client chose stands in code blocks only, each value on one line, with
everything that does not print, or passes for another letter, written by its number. So no argument
can look like words of ours, like a line of its own, like a link or a button.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import tzinfo
from html import escape, unescape
from typing import Any, Final

import msgspec

from agentgate_proto.records.approval import ApprovalView
from agentgate_server.approvals import telling
from agentgate_server.approvals.words import (
    FOLDS,
    NAME_CHARS_MAX,
    SIGNATURE_CHARS_MAX,
    WORDS_CHARS_MAX,
    fold,
)

TAG = re.compile(r"<[^<>]*>")

TEXT_MAX = 4096
"""Telegram's limit for one message, in UTF-16 code units after the HTML is taken away."""

NOTICE_MAX = 200
"""Telegram's limit for the notice that answers a tap."""

ROOM = TEXT_MAX - 400
"""What the parts that grow may take of it; the rest is for headlines of ours."""

HEADLINES = {
    "waiting": "❓ <b>{agent} asks</b>",
    "approved": "✅ <b>Approved</b>{by}",
    "denied": "❌ <b>Denied</b>{by}",
    "expired": "⌛ <b>Expired</b>: nobody answered in time, nothing was run",
    "cancelled": "↩️ <b>Withdrawn</b> by the agent: nothing was run",
}
ANNOUNCED = (
    "\n<i>The buttons appear here in a moment. If they do not, look at the newer messages: it is"
    " asked there, or it was answered elsewhere.</i>"
)


class Html:
    """A :class:`~agentgate_server.approvals.telling.Manner`: as HTML."""

    def plain(self, words: str) -> str:
        """Words that may hold what others chose."""
        return escape(words)

    def code(self, words: str) -> str:
        """A name."""
        return f"<code>{escape(words)}</code>"

    def strong(self, words: str) -> str:
        """What must not be missed."""
        return f"<b>{escape(words)}</b>"


HTML: Final = Html()


def announcement(view: ApprovalView, zone: tzinfo | None = None) -> str:
    """What is sent first, without buttons: true whatever happens to the approval later."""
    return body(view, HEADLINES["waiting"].format(agent=name_of(view)), ANNOUNCED, zone)


def message_of(view: ApprovalView, zone: tzinfo | None = None, *, words: str = "") -> str:
    """What the message says when its approval stands like this, as HTML.

    Args:
        view: the approval, without secrets.
        zone: for times; None: that of this machine.
        words: of a grant: the one to confirm, or the one that was given with the approval.
    """
    by = telling.decider_of(view, HTML, zone, "telegram")
    headline = HEADLINES[view.status].format(agent=name_of(view), by=f" {by}" if by else "")
    if view.reason:
        over = "❌ <b>Denied</b>" if view.status == "denied" else "⌛ <b>Over</b>"
        headline = f"{over}: {quoted(view.reason, WORDS_CHARS_MAX)}"
    end = ""
    if words:
        what = "This would be allowed" if view.status == "waiting" else "Allowed with it"
        shown = quoted(words, WORDS_CHARS_MAX)
        end = f"\n⏱ <b>{what}</b>:\n<pre>{shown}</pre>"
        if view.grant:
            end += f"Grant /revoke_{view.grant}"
    if view.status == "approved":
        end += f"\n{telling.outcome_of(view, HTML)}"
    return body(view, headline, end, zone)


def summary_of(agent: str, count: int) -> str:
    """What is said of an agent's asks that are not told of one by one yet, as HTML."""
    name = quoted(agent, NAME_CHARS_MAX)
    if not count:
        return f"No more asks of {name} are held back."
    return (
        f"⏳ <b>and {count} more of {name}</b>: they come here one by one. /pending lists what"
        f" waits, /mute {name} silences it."
    )


def listing(headline: str, rows: Sequence[str], count: int) -> str:
    """As many rows as one message holds, and how many more there are, as HTML."""
    html, shown = headline, 0
    for row in rows:
        if length_of(unescape(TAG.sub("", f"{html}\n{row}"))) > ROOM:
            break
        html, shown = f"{html}\n{row}", shown + 1
    return f"{html}\n… and {count - shown} more" if count > shown else html


def body(view: ApprovalView, headline: str, end: str, zone: tzinfo | None) -> str:
    """The whole message, folded until it fits."""
    args = msgspec.json.decode(view.args)
    html = ""
    for value_chars_max, args_max, words_max in FOLDS:
        what = request(view, args, value_chars_max, args_max)
        lines = [headline, *what, *circumstances(view, words_max), telling.times(view, zone)]
        html = "\n".join(lines) + end
        if length_of(unescape(TAG.sub("", html))) <= ROOM:
            break
    return html


def request(
    view: ApprovalView, args: dict[str, Any], value_chars_max: int, args_max: int
) -> list[str]:
    """What is asked: the whole in one line, and each argument."""
    lines = [f"<pre>{quoted(view.signature, 3 * value_chars_max)}</pre>"]
    rows, hidden = telling.arguments(view, args, value_chars_max, args_max)
    if rows:
        lines.append(f"<pre>{escape(chr(10).join(rows))}</pre>")
    return [*lines, telling.hidden(hidden, HTML)] if hidden else lines


def circumstances(view: ApprovalView, words_max: int) -> list[str]:
    """What it is about, by whom it is asked, under which rule, what to know before saying yes."""
    return [
        *telling.about(view, words_max, HTML),
        *([] if view.status == "waiting" else [f"Agent: {name_of(view)}"]),
        *telling.said(view, words_max, HTML),
        *telling.circumstances(view, words_max, HTML),
    ]


def signature_of(view: ApprovalView) -> str:
    """The request in one short line, as HTML."""
    return quoted(view.signature, SIGNATURE_CHARS_MAX)


def quoted(words: str, chars_max: int = WORDS_CHARS_MAX) -> str:
    """Words that may hold what somebody else chose, on one line, as HTML."""
    return escape(fold(words, chars_max))


def name_of(view: ApprovalView) -> str:
    """The agent, and on whose behalf it asks, as HTML."""
    name = quoted(view.agent, NAME_CHARS_MAX)
    if not view.on_behalf_of:
        return name
    return f"{name} on behalf of {quoted(view.on_behalf_of, NAME_CHARS_MAX)}"


def length_of(text: str) -> int:
    """Count a text as Telegram does, in UTF-16 code units."""
    return len(text.encode("utf-16-le", "replace")) // 2


def notice(text: str) -> str:
    """Cut a text to what the notice of a tap may hold."""
    while length_of(text) > NOTICE_MAX:
        text = text[: NOTICE_MAX // 2 - 1 if not text.isascii() else NOTICE_MAX - 1] + "…"
    return text
