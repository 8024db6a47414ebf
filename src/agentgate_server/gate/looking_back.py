"""Looking back: what people ask of the calls on record, and of the policy in force.

Each looks through much, so of each person one is under way, and one that nobody waits for any more
stops.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from functools import partial

import anyio
import anyio.to_thread
import msgspec

from agentgate_proto.connection.state import State
from agentgate_proto.errors import ErrorCode
from agentgate_proto.principal import Principal, Role
from agentgate_proto.rpc.listing import short_text
from agentgate_proto.rpc.replay_methods import (
    CompareApproval,
    PolicyRead,
    ReadPolicy,
    ReplayCalls,
)
from agentgate_server.approvals.desk import NOT_WAITING, Desk
from agentgate_server.documents import DocumentError
from agentgate_server.gate.comparing import compare
from agentgate_server.gate.in_turn import InTurn
from agentgate_server.gate.judge import Judge
from agentgate_server.gate.past_calls import Ask, PastCalls
from agentgate_server.gate.replays import Gone, Replays
from agentgate_server.policy import Policy
from agentgate_server.secrets.masking import Masker
from agentgate_server.sockets.replies import NativeReply, Reply
from agentgate_server.store.engine import StoreError

log = logging.getLogger(__name__)

DAY_S = 86_400.0

CANDIDATE = "candidate.yaml"
"""What decisions of a policy that is only tried are called by."""

POLICY_BYTES_MAX = 524_288
"""Of the text of a policy in one reply."""

WARNINGS_MAX = 200
"""Of a policy, in one reply; ``agent-gate check`` has all."""

OPERATORS_ONLY = "another policy is tried by operators only; approvers may try a grant"

Params = ReplayCalls | CompareApproval | ReadPolicy


class LookingBack:
    """See the module.

    Args:
        desk: has the approvals that wait.
        judge: has the policy in force, and the tools.
        masker: hides secrets.
        ask: asks the store.
        warnings: says what an operator should know of what is in force; it takes a thread.
        spawn: runs a task as the work of whoever has a turn now.
        utc: the clock, UTC seconds.
    """

    def __init__(
        self,
        desk: Desk,
        judge: Judge,
        masker: Masker,
        *,
        ask: Ask,
        warnings: Callable[[], list[str]],
        spawn: Callable[..., None],
        utc: Callable[[], float],
    ) -> None:
        self._desk = desk
        self._judge = judge
        self._masker = masker
        self._ask = ask
        self._warnings = warnings
        self._spawn = spawn
        self._utc = utc
        self._turns = InTurn()

    def answer(self, who: Principal, params: Params, reply: Reply) -> None:
        """Answer, when those are over that the same person asked for before.

        The reply gets -32006 beyond the rate, -32010 if the role may not, -32011 if the approval
        does not wait or a call is not on record, -32602 if no such grant can be given, or the
        policy can't be used.
        """
        objection = self._desk.ledger.objection_to_listing(who.name, self._utc())
        if objection is not None:
            text, pause = objection
            reply.error(ErrorCode.LIMIT_EXCEEDED, text, {"retry_after_s": round(pause, 3)})
            return
        make = partial(self._make, who, params, partial(is_there, reply))
        self._turns.ask(who.name, lambda: self._spawn(self._answer, who, make, reply))

    async def _answer(
        self, who: Principal, make: Callable[[], Awaitable[msgspec.Struct]], reply: Reply
    ) -> None:
        try:
            reply.result(await make())
        except Gone:
            log.debug("%s does not wait any more for what was looked up", who.name)
        except LookupError as error:
            reply.error(ErrorCode.NOT_FOUND, str(error), None)
        except PermissionError as error:
            reply.error(ErrorCode.FORBIDDEN, str(error), None)
        except (ValueError, DocumentError) as error:
            reply.error(ErrorCode.INVALID_PARAMS, f"Invalid params: {words_of(error)}", None)
        except StoreError as error:
            reply.error(ErrorCode.INTERNAL_ERROR, str(error), None)
        finally:
            self._turns.over(who.name)

    async def _make(
        self, who: Principal, params: Params, there: Callable[[], bool]
    ) -> msgspec.Struct:
        match params:
            case ReadPolicy():
                return await anyio.to_thread.run_sync(self._read_policy)
            case CompareApproval(id=rid):
                record = self._desk.ledger.approval(rid)
                if record is None:
                    raise LookupError(NOT_WAITING)
                calls = PastCalls(self._ask, who.name, record.principal, since=0.0)
                return await compare(record, calls, self._masker, there)
            case ReplayCalls():
                return await self._replay(who, params, there)

    async def _replay(
        self, who: Principal, params: ReplayCalls, there: Callable[[], bool]
    ) -> msgspec.Struct:
        now = self._utc()
        since = max(now - params.days * DAY_S, 0.0)
        replays = Replays(self._judge.catalogue, self._masker, there)
        calls = partial(PastCalls, self._ask, who.name, since=since, before=params.before)
        if params.grant is not None:
            grant = self._desk.grant_with(params.id, params.grant, now, params.edit)
            return await replays.by_grant(grant, calls(grant.agent), since, params.limit)
        if who.role is not Role.OPERATOR:
            raise PermissionError(OPERATORS_ONLY)
        policy = await anyio.to_thread.run_sync(Policy.parse, params.policy, CANDIDATE)
        policy.sees_as(self._judge.policy)
        return await replays.by_policy(policy, calls(None), since, params.limit)

    def _read_policy(self) -> PolicyRead:
        policy = self._judge.policy
        text = self._masker.text(policy.text)
        short = short_text(text, POLICY_BYTES_MAX)
        return PolicyRead(
            name=policy.name,
            text=text if short is None else short,
            digest=policy.digest,
            rules=len(policy.rules),
            warnings=tuple(map(self._masker.text, self._warnings()[:WARNINGS_MAX])),
            cut=short is not None,
        )


def words_of(error: ValueError | DocumentError) -> str:
    """What is wrong, a line each."""
    others = error.others if isinstance(error, DocumentError) else ()
    return "\n".join(map(str, (error, *others)))


def is_there(reply: Reply) -> bool:
    """Whether somebody may still hear a reply."""
    if not isinstance(reply, NativeReply):
        return True
    return reply.peer.connection.state is not State.CLOSED
