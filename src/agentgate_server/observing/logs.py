"""Logs of requests: one line for each step, all with the same ``rid``.

What happens all the time (an allowed ``read``) is said at DEBUG, what a person should find again at
INFO, what somebody should look at as WARNING. Arguments, results and error texts are never said:
they may hold anything. The database has them, under the rid.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from logging import DEBUG, INFO, WARNING

from agentgate_proto.errors import ErrorCode
from agentgate_proto.principal import Principal
from agentgate_proto.records.approval import approval_status
from agentgate_proto.records.decision import Action, Decision
from agentgate_proto.records.outcome import Status
from agentgate_proto.records.request import Effects, Record
from agentgate_server.observing.observers import Observer

log = logging.getLogger("agentgate.requests")

REFUSALS_EVERY_S = 10.0
"""An agent that asks too much is logged so often for each reason, however much it asks."""

CAPPED_EVERY_S = 60.0
"""Who is held to their share is told of so often for each cap, however much they ask for."""

REASONS_MAX = 1_000
"""Pairs of somebody and a reason that are remembered for that."""

LEVELS = {Status.FAILED: WARNING, Status.UNKNOWN: WARNING, Status.EXECUTED: INFO}
"""Of an end that no line before has told already."""


class Logs(Observer):
    """Writes the lines.

    Args:
        clock: monotonic seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._refusals = Seldom(REFUSALS_EVERY_S, clock)
        self._capped = Seldom(CAPPED_EVERY_S, clock)

    def decided(self, record: Record, decision: Decision) -> None:
        """See :class:`Observer`."""
        level = INFO if decision.action is Action.DENY else DEBUG
        if log.isEnabledFor(level):
            fields = {**about(record), "action": decision.action.value, "rule": decision.rule}
            words = {"deny": "denied", "allow": "allowed", "ask": "is to be asked about"}
            rule = decision.rule
            if decision.why:
                fields["doubt"] = decision.doubt
                rule = f"{rule} ({decision.doubt})"
            did = words[decision.action]
            log.log(
                level, "%s for %s: %s by %s", record.tool, asker(record), did, rule, extra=fields
            )

    def asked(self, record: Record) -> None:
        """See :class:`Observer`."""
        fields = {**about(record), "rule": record.rule}
        why = f" ({record.doubt})" if record.doubt else ""
        if why:
            fields["doubt"] = record.doubt
        log.info("%s for %s: a person is asked%s", record.tool, asker(record), why, extra=fields)

    def answered(self, record: Record) -> None:
        """See :class:`Observer`."""
        status = approval_status(record)
        took_s = round((record.decided_at or record.resolved_at) - record.created_at, 3)
        fields = {**about(record), "answer": status, "waited_s": took_s}
        by = ""
        if record.approver:
            fields |= {"approver": record.approver, "channel": record.channel}
            by = f" by {record.approver} ({record.channel})"
        text = "%s for %s: %s%s after %.1f s"
        log.info(text, record.tool, asker(record), status, by, took_s, extra=fields)

    def started(self, rid: str, tool: str) -> None:
        """See :class:`Observer`."""
        if log.isEnabledFor(DEBUG):
            log.debug("%s: started", tool, extra={"rid": rid, "tool": tool})

    def ended(self, record: Record) -> None:
        """See :class:`Observer`."""
        assert record.outcome is not None, "it has ended"
        status = record.outcome.status
        level = LEVELS.get(status, DEBUG)
        if level == INFO and record.effects is Effects.READ and not record.expires_at:
            level = DEBUG
        if log.isEnabledFor(level):
            took_s = round(record.resolved_at - record.created_at, 3)
            fields = {**about(record), "outcome": status.value, "took_s": took_s}
            text = "%s for %s: %s"
            log.log(level, text, record.tool, asker(record), status.value, extra=fields)

    def sent(self, rid: str) -> None:
        """See :class:`Observer`."""
        if rid and log.isEnabledFor(DEBUG):
            log.debug("the outcome was sent", extra={"rid": rid})

    def received(self, agent: str, rids: tuple[str, ...]) -> None:
        """See :class:`Observer`."""
        if log.isEnabledFor(DEBUG):
            for rid in rids:
                log.debug("delivered to %s", agent, extra={"rid": rid, "agent": agent})

    def refused(self, agent: str, tool: str, code: ErrorCode) -> None:
        """See :class:`Observer`."""
        silent = self._refusals.since(agent, code.name)
        if silent is None:
            return
        reason = code.name.lower()
        fields = {"agent": agent, "tool": tool, "reason": reason, "more": silent}
        what = f"{tool} for {agent}" if tool else f"a request of {agent}"
        log.info("%s: not taken (%s)%s", what, reason, told_of(silent), extra=fields)

    def capped(self, owner: str, cap: str) -> None:
        """See :class:`Observer`."""
        silent = self._capped.since(owner, cap)
        if silent is not None:
            fields = {"owner": owner, "cap": cap, "more": silent}
            text = "%s has had its share (%s)%s"
            log.warning(text, owner or "somebody unknown", cap, told_of(silent), extra=fields)

    def connected(self, principal: Principal, address: str) -> None:
        """See :class:`Observer`."""
        if log.isEnabledFor(INFO):
            fields = {"principal": principal.name, "role": principal.role.value, "address": address}
            log.info("%s connected from %s", principal.name, address, extra=fields)

    def disconnected(self, principal: Principal, code: int) -> None:
        """See :class:`Observer`."""
        if log.isEnabledFor(INFO):
            fields = {"principal": principal.name, "role": principal.role.value, "code": code}
            log.info("%s disconnected (%d)", principal.name, code, extra=fields)

    def login_failed(self, address: str) -> None:
        """See :class:`Observer`."""
        log.warning("wrong token from %s", address, extra={"address": address})

    def agent_login_failed(self, agent: str, by: str, behalf: str, address: str) -> None:
        """See :class:`Observer`. A name that is no agent's is not said: it may be a password."""
        fields = {"agent": agent, "principal": by, "address": address}
        whose = f"of the agent {agent}" if agent else "of an agent that is none"
        if behalf:
            fields["on_behalf_of"] = behalf
            by = f"{by} on behalf of {behalf!r}"  # a relay names whom it likes: no line may break
        log.warning("wrong password %s by %s from %s", whose, by, address, extra=fields)


