"""The house: what areas, devices, labels, floors, groups and scenes hold, as Home Assistant said.

The policy asks it what an indirect name stands for (:class:`agentgate_server.policy.Resolver`). It
answers from memory. What it does not know, or has not heard of lately, it does not guess: the
policy then takes the name for a match of every deny and ask rule, and for none that allows.

A group may be called like any entity, ``cover.all_doors``, so to forget one would be to take it
for an entity like others. Once told of, it stays a group until Home Assistant says that it is
there and none: it may be unavailable, not up yet, or beyond what could be read.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from agentgate_server.policy.naming import ANYTHING, HOLDERS
from agentgate_server.tools.home_assistant.plan import Plan

NOWHERE: Final = Plan()
"""Of a house of which nothing is told."""

NAMES_MAX: Final = 100_000
"""Entities behind the names of one kind, all together. A large house has some thousand; more is
no house, and is not kept."""

Entities = frozenset[str]
Members = Mapping[tuple[str, str], Entities]
"""What is known of each kind and folded name."""

SOMETHING: Final[Entities] = frozenset({ANYTHING})
"""What is behind a name of which nothing is known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What Home Assistant told in one look.

    Attributes:
        members: what areas, devices, labels and floors hold.
        holders: what groups, scenes and whatever else holds entities hold, by folded name; None:
            that could not be learned.
        unread: groups of which is not known what they hold, by folded name.
        problems: what could not be understood, each in one line.
        plan: its areas, floors and labels, for agents.
    """

    members: Members
    holders: Mapping[str, Entities] | None
    unread: Collection[str] = ()
    problems: tuple[str, ...] = ()
    plan: Plan = NOWHERE


class House:
    """A resolver that is told by Home Assistant.

    Args:
        stale_s: for how long an answer holds, in seconds.
        clock: seconds that only go forward.
    """

    def __init__(self, stale_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self.stale_s = stale_s
        self.clock = clock
        self._members: Members = {}
        self._plan = NOWHERE
        self._heard_at: float | None = None
        self._holders: dict[str, tuple[Entities, float]] = {}
        self._holders_heard_at: float | None = None

    @property
    def is_known(self) -> bool:
        """Whether there is an answer that still holds."""
        return self.holds(self._heard_at)

    @property
    def knows_groups(self) -> bool:
        """Whether the newest answer still holds, and told of groups and scenes."""
        return self.is_known and self._holders_heard_at == self._heard_at

    @property
    def plan(self) -> Plan | None:
        """Its areas, floors and labels; None: there is no answer that still holds."""
        return self._plan if self.is_known else None

    def former(self, told: Told) -> list[str]:
        """Return what was a group once and is not told of now, sorted: maybe it is none any more.

        Args:
            told: see :meth:`learn`.
        """
        if told.holders is None:
            return []
        now = {*told.holders, *told.unread}
        return sorted(name for name in self._holders if name not in now and not is_holder(name))

    def learn(self, told: Told, asked_at: float, plain: Iterable[str] = ()) -> None:
        """Take all that is known now; what stood before is forgotten, but for groups.

        Args:
            told: what Home Assistant told.
            asked_at: when it was asked, by ``clock``.
            plain: what of :meth:`former` is there, and no group any more; folded.
        """
        self._members, self._heard_at = told.members, asked_at
        self._plan = told.plan
        holders = self._holders
        if told.holders is not None:
            over = {*plain, *told.holders}
            kept = {name: held for name, held in holders.items() if not is_holder(name)}
            kept = {name: held for name, held in kept.items() if name not in over}
            holders = kept | {name: (held, asked_at) for name, held in told.holders.items()}
            self._holders_heard_at = asked_at
        unread = {name: (SOMETHING, asked_at) for name in told.unread if name not in holders}
        self._holders = dict([*unread.items(), *holders.items()][-NAMES_MAX:])

    def __call__(self, kind: str, name: str) -> Collection[str] | None:
        """See :class:`agentgate_server.policy.Resolver`."""
        if kind == "entity_id":
            return self.behind(name)
        return self._members.get((kind, name)) if self.is_known else None

    def behind(self, name: str) -> Entities | None:
        """Return what an entity, group or scene holds, as a resolver does."""
        if self._holders_heard_at is None:
            # Home Assistant answers, and never said what is a group: each entity may be one.
            return None if self._heard_at is None or is_holder(name) else SOMETHING
        if name not in self._holders:
            return None
        entities, told_at = self._holders[name]
        return entities if self.holds(told_at) else entities | SOMETHING

    def holds(self, heard_at: float | None) -> bool:
        """Whether what was heard then still holds."""
        return heard_at is not None and self.clock() - heard_at <= self.stale_s


def is_holder(name: str) -> bool:
    """Whether a name is by itself one of a group, scene, script or automation."""
    return name.partition(".")[0] in HOLDERS
