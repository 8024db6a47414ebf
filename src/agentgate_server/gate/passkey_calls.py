"""The methods about passkeys. Roles were checked by the core."""

from __future__ import annotations

from collections.abc import Callable

import anyio.to_thread

from agentgate_proto.errors import ErrorCode
from agentgate_proto.principal import Principal
from agentgate_proto.rpc.passkey_methods import (
    ApprovalChallenge,
    ListPasskeys,
    PasskeyList,
    RemovePasskey,
)
from agentgate_server.approvals.signing import NO_PASSKEYS, Signing
from agentgate_server.identity.passkeys import Passkeys
from agentgate_server.identity.webauthn import WrongPasskey, load
from agentgate_server.sockets.replies import Reply, answer_with
from agentgate_server.store.engine import StoreError


class PasskeyCalls:
    """See the module.

    Args:
        signing: knows what people sign with their answers.
        spawn: starts an async function with its arguments, in a task.

    Attributes:
        passkeys: of people; None: this gateway has none.
    """

    def __init__(self, signing: Signing, spawn: Callable[..., None]) -> None:
        self.passkeys: Passkeys | None = None
        self._signing = signing
        self._spawn = spawn

    def take(
        self,
        who: Principal,
        params: ApprovalChallenge | ListPasskeys | RemovePasskey,
        reply: Reply,
    ) -> None:
        """Act on a call; the reply may come later."""
        match params:
            case ApprovalChallenge():
                self._spawn(self._challenge, who, params, reply)
            case ListPasskeys():
                rows = self.passkeys.views(who) if self.passkeys is not None else []
                reply.result(PasskeyList(rows))
            case RemovePasskey(id=credential):
                self._spawn(self._remove, who, credential, reply)

    async def _challenge(self, who: Principal, params: ApprovalChallenge, reply: Reply) -> None:
        if self.passkeys is not None:  # what is signed will have to be looked at
            await anyio.to_thread.run_sync(load)
        try:
            answer_with(reply, lambda: self._signing.challenge(who, params))
        except WrongPasskey as error:
            reply.error(ErrorCode.PASSKEY_NEEDED, str(error), None)

    async def _remove(self, who: Principal, credential: str, reply: Reply) -> None:
        if self.passkeys is None:
            reply.error(ErrorCode.NOT_FOUND, NO_PASSKEYS, None)
            return
        try:
            row = await self.passkeys.remove(credential, who)
        except LookupError as error:
            reply.error(ErrorCode.NOT_FOUND, str(error), None)
        except StoreError as error:
            text = f"it counts no more, but may do so again after a restart: {error}"
            reply.error(ErrorCode.INTERNAL_ERROR, text, None)
        else:
            reply.result(row)
