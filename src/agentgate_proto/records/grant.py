"""A grant: an approval that also covers later requests of the same kind, until it ends.

What it covers is fixed when it is given: the same agent, the same tool, and the arguments of the
request it was given with, exactly, but for those that the person let differ. It ends at a time or
after a number of uses, whichever comes first, or when somebody revokes it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec

from agentgate_proto.digest import canonical_args
from agentgate_proto.records.request import Record

GRANT_MINUTES_MAX = 1_440.0
"""A day: what a person allowed yesterday they would not remember today."""

GRANT_USES_MAX = 1_000
"""Uses of one grant; a loop that has gone wild ends there."""

ANY_ARGS_MAX = 64
"""Arguments that may differ; no tool that people approve has more."""

VALUE_CHARS_MAX = 200
"""Of one argument in the words of a grant; the request itself shows it whole."""

ARGS_SHOWN_MAX = 20
"""Arguments in the words of a grant."""

CLOCK_BACK_S = 60.0
"""By so much may the clock be set back, and a grant holds all the same."""

PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_.:@/-]*")
"""Texts that need no quotes: they cannot be taken for a number or for several arguments."""

JSON_WORDS = frozenset({"true", "false", "null"})


class GrantTerms(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What else an approval is to cover. Give ``minutes``, ``uses`` or both.

    Attributes:
        minutes: how long; without it a day.
        uses: how often, the request that is approved included; without it 1000 times.
        any_args: names of arguments that may differ; all others must be exactly as they are.

    Raises:
        ValueError: nothing bounds it, or a bound is out of range.
    """

    minutes: float | None = None
    uses: int | None = None
    any_args: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.minutes is None and self.uses is None:
            raise ValueError("a grant needs minutes, uses or both")
        if self.minutes is not None and not 0 < self.minutes <= GRANT_MINUTES_MAX:
            raise ValueError(f"minutes must be above 0 and at most {GRANT_MINUTES_MAX:g}")
        if self.uses is not None and not 1 <= self.uses <= GRANT_USES_MAX:
            raise ValueError(f"uses must be 1 to {GRANT_USES_MAX}")
        if len(self.any_args) > ANY_ARGS_MAX:
            raise ValueError(f"at most {ANY_ARGS_MAX} arguments may differ")


class Grant(msgspec.Struct, frozen=True, kw_only=True):
    """One grant, as it is stored.

    Attributes:
        id: unguessable.
        agent, tool: whose requests for what.
        on_behalf_of: if the agent is a relay: for whom; "": for itself.
        args: canonical JSON of the arguments that are fixed.
        any_args: names of those that may differ.
        created_at, expires_at: UTC seconds.
        uses_max, uses: how often it may be used, and was; the request it was given with counts.
        approver, channel: who gave it, where.
        rid: the request it was given with.
        revoked_at, revoked_by: when and by whom it was ended; 0 and "" if it was not.
        definition: of the tool, as the request it was given with has it: it covers no other.
    """

    id: str
    agent: str
    tool: str
    args: msgspec.Raw
    any_args: tuple[str, ...]
    created_at: float
    expires_at: float
    uses_max: int
    uses: int
    approver: str
    channel: str
    rid: str
    revoked_at: float = 0.0
    revoked_by: str = ""
    on_behalf_of: str = ""
    definition: str = ""

    def covers(self, args: Mapping[str, Any], on_behalf_of: str = "", definition: str = "") -> bool:
        """Whether a request with these arguments is one of those that the person had in mind."""
        if (on_behalf_of, definition) != (self.on_behalf_of, self.definition):
            return False
        fixed = {name: value for name, value in args.items() if name not in self.any_args}
        return canonical_args(fixed) == bytes(self.args)

    def ended(self, now: float) -> str:
        """Return how it ended, "expired", "used up" or "revoked"; "": it has not.

        Before it was given it has expired, too: a clock that went back makes no year of an hour.
        """
        if self.revoked_at:
            return "revoked"
        if self.uses >= self.uses_max:
            return "used up"
        is_now = self.created_at - CLOCK_BACK_S <= now < self.expires_at
        return "" if is_now else "expired"


def grant_of(record: Record, terms: GrantTerms, approver: str, channel: str, now: float) -> Grant:
    """Make the grant that a person gives with an approval.

    Raises:
        ValueError: the request has no argument of a name that may differ.
    """
    args: dict[str, Any] = msgspec.json.decode(record.args)
    for name in terms.any_args:
        if name not in args:
            raise ValueError(f"the request has no argument {name[:VALUE_CHARS_MAX]!r}")
    fixed = {name: value for name, value in args.items() if name not in terms.any_args}
    minutes = GRANT_MINUTES_MAX if terms.minutes is None else terms.minutes
    return Grant(
        id=f"g{record.rid}",
        agent=record.principal,
        tool=record.tool,
        args=msgspec.Raw(canonical_args(fixed)),
        any_args=tuple(dict.fromkeys(terms.any_args)),
        created_at=now,
        expires_at=now + minutes * 60.0,
        uses_max=GRANT_USES_MAX if terms.uses is None else terms.uses,
        uses=1,
        approver=approver,
        channel=channel,
        rid=record.rid,
        on_behalf_of=record.relayed.principal,
        definition=record.definition,
    )


def grant_words(record: Record, terms: GrantTerms, now: float) -> str:
    """Say what a grant would allow: the sentence that a person confirms.

    Raises:
        ValueError: as for :func:`grant_of`.
    """
    return words_of(grant_of(record, terms, "", "", now))


def words_of(grant: Grant) -> str:
    """Say what a grant allows, in one sentence.

    Values come from the agent; what could be mistaken for other words is quoted as JSON. It may
    still hold characters that do not print: whoever shows it must take care of them.
    """
    args: dict[str, Any] = msgspec.json.decode(grant.args)
    parts = [f"{plain(name)}={shown(value)}" for name, value in args.items()]
    parts += [f"any {plain(name)}" for name in grant.any_args]
    if len(parts) > ARGS_SHOWN_MAX:
        more = len(parts) - ARGS_SHOWN_MAX
        parts[ARGS_SHOWN_MAX:] = [f"{more} more arguments as in the request"]
    what = f"with {', '.join(parts)}" if parts else "without arguments"
    ends = datetime.fromtimestamp(grant.expires_at, UTC)
    same_day = ends.date() == datetime.fromtimestamp(grant.created_at, UTC).date()
    until = ends.strftime("%H:%M UTC" if same_day else "%Y-%m-%d %H:%M UTC")
    times = "once" if grant.uses_max == 1 else f"at most {grant.uses_max} times"
    agent = grant.agent
    if grant.on_behalf_of:
        agent += f" on behalf of {plain(grant.on_behalf_of)}"
    return f"{agent} may call {grant.tool} {what}, until {until}, {times}"


def plain(text: str) -> str:
    """Return a text as it is, or as JSON where it could be taken for something else."""
    if PLAIN.fullmatch(text) and text not in JSON_WORDS:
        return cut(text)
    return cut(msgspec.json.encode(text).decode())


def shown(value: Any) -> str:
    """Return an argument's value in words."""
    if isinstance(value, str):
        return plain(value)
    return cut(canonical_args(value).decode())


def cut(text: str) -> str:
    """Cut the end off a long value, and say how much is missing."""
    if len(text) <= VALUE_CHARS_MAX:
        return text
    return f"{text[:VALUE_CHARS_MAX]}…[{len(text) - VALUE_CHARS_MAX} characters more]"
