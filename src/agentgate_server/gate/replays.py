"""Replays: what a grant or another policy would have done to the calls on record.

A replay reads the store in pages and judges one call at a time, with a pause after each in which
everybody else is served. It stops when it has looked at enough, when it has taken long, or when
nobody is there any more to hear of it.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

import anyio
import anyio.lowlevel
import msgspec

from agentgate_proto.records.decision import Action
from agentgate_proto.records.grant import Grant
from agentgate_proto.records.request import Record, rfc3339
from agentgate_proto.rpc.listing import Page, short_text
from agentgate_proto.rpc.replay_methods import Answers, CallsReplayed, ReplayedRow
from agentgate_server.gate.past_calls import PastCalls
from agentgate_server.policy import Policy, person_sees
from agentgate_server.policy.meanings import Meaning
from agentgate_server.policy.recorded import Call, call_of, is_call
from agentgate_server.policy.replaying import judged
from agentgate_server.secrets.masking import Masker
from agentgate_server.tools.catalogue import Catalogue

REPLAYED_MAX = 20_000
"""Calls that one reply has looked at: some weeks of a busy home, and some seconds."""

REPLAYED_BYTES_MAX = 16_777_216
"""Of the arguments of calls that are held to be judged oldest first."""

REPLAY_S = 15.0
"""For how long a reply may be made; what was not looked at by then is said."""

CALL_BYTES = 1_000
"""Of a call that is held, besides its arguments."""

SIGNATURE_BYTES_MAX = 1_024
"""Of a signature in a row; ``list_requests`` with the row's id has the whole."""

log = logging.getLogger(__name__)

GRANT_RULE = "grant"
"""Which rule would let a call through that a grant covers."""


class Gone(Exception):
    """Nobody is there any more to hear of it."""


@dataclass(slots=True)
class Looked:
    """What was looked at.

    Attributes:
        since: back to when.
        requests, cut, changed, covered, answers: as ``CallsReplayed`` has them.
        next: the oldest call that was looked at, where there may be older ones; "": there are none.
        page: the rows.
    """

    since: float
    page: Page[ReplayedRow]
    requests: int = 0
    cut: int = 0
    changed: int = 0
    covered: int = 0
    answers: Counter[str] = field(default_factory=Counter)
    next: str = ""


class Replays:
    """Makes them.

    Args:
        catalogue: the tools that there are.
        masker: hides secrets.
        is_there: whether somebody still waits for the answer.
    """

    def __init__(self, catalogue: Catalogue, masker: Masker, is_there: Callable[[], bool]) -> None:
        self._catalogue = catalogue
        self._masker = masker
        self._is_there = is_there

    async def by_grant(
        self, grant: Grant, calls: PastCalls, since: float, limit: int
    ) -> CallsReplayed:
        """Say which of its agent's calls for its tool a grant matches, those of others being none
        of its business. How often and for how long it holds is not looked at.

        Raises:
            Gone: nobody waits for it.
            LookupError, StoreError: as for :meth:`PastCalls.page`.
        """
        looked = Looked(since, Page(limit))

        def take(record: Record) -> bool:
            if record.tool == grant.tool and record.rid != grant.rid:
                self._match(grant, call_of(record), looked)
            return True

        await self._read(calls, take, looked)
        return result_of(looked)

    def _match(self, grant: Grant, call: Call, looked: Looked) -> None:
        looked.requests += 1
        if call.args_bytes:
            looked.cut += 1
            return
        args = msgspec.json.decode(call.args, type=dict)
        if not grant.covers(args, call.on_behalf_of, call.definition):
            is_other = call.definition != grant.definition
            looked.cut += is_other and grant.covers(args, call.on_behalf_of, grant.definition)
            return
        if call.action is Action.DENY or call.takes_more:
            return
        self._cover(call, looked)
        looked.changed += call.answer != "allowed"
        if not looked.page.more:
            looked.page.take(self._row(call, Action.ALLOW, GRANT_RULE))

    async def by_policy(
        self, policy: Policy, calls: PastCalls, since: float, limit: int
    ) -> CallsReplayed:
        """Say which calls a policy would decide otherwise.

        Rates count from the oldest call that is looked at, so calls are held until all are read.

        Args:
            policy: the policy; it has nothing else to do, for its rates count what is replayed.
            calls: read them.
            since: back to when they go.
            limit: rows at most.

        Raises:
            Gone: nobody waits for it.
            LookupError, StoreError: as for :meth:`PastCalls.page`.
        """
        looked = Looked(since, Page(limit))
        held: list[Call] = []
        room = REPLAYED_BYTES_MAX

        def take(record: Record) -> bool:
            nonlocal room
            looked.requests += 1
            if record.args_bytes or record.tool not in self._catalogue:
                looked.cut += 1
                return True
            call = call_of(record)
            room -= CALL_BYTES + len(call.args)
            held.append(call)
            return room > 0

        await self._read(calls, take, looked)
        changed: list[tuple[Call, Action, str]] = []
        meanings: dict[str, Meaning] = {}
        for call in reversed(held):
            await self._pause()
            meaning = meanings.get(call.tool)
            if meaning is None:
                meaning = meanings[call.tool] = self._catalogue.lenient_meaning_of(call.tool)
            try:
                action, rule = judged(policy, call, meaning)
            except Exception:  # it converts to types of the user's, which may raise anything
                log.exception("a policy that is tried failed on %s", call.tool)
                looked.cut += 1
                continue
            if action is call.action:
                continue
            changed.append((call, action, rule))
            if action is Action.ALLOW and call.action is Action.ASK:
                self._cover(call, looked)
        looked.changed = len(changed)
        for each in reversed(changed):
            await self._pause()
            if not looked.page.take(self._row(*each)):
                break
        return result_of(looked)

    async def _read(self, calls: PastCalls, take: Callable[[Record], bool], looked: Looked) -> None:
        """Read calls, newest first, until there are no others, or it is enough.

        Args:
            calls: read them.
            take: looks at one; False: it shall be the last.
            looked: is told where it ended before its time.
        """
        ends_at, left = anyio.current_time() + REPLAY_S, REPLAYED_MAX
        while page := await calls.page():
            for record in page:
                await self._pause()
                left -= 1
                goes_on = not is_call(record) or take(record)
                if not goes_on or left <= 0 or anyio.current_time() > ends_at:
                    looked.next, looked.since = record.rid, record.created_at
                    return

    async def _pause(self) -> None:
        if not self._is_there():
            raise Gone
        await anyio.lowlevel.checkpoint()

    @staticmethod
    def _cover(call: Call, looked: Looked) -> None:
        looked.covered += 1
        looked.answers[call.answer] += 1

    def _row(self, call: Call, now: Action, rule: str) -> ReplayedRow:
        args = msgspec.json.decode(self._masker.shown(call.args))
        signature = person_sees(call.tool, args)
        return ReplayedRow(
            id=call.id,
            at=rfc3339(call.at),
            agent=call.agent,
            tool=call.tool,
            signature=short_text(signature, SIGNATURE_BYTES_MAX) or signature,
            was=call.action.value,
            was_rule=call.rule,
            answer=call.answer,
            by=call.by,
            now=now.value,
            now_rule=rule,
        )


def result_of(looked: Looked) -> CallsReplayed:
    """Say what was found."""
    return CallsReplayed(
        requests=looked.requests,
        since=rfc3339(looked.since),
        cut=looked.cut,
        changed=looked.changed,
        covered=looked.covered,
        of_covered=Answers(**looked.answers),
        rows=looked.page.rows,
        more=looked.page.more,
        next=looked.next,
    )
