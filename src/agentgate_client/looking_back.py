"""What people ask of the calls on record, for their SDK."""

from __future__ import annotations

from agentgate_client.decoding import view_from
from agentgate_client.driver import Driver
from agentgate_proto.records.edit import EditTerms
from agentgate_proto.records.grant import GrantTerms
from agentgate_proto.rpc.replay_methods import (
    ApprovalCompared,
    CallsReplayed,
    CompareApproval,
    PolicyRead,
    ReadPolicy,
    ReplayCalls,
)


class LookingBack:
    """The calls of a client whose token is a person's."""

    _driver: Driver

    async def replay_grant(
        self,
        approval: str,
        grant: GrantTerms,
        *,
        edit: EditTerms | None = None,
        days: float = 30.0,
        before: str = "",
    ) -> CallsReplayed:
        """Say which calls on record a grant would have covered, if it were given with an approval.

        Args:
            approval: its id; it must wait for an answer.
            grant: the terms.
            edit: what would be approved with it; None: what was asked.
            days: how far to look back.
            before: the id of a row, or ``next``: only what is older.

        Raises:
            AgentGateError: the approval does not wait (-32011), no such grant can be given
                (-32602), or the call failed.
        """
        return await self._replayed(
            ReplayCalls(id=approval, grant=grant, edit=edit, days=days, before=before)
        )

    async def replay_policy(
        self, text: str, *, days: float = 30.0, before: str = ""
    ) -> CallsReplayed:
        """Say which calls on record another policy would decide otherwise, as an operator.

        Args:
            text: of the policy.
            days, before: as for :meth:`replay_grant`.

        Raises:
            AgentGateError: the policy can't be used (-32602), the role may not (-32010), or the
                call failed.
        """
        return await self._replayed(ReplayCalls(policy=text, days=days, before=before))

    async def _replayed(self, params: ReplayCalls) -> CallsReplayed:
        return view_from(await self._driver.call("replay_calls", params, None), CallsReplayed)

    async def compare(self, approval: str) -> ApprovalCompared:
        """Say what differs from the last call of this tool by this agent that people approved.

        Raises:
            AgentGateError: the approval does not wait (-32011), or the call failed.
        """
        params = CompareApproval(id=approval)
        return view_from(
            await self._driver.call("compare_approval", params, None), ApprovalCompared
        )

    async def policy(self) -> PolicyRead:
        """Read the policy that is in force, as an operator.

        Raises:
            AgentGateError: the role may not (-32010), or the call failed.
        """
        return view_from(await self._driver.call("read_policy", ReadPolicy(), None), PolicyRead)
