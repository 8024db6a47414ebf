"""The token file: principals that ``agent-gate token`` makes and revokes beside the configuration.

It also names tokens of the configuration that were revoked: whoever is to be shut out at once need
not wait until a configuration was edited and read anew.

It holds hashes, never tokens. The command writes it, the gateway only reads it. A change replaces
the file as a whole, so that a reader sees either the old or the new one; a lock beside it lets one
writer at a time in.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, ClassVar, Literal

import msgspec

from agentgate_proto.principal import Principal, Role
from agentgate_server.identity.texts import PrincipalName, TokenHash
from agentgate_server.identity.tokens import Identity
from agentgate_server.store.private_file import PrivateFile, PrivateFileError

TOKENS_MAX = 1_000
"""Tokens in one file. Each login is compared with all of them."""

FILE_BYTES_MAX = 1_000_000
"""The file; a thousand of the longest names fit."""


class TokenFileError(PrivateFileError):
    """The token file cannot be used. The text says why and what to do, without any secret."""


class StoredToken(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One token: whose it is, and its hash.

    Attributes:
        name: of the principal, unique among all of the gateway.
        role: what the principal may do.
        token_hash: see :func:`agentgate_server.identity.tokens.hash_token`.
        created_at: when the token was made, RFC 3339.
    """

    name: str
    role: Role
    token_hash: str
    created_at: str

    @property
    def identity(self) -> Identity:
        """The same, as logins need it."""
        return Identity(Principal(name=self.name, role=self.role), self.token_hash)


class RevokedToken(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A token that stands in the configuration, and counts no more. It never does again.

    Attributes:
        name: of the principal.
        token_hash: of the token, as the command that revoked it saw it.
        revoked_at: when, RFC 3339.
    """

    name: str
    token_hash: str
    revoked_at: str


class Contents(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The whole file."""

    version: Literal[1] = 1
    tokens: Annotated[tuple[StoredToken, ...], msgspec.Meta(max_length=TOKENS_MAX)] = ()
    revoked: Annotated[tuple[RevokedToken, ...], msgspec.Meta(max_length=TOKENS_MAX)] = ()

    def encoded(self) -> bytes:
        """The text of the file. A list that is empty is left out if older versions have none."""
        fields = msgspec.to_builtins(self)
        if not self.revoked:
            del fields["revoked"]
        return msgspec.json.format(msgspec.json.encode(fields)) + b"\n"


class TokenFile(PrivateFile):
    """The file at a path; it need not exist.

    Args:
        path: see ``Config.tokens``.
    """

    error_type: ClassVar[type[PrivateFileError]] = TokenFileError
    bytes_max: ClassVar[int] = FILE_BYTES_MAX
    danger: ClassVar[str] = "others can write it and let themselves in"

    def read(self) -> tuple[StoredToken, ...]:
        """Return all tokens that count; see :meth:`contents`."""
        return self.contents().tokens

    def contents(self) -> Contents:
        """Return what is in the file; nothing if there is no file.

        Raises:
            TokenFileError: it cannot be read, others can write it, or it says something wrong.
        """
        raw = self.read_bytes()
        if raw is None:
            return Contents()
        try:
            found = msgspec.json.decode(raw, type=Contents)
        except (msgspec.DecodeError, UnicodeError) as error:
            text = f"is not as agent-gate writes it ({error}): restore it, or delete it and make"
            raise self.error(f"{text} new tokens") from None
        self.check(found)
        return found

    def add(self, new: StoredToken) -> None:
        """Add a token; durable when this returns.

        Raises:
            TokenFileError: the name or the hash is there already, there are too many, or the
                file cannot be used.
        """

        def added(now: Contents) -> Contents:
            if any(each.name == new.name for each in now.tokens):
                raise self.error(
                    f"{new.name!r} has a token: 'agent-gate token revoke {new.name}' first, or "
                    "choose another name"
                )
            if len(now.tokens) >= TOKENS_MAX:
                raise self.error(f"holds {TOKENS_MAX} tokens already: revoke some")
            return msgspec.structs.replace(now, tokens=(*now.tokens, new))

        self.change(added)

    def revoke(self, name: str) -> StoredToken:
        """Remove the token of a principal and return it; durable when this returns.

        Raises:
            TokenFileError: there is none, or the file cannot be used.
        """
        removed: list[StoredToken] = []

        def without(now: Contents) -> Contents:
            removed.extend(each for each in now.tokens if each.name == name)
            if not removed:
                raise self.error(f"has no token of {name!r}: see 'agent-gate token list'")
            left = tuple(each for each in now.tokens if each.name != name)
            return msgspec.structs.replace(now, tokens=left)

        self.change(without)
        return removed[0]

    def shut_out(self, revoked: RevokedToken) -> None:
        """Let a token of the configuration count no more; durable when this returns.

        Raises:
            TokenFileError: it does not count already, there are too many, or the file cannot be
                used.
        """

        def added(now: Contents) -> Contents:
            if any(each.token_hash == revoked.token_hash for each in now.revoked):
                raise self.error(f"the token of {revoked.name!r} is revoked already")
            if len(now.revoked) >= TOKENS_MAX:
                raise self.error(f"names {TOKENS_MAX} revoked tokens already: take out old ones")
            return msgspec.structs.replace(now, revoked=(*now.revoked, revoked))

        self.change(added)

    def change(self, how: Callable[[Contents], Contents]) -> None:
        """Replace what is in the file, alone."""
        with self.writing():
            contents = how(self.contents())
            self.check(contents)
            self.replace(contents.encoded())

    def check(self, contents: Contents) -> None:
        """Refuse names and hashes that cannot be, or are there twice.

        Raises:
            TokenFileError: there are some.
        """
        names: set[str] = set()
        hashes: set[str] = set()
        rows = [(token.name, token.token_hash) for token in contents.tokens]
        rows += [(token.name, token.token_hash) for token in contents.revoked]
        for name, token_hash in rows:
            try:
                PrincipalName(name)
                if TokenHash(token_hash) != token_hash:
                    raise ValueError("the digits of a token_hash are in lower case")
            except ValueError as error:
                raise self.error(f"token of {name!r}: {error}") from None
        for token in contents.tokens:
            if token.name in names or token.token_hash in hashes:
                raise self.error(f"the name {token.name!r}, or its token, is there twice")
            names.add(token.name)
            hashes.add(token.token_hash)
