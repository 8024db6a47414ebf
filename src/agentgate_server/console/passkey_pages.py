"""Passkeys at the console: making one, and logging in by one.

A browser brings what its authenticator has said; the checks are those of
:mod:`agentgate_server.identity.webauthn`. What somebody signs with an answer to an approval goes by
the native protocol, with the answer.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, TypeVar

import anyio.to_thread
import msgspec

from agentgate_proto.errors import ErrorCode
from agentgate_proto.records.passkey import CLIENT_DATA_CHARS_MAX, PasskeyAssertion
from agentgate_server.console.face import ConsoleFace
from agentgate_server.console.visit import Visit
from agentgate_server.identity.passkeys import Passkeys
from agentgate_server.identity.webauthn import WrongPasskey, load
from agentgate_server.store.engine import StoreError

NAME_CHARS_MAX = 200
"""Of a name as it is typed; less of it is kept."""

T = TypeVar("T", bound=msgspec.Struct)


class Made(msgspec.Struct, frozen=True, kw_only=True):
    """What ``navigator.credentials.create`` has brought, base64url, and what its owner calls it."""

    client_data: Annotated[str, msgspec.Meta(max_length=CLIENT_DATA_CHARS_MAX)]
    attestation: str
    name: Annotated[str, msgspec.Meta(max_length=NAME_CHARS_MAX)] = ""


class LoggingIn(msgspec.Struct, frozen=True, kw_only=True):
    """What ``navigator.credentials.get`` has brought, and whose it says the passkey is."""

    passkey: PasskeyAssertion
    user: Annotated[str, msgspec.Meta(max_length=NAME_CHARS_MAX)] = ""


class PasskeyPages:
    """See the module.

    Args:
        face: the console, which gets these calls by this.
        passkeys: of people.
        spawn: starts an async function with its arguments, in a task.
    """

    def __init__(self, face: ConsoleFace, passkeys: Passkeys, spawn: Callable[..., None]) -> None:
        self._face = face
        self._passkeys = passkeys
        self._spawn = spawn
        face.facts["passkeys"] = lambda: True
        face.handlers |= {
            "passkeys/register-options": (self._creation_options, True),
            "passkeys/register": (self._register, True),
            "passkeys/login-options": (self._request_options, False),
            "passkeys/login": (self._login, False),
        }

    def _creation_options(self, visit: Visit) -> None:
        visit.answer(self._passkeys.creation_options(visit.logged_in.who))

    def _request_options(self, visit: Visit) -> None:
        visit.answer(self._passkeys.request_options())

    def _register(self, visit: Visit) -> None:
        made = read(visit, Made)
        if made is not None:
            self._spawn(self._keep, visit, made)

    async def _keep(self, visit: Visit, made: Made) -> None:
        session = visit.logged_in
        await anyio.to_thread.run_sync(load)
        try:
            row = await self._passkeys.register(
                session.who, session.token_hash, made.name, made.client_data, made.attestation
            )
        except WrongPasskey as error:
            visit.refuse(ErrorCode.INVALID_PARAMS, str(error))
        except StoreError as error:
            visit.refuse(ErrorCode.INTERNAL_ERROR, f"the passkey could not be stored: {error}")
        else:
            visit.answer(row)

    def _login(self, visit: Visit) -> None:
        said = read(visit, LoggingIn)
        if said is not None:
            self._spawn(self._let_in, visit, said)

    async def _let_in(self, visit: Visit, said: LoggingIn) -> None:
        await anyio.to_thread.run_sync(load)
        try:
            who, token_hash = self._passkeys.log_in(said.passkey, said.user)
        except WrongPasskey as error:
            self._face.send_off(visit, str(error))
        else:
            self._face.let_in(visit, who, token_hash, "passkey")


def read(visit: Visit, kind: type[T]) -> T | None:
    """What a page has sent; None: it is not of that kind, and has been told so."""
    try:
        return msgspec.convert(visit.call.body, kind)
    except msgspec.ValidationError as error:
        visit.refuse(ErrorCode.INVALID_PARAMS, str(error))
        return None
