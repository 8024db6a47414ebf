"""What people sign, for the SDK of people: which passkeys there are, and what one is to sign."""

from __future__ import annotations

from typing import Literal

from agentgate_client.decoding import view_from
from agentgate_client.driver import Driver
from agentgate_proto.records.edit import EditTerms
from agentgate_proto.records.grant import GrantTerms
from agentgate_proto.rpc.passkey_methods import (
    ApprovalChallenge,
    ChallengeMade,
    ListPasskeys,
    PasskeyList,
    PasskeyRow,
    RemovePasskey,
)

Passkeys = list[PasskeyRow]


class Signing:
    """The calls of a client whose user has passkeys; they are made in the console."""

    _driver: Driver

    async def challenge(
        self,
        approval_id: str,
        decision: Literal["approve", "deny"],
        *,
        grant: GrantTerms | None = None,
        edit: EditTerms | None = None,
    ) -> ChallengeMade:
        """Make what a passkey is to sign with an answer; what was signed goes into ``decide``,
        with the very same arguments.

        Raises:
            AgentGateError: the approval does not wait (-32011), or there is no passkey (-32019).
        """
        params = ApprovalChallenge(id=approval_id, decision=decision, grant=grant, edit=edit)
        return view_from(await self._driver.call("approval_challenge", params, None), ChallengeMade)

    async def passkeys(self) -> Passkeys:
        """List the passkeys: the caller's own, or as an operator everybody's.

        Raises:
            AgentGateError: the call failed.
        """
        result = await self._driver.call("list_passkeys", ListPasskeys(), None)
        return view_from(result, PasskeyList).passkeys

    async def remove_passkey(self, passkey_id: str) -> PasskeyRow:
        """Let a passkey count no more, at once.

        Raises:
            AgentGateError: there is none that is the caller's to remove (-32011), or it may count
                again after a restart (-32603).
        """
        params = RemovePasskey(id=passkey_id)
        return view_from(await self._driver.call("remove_passkey", params, None), PasskeyRow)
