"""Signing: what people sign with their answers, on its way to and from their passkeys."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import msgspec

from agentgate_proto.principal import Principal
from agentgate_proto.records.passkey import PasskeyAssertion, PasskeyProof
from agentgate_proto.records.request import Record
from agentgate_proto.rpc.passkey_methods import ApprovalChallenge, ChallengeMade
from agentgate_server.approvals.editing import Editor
from agentgate_server.identity.webauthn import WrongPasskey

NO_PASSKEYS = (
    "there are no passkeys at this gateway: they take the extra 'passkeys', the console, and a "
    "host name (gateway.public_url, or localhost)"
)


class Signers(Protocol):
    """The passkeys of people."""

    def challenge(
        self,
        who: Principal,
        rid: str,
        digest: str,
        *,
        approve: bool,
        grant: msgspec.Struct | None = None,
    ) -> ChallengeMade:
        """Make what somebody is to sign with an answer; raises WrongPasskey."""
        ...

    def prove(self, name: str, rid: str, assertion: PasskeyAssertion) -> PasskeyProof:
        """Use a signature up that came with an answer; raises WrongPasskey."""
        ...


class Signing:
    """See the module.

    Args:
        find: returns an approval that waits, by its id; None: none does.
        editor: makes of requests what people want of them.

    Attributes:
        signers: the passkeys of people; None: this gateway has none.
    """

    def __init__(self, find: Callable[[str], Record | None], editor: Editor) -> None:
        self.signers: Signers | None = None
        self._find = find
        self._editor = editor

    def challenge(self, who: Principal, params: ApprovalChallenge) -> ChallengeMade:
        """Make what somebody is to sign with an answer.

        Raises:
            LookupError: no such approval waits.
            ValueError: the edit can't be made.
            WrongPasskey: they can't sign.
        """
        record = self._find(params.id)
        if record is None:
            raise LookupError("There is no approval with this id that waits for an answer")
        if self.signers is None:
            raise WrongPasskey(NO_PASSKEYS)
        approve = params.decision == "approve"
        if params.edit is not None and approve:
            edit = self._editor.edited(record, params.edit)
            record = msgspec.structs.replace(record, edit=edit)
        return self.signers.challenge(
            who,
            record.rid,
            record.as_approved.digest,
            approve=approve,
            grant=params.grant if approve else None,
        )

    def proof(
        self, rid: str, approver: str, assertion: PasskeyAssertion | None
    ) -> PasskeyProof | None:
        """Use up what somebody has signed with their answer; None: nothing, or nothing waits.

        Who gives an answer again that was taken before hears that, not that it was signed before.

        Raises:
            WrongPasskey: it proves nothing.
        """
        record = self._find(rid)
        if assertion is None or record is None:
            return None
        if any(said.approver == approver for said in record.endorsements):
            return None
        if self.signers is None:
            raise WrongPasskey(NO_PASSKEYS)
        return self.signers.prove(approver, rid, assertion)
