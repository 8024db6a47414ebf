"""The native methods about who is logged in at the console in the browser."""

from __future__ import annotations

from collections.abc import Callable

from agentgate_proto.errors import ErrorCode
from agentgate_proto.principal import Principal
from agentgate_proto.rpc.console_methods import (
    ConsoleSessionList,
    ListConsoleSessions,
    RevokeConsoleSession,
)
from agentgate_server.console.logins import ConsoleLogins
from agentgate_server.sockets.replies import Reply
from agentgate_server.store.engine import StoreError

NO_SUCH = "nobody is logged in at the console under this id: list_console_sessions shows who is"


class ConsoleCalls:
    """See the module.

    Args:
        logins: who is logged in.
        spawn: starts an async function with its arguments, in a task.
    """

    def __init__(self, logins: ConsoleLogins, spawn: Callable[..., None]) -> None:
        self._logins = logins
        self._spawn = spawn

    def take(
        self, who: Principal, params: ListConsoleSessions | RevokeConsoleSession, reply: Reply
    ) -> None:
        """Act on a call; that a login is over is told when it is so for good."""
        if isinstance(params, ListConsoleSessions):
            reply.result(ConsoleSessionList(self._logins.views(who)))
        else:
            self._spawn(self._end, who, params.id, reply)

    async def _end(self, who: Principal, key: str, reply: Reply) -> None:
        try:
            session = await self._logins.end(key, who)
        except StoreError as error:
            text = f"the login is over, but may count again after a restart: {error}"
            reply.error(ErrorCode.INTERNAL_ERROR, text, None)
            return
        if session is None:
            reply.error(ErrorCode.NOT_FOUND, NO_SUCH, None)
        else:
            reply.result(self._logins.view(session))