class Seldom:
    """Says when it is time for another line about the same.

    Args:
        every_s: how often it is, for each pair of somebody and a reason.
        clock: monotonic seconds.
    """

    def __init__(self, every_s: float, clock: Callable[[], float]) -> None:
        self._every_s = every_s
        self._clock = clock
        self._next: dict[tuple[str, str], tuple[float, int]] = {}

    def __len__(self) -> int:
        """How many pairs are remembered."""
        return len(self._next)

    def since(self, who: str, reason: str) -> int | None:
        """Return how many times there was no line since the last one, or None: none is due."""
        now = self._clock()
        next_at, silent = self._next.get((who, reason), (now, 0))
        if now < next_at:
            self._next[who, reason] = (next_at, silent + 1)
            return None
        if len(self._next) >= REASONS_MAX:
            self._next.clear()
        self._next[who, reason] = (now + self._every_s, 0)
        return silent


def told_of(silent: int) -> str:
    """What a line adds about those that there were no lines about."""
    return f", and {silent} more since the last such line" if silent else ""


def about(record: Record) -> dict[str, object]:
    """What every line of a request says."""
    fields: dict[str, object] = {
        "rid": record.rid,
        "agent": record.principal,
        "tool": record.tool,
    }
    if record.relayed.principal:
        fields["on_behalf_of"] = record.relayed.principal
    return fields


def asker(record: Record) -> str:
    """Who asked; of a relay also for whom, in its words."""
    first = record.relayed.principal
    return f"{record.principal} on behalf of {first}" if first else record.principal
