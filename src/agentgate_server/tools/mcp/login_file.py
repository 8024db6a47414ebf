"""The logins file: the tokens with which the gateway speaks to MCP servers that want OAuth.

``agent-gate mcp login`` writes it, after a person has consented in a browser; the gateway renews
what is in it. It holds tokens, so nobody else may even read it.
"""

from __future__ import annotations

import stat
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, ClassVar, Literal, Self

import msgspec
from msgspec.structs import replace

from agentgate_server.store.private_file import PrivateFile, PrivateFileError

LOGINS_NAME = "mcp-logins.json"
"""Beside the database."""

FILE_BYTES_MAX = 2_000_000
"""The file; tokens have some thousand characters, and there are sixty servers."""

TOKEN_CHARS_MAX = 16_384
"""Of a token: more than any server takes in a header."""

Token = Annotated[str, msgspec.Meta(max_length=TOKEN_CHARS_MAX, pattern=r"\A[!-~]*\Z")]
"""Of what is sent in a header there are no other characters (RFC 6750)."""

AuthMethod = Literal["none", "client_secret_post", "client_secret_basic"]


class LoginFileError(PrivateFileError):
    """The logins file cannot be used. The text says why and what to do, without any token."""


class Login(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a login has brought.

    Attributes:
        url: of the server, as it was configured: tokens go nowhere else.
        token_endpoint: where tokens are renewed.
        client_id, client_secret, auth_method: who we are there.
        resource, scope: what the tokens are for, as it was asked for; "": it was not said.
        access_token, refresh_token: "": there is none (any more).
        expires_at: when the access token ends, UTC seconds; 0: nobody said.
    """

    url: str
    token_endpoint: str
    client_id: str
    client_secret: str = ""
    auth_method: AuthMethod = "none"
    resource: str = ""
    scope: str = ""
    access_token: Token
    refresh_token: Token = ""
    expires_at: float = 0.0

    def __repr__(self) -> str:
        return f"Login(url={self.url!r}, …)"


class Contents(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The whole file: logins by the servers' names in the configuration."""

    version: Literal[1] = 1
    logins: dict[str, Login] = {}


class LoginFile(PrivateFile):
    """The file at a path; it need not exist. Its methods block: call them in a thread."""

    error_type: ClassVar[type[PrivateFileError]] = LoginFileError
    bytes_max: ClassVar[int] = FILE_BYTES_MAX
    forbidden: ClassVar[int] = stat.S_IRWXG | stat.S_IRWXO
    danger: ClassVar[str] = "others can read the tokens in it"

    @classmethod
    def beside(cls, database: Path) -> Self:
        """The file that belongs to the gateway with this database."""
        return cls(database.with_name(LOGINS_NAME))

    def contents(self) -> Contents:
        """Return what is in the file; nothing if there is no file.

        Raises:
            LoginFileError: it cannot be read, others can read it, or it says something wrong.
        """
        raw = self.read_bytes()
        if raw is None:
            return Contents()
        try:
            return msgspec.json.decode(raw, type=Contents)
        except ValueError:  # its text might quote a token
            text = "is not as agent-gate writes it: delete it, and log in again"
            raise self.error(f"{text} with 'agent-gate mcp login'") from None

    def get(self, alias: str) -> Login | None:
        """Return the login of a server; raises as :meth:`contents`."""
        return self.contents().logins.get(alias)

    def put(self, alias: str, login: Login) -> None:
        """Keep a login, in place of the one before; durable when this returns.

        Raises:
            LoginFileError: the file cannot be used.
        """
        self._change(lambda logins: logins | {alias: login})

    def drop(self, alias: str) -> bool:
        """Forget a login; return whether there was one. Raises as :meth:`put`."""
        found: list[Login] = []

        def without(logins: dict[str, Login]) -> dict[str, Login]:
            found.extend(login for name, login in logins.items() if name == alias)
            return {name: login for name, login in logins.items() if name != alias}

        self._change(without)
        return bool(found)

    def renewed(self, alias: str, old: Login, new: Login) -> bool:
        """Keep a login that was renewed, unless somebody has logged in, or out, meanwhile.

        Returns:
            Whether it was kept. Raises as :meth:`put`.
        """
        kept: list[Login] = []

        def with_new(logins: dict[str, Login]) -> dict[str, Login]:
            if logins.get(alias) != old:
                return logins
            kept.append(new)
            return logins | {alias: new}

        self._change(with_new)
        return bool(kept)

    def _change(self, how: Callable[[dict[str, Login]], dict[str, Login]]) -> None:
        with self.writing():
            before = self.contents()
            logins = how(before.logins)
            if logins != before.logins:
                data = msgspec.json.encode(replace(before, logins=logins))
                self.replace(msgspec.json.format(data) + b"\n")
