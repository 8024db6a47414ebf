"""Who may connect, as operators see and change it while the gateway runs.

A change is written to the file of tokens as ``agent-gate token`` writes it, then taken up at once.
One at a time: of two operators who revoke each other, one stays.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import anyio
import anyio.to_thread

from agentgate_proto.errors import ErrorCode
from agentgate_proto.principal import Principal, Role
from agentgate_proto.records.request import rfc3339
from agentgate_proto.rpc.listing import page_of
from agentgate_proto.rpc.principal_methods import (
    ListPrincipals,
    MakeToken,
    PrincipalList,
    PrincipalRow,
    RevokeToken,
    TokenMade,
    TokenRevoked,
)
from agentgate_server.config import Config
from agentgate_server.config.newcomers import objection_to_name, objection_to_newcomer
from agentgate_server.gate.authenticator import Authenticator
from agentgate_server.identity.token_file import (
    RevokedToken,
    StoredToken,
    TokenFile,
    TokenFileError,
)
from agentgate_server.identity.tokens import Identity, hash_token, new_token
from agentgate_server.sockets.replies import Reply

NO_FILE = "no file of tokens is configured: set 'tokens' in the configuration, and restart"
OWN = "this is your own token, and your connections end with it: confirm that you mean it"
BACK = "its owner comes back with another one there, and a reload"
LAST = "is the last operator: make a token for another one first"


class PrincipalDesk:
    """See the module.

    Args:
        authenticator: lets them in, and out again.
        config: returns the configuration that is in force.
        spawn: starts an async function with its arguments, in a task.
        utc: the clock, UTC seconds.
    """

    def __init__(
        self,
        authenticator: Authenticator,
        config: Callable[[], Config],
        spawn: Callable[..., None],
        utc: Callable[[], float],
    ) -> None:
        self._authenticator = authenticator
        self._config = config
        self._spawn = spawn
        self._utc = utc
        self._lock = anyio.Lock()

    def list(self, params: ListPrincipals) -> PrincipalList:
        """List them, a page at a time.

        Raises:
            LookupError: there is nobody of the name after which it is to go on.
        """
        presence = self._authenticator.presence
        rows = list(self._rows())
        names = [row.name for row in rows]
        presence.keep_only(set(names))
        if params.after:
            if params.after not in names:
                raise LookupError(f"nobody is called {params.after!r} any more: list them anew")
            rows = rows[names.index(params.after) + 1 :]
        page, more = page_of(rows)
        since, problem = rfc3339(presence.since), self._authenticator.tokens.problem
        return PrincipalList(principals=page, since=since, problem=problem, more=more)

    def make(self, who: Principal, params: MakeToken, channel: str, reply: Reply) -> None:
        """Make a token; the reply comes when it counts."""
        self._spawn(self._make, who, params, channel, reply)

    def revoke(self, who: Principal, params: RevokeToken, channel: str, reply: Reply) -> None:
        """Revoke a token; the reply comes when it counts no more."""
        self._spawn(self._revoke, who, params, channel, reply)

    def _rows(self) -> Iterator[PrincipalRow]:
        """Everybody, those of the configuration first."""
        tokens = self._authenticator.tokens
        for identity, counts in tokens.configured:
            yield self._row(identity.principal, source="config", revoked=not counts)
        for name in sorted(self._authenticator.named_agents):
            agent = Principal(name=name, role=Role.AGENT)
            yield self._row(agent, source="config", login="password")
        for stored in tokens.stored:
            made = stored.created_at
            yield self._row(stored.identity.principal, source="file", created_at=made)

    def _row(self, principal: Principal, **more: Any) -> PrincipalRow:
        presence = self._authenticator.presence
        seen = presence.last_seen(principal.name)
        return PrincipalRow(
            name=principal.name,
            role=principal.role,
            connections=max(presence.connections[principal.name], 0),
            last_seen=rfc3339(seen) if seen else "",
            **more,
        )

    async def _make(self, who: Principal, params: MakeToken, channel: str, reply: Reply) -> None:
        async with self._changing(params.name, who, channel, reply) as file:
            name, role, tokens = params.name, params.role, self._authenticator.tokens
            objection = objection_to_name(name)
            objection = f"name {objection}" if objection else self._objection_to(name, role)
            if objection:
                reply.error(ErrorCode.INVALID_PARAMS, f"Invalid params: {objection}", None)
                return
            fresh = new_token()
            at, hashed = rfc3339(self._utc()), hash_token(fresh)
            stored = StoredToken(name=name, role=role, token_hash=hashed, created_at=at)
            await anyio.to_thread.run_sync(file.add, stored)
            self._authenticator.refresh()
            if tokens.identify(fresh) is None:
                raise TokenFileError(tokens.problem or f"{name!r} was revoked at once")
            reply.result(TokenMade(name=name, role=role, token=fresh, created_at=at))

    def _objection_to(self, name: str, role: Role) -> str:
        """Say why nobody new may have this name now, or ""."""
        if any(each.name == name for each in self._authenticator.tokens.stored):
            return f"{name!r} has a token: revoke it first, or choose another name"
        return objection_to_newcomer(self._config(), name, role)

    async def _revoke(
        self, who: Principal, params: RevokeToken, channel: str, reply: Reply
    ) -> None:
        async with self._changing(params.name, who, channel, reply) as file:
            name, tokens = params.name, self._authenticator.tokens
            found = next((each for each in tokens.identities if each.principal.name == name), None)
            if found is None:
                text = f"nobody called {name!r} has a token that counts"
                reply.error(ErrorCode.NOT_FOUND, text, None)
                return
            operators = {each.name for each in tokens.principals if each.role is Role.OPERATOR}
            if operators == {name}:
                reply.error(ErrorCode.FORBIDDEN, f"{name!r} {LAST}", None)
                return
            if who.name == name and not params.confirm:
                reply.error(ErrorCode.FORBIDDEN, OWN, None)
                return
            is_stored = any(each.name == name for each in tokens.stored)
            await anyio.to_thread.run_sync(self._take_out(file, found, is_stored=is_stored))
            there = max(self._authenticator.presence.connections[name], 0)
            remark = "" if is_stored else f"it stands in {self._config().name}: {BACK}"
            # Before it counts no more: by that the caller's own connection may end
            role = found.principal.role
            reply.result(TokenRevoked(name=name, role=role, connections=there, remark=remark))
            self._authenticator.refresh()

    def _take_out(
        self, file: TokenFile, found: Identity, *, is_stored: bool
    ) -> Callable[[], object]:
        """What writes that a token counts no more."""
        name = found.principal.name
        if is_stored:
            return partial(file.revoke, name)
        at = rfc3339(self._utc())
        token = RevokedToken(name=name, token_hash=found.token_hash, revoked_at=at)
        return partial(file.shut_out, token)

    @asynccontextmanager
    async def _changing(
        self, name: str, who: Principal, channel: str, reply: Reply
    ) -> AsyncIterator[TokenFile]:
        """Let nobody else change who may connect; the audit says who has, and where."""
        authenticator = self._authenticator
        async with self._lock:
            authenticator.refresh()
            file = authenticator.tokens.file
            try:
                if file is None:
                    raise TokenFileError(NO_FILE)
                authenticator.changers[name] = who.name, channel
                yield file
            except TokenFileError as error:
                reply.error(ErrorCode.INTERNAL_ERROR, str(error), None)
            finally:
                authenticator.changers.pop(name, None)
