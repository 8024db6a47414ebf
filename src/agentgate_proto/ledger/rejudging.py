"""Rejudging: what waits for people meets the policy that is in force when they answer.

A request is judged when it comes, and a person may answer an hour later. So it is judged again when
another policy is put in force, and at each yes. Only what is stricter counts:

- A rule that denies it ends it, for all who wait for it, and nothing was run.
- A rule that asks for more people, or for a code, applies from now on. Who has said yes already
  said so to another question, and is asked again.
- What comes of a doubt changes nothing for good, for a doubt may pass: a house that does not answer
  at this moment. But no yes is taken while it lasts.

A policy that is laxer changes nothing: people were asked, and they answer. A yes that is being
written was given under the policy of its moment, and stands if it can be written.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec
from msgspec.structs import replace

from agentgate_proto.errors import ErrorCode
from agentgate_proto.ledger.live import Live
from agentgate_proto.records.decision import Action, Decision
from agentgate_proto.records.outcome import Status, ended
from agentgate_proto.records.request import Phase, Record

JudgeAgain = Callable[[Record, Mapping[str, Any], float], Decision]
"""The policy in force, asked about what it was asked about before: nothing is counted."""


class Rejudging:
    """Judges again.

    Args:
        judge: the policy in force.
        end: ends the waiting of a request that is withdrawn, as ``withdrawn_as`` says.
        demand: stores a request that waits and shows it anew.
    """

    def __init__(
        self, judge: JudgeAgain, end: Callable[[Live], None], demand: Callable[[Live], None]
    ) -> None:
        self._judge = judge
        self._end = end
        self._demand = demand

    def look(self, live: Live, now: float) -> str:
        """Judge a request that waits.

        Returns:
            why no yes counts at this moment; "": it may be taken, under the demands that the record
            has now. If it is denied for certain its waiting ends here; the text says how.
        """
        record = live.record
        if record.phase is not Phase.WAITING:
            return ""
        decision = self._judge(record, msgspec.json.decode(bytes(record.args)), now)
        stricter = is_stricter(decision, record)
        if stricter and decision.why:
            return f"it takes more people, or a code, while {decision.doubt}"
        if decision.action is Action.DENY:
            denied = ended(Status.DENIED, ErrorCode.DENIED_BY_POLICY, decision.words)
            if not decision.why:
                live.record = ruled(record, decision)
                live.withdrawn_as, live.withdrawn_at = denied, now
                live.abandoned = True
                self._end(live)
            return denied.message
        if stricter:
            if live.stored is None or live.endorsing:
                live.decision = decision  # one write at a time
            else:
                self._apply(live, decision)
        return ""

    def objection_to(self, edited: Record, now: float) -> str:
        """Say why a request that a person has edited may not run so on one person's yes; "": it
        may. Nothing changes.

        Args:
            edited: with what is to run in the place of what was asked.
            now: UTC seconds.
        """
        decision = self._judge(edited, msgspec.json.decode(bytes(edited.args)), now)
        if decision.action is Action.DENY:
            return ended(Status.DENIED, ErrorCode.DENIED_BY_POLICY, decision.words).message
        if is_stricter(decision, edited):
            return f"so it takes more people, or a code, by {decision.rule}"
        return ""

    def go_on(self, live: Live) -> None:
        """A write is over that was under way when a request was judged: what was said counts."""
        decision, live.decision = live.decision, None
        if decision is not None and live.record.phase is Phase.WAITING:
            self._apply(live, decision)

    def _apply(self, live: Live, decision: Decision) -> None:
        record = live.record
        live.record = replace(
            ruled(record, decision),
            approvers_needed=max(decision.approvers, record.approvers_needed),
            needs_code=decision.code or record.needs_code,
            endorsements=(),
        )
        self._demand(live)


def is_stricter(decision: Decision, record: Record) -> bool:
    """Whether a policy wants more people to say yes than are asked, or a code besides."""
    if decision.action is not Action.ASK:
        return False
    return decision.approvers > record.approvers_needed or decision.code > record.needs_code


def ruled(record: Record, decision: Decision) -> Record:
    """The record, with what the policy says of it."""
    doubt = decision.doubt if decision.why else ""
    record = replace(record, rule=decision.rule, description=decision.description, doubt=doubt)
    if decision.asks_there:
        record = replace(record, relayed=replace(record.relayed, asks_there=True))
    return record
