"""The token file: principals that ``agent-gate token`` makes and revokes beside the configuration.

It also names tokens of the configuration that were revoked: whoever is to be shut out at once need
not wait until a configuration was edited and read anew.

It holds hashes, never tokens. The command writes it, the gateway only reads it. A change replaces
the file as a whole, so that a reader sees either the old or the new one; a lock beside it lets one
writer at a time in.
"""

from __future__ import annotations

import errno
import fcntl
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from agentgate_proto.principal import Principal, Role
from agentgate_server.identity.texts import PrincipalName, TokenHash
from agentgate_server.identity.tokens import Identity
from agentgate_server.store.files import FILE_MODE, make_folder

TOKENS_MAX = 1_000
"""Tokens in one file. Each login is compared with all of them."""

FILE_BYTES_MAX = 1_000_000
"""The file; a thousand of the longest names fit."""

MOUNTED_ALONE = "; if it is mounted by itself, mount the folder that it is in"

Stamp = tuple[int, int, int] | None
"""Inode, size and time of change: what tells one state of the file from another; None: no file."""


class TokenFileError(Exception):
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


class TokenFile:
    """The file at a path; it need not exist.

    Args:
        path: see ``Config.tokens``.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def stamp(self) -> Stamp:
        """Tell this state of the file from others, without reading it.

        Raises:
            TokenFileError: it cannot be told.
        """
        try:
            found = self.path.stat()
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise self.error(f"cannot be looked at: {error.strerror}") from error
        return found.st_ino, found.st_size, found.st_mtime_ns

    def read(self) -> tuple[StoredToken, ...]:
        """Return all tokens that count; see :meth:`contents`."""
        return self.contents().tokens

    def contents(self) -> Contents:
        """Return what is in the file; nothing if there is no file.

        Raises:
            TokenFileError: it cannot be read, others can write it, or it says something wrong.
        """
        try:
            with self.path.open("rb") as file:
                mode = os.fstat(file.fileno()).st_mode
                raw = file.read(FILE_BYTES_MAX + 1)
        except (FileNotFoundError, NotADirectoryError):
            return Contents()
        except OSError as error:
            raise self.error(f"cannot be read: {error.strerror}") from error
        if mode & (stat.S_IWGRP | stat.S_IWOTH):
            raise self.error(f"others can write it and let themselves in: chmod 600 {self.path}")
        if len(raw) > FILE_BYTES_MAX:
            raise self.error(f"is larger than {FILE_BYTES_MAX} bytes: is it another file?")
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
        try:
            make_folder(self.path.parent)
            with self.locked():
                contents = how(self.contents())
                self.check(contents)
                self.replace(contents.encoded())
        except OSError as error:
            hint = MOUNTED_ALONE if error.errno == errno.EBUSY else ""
            raise self.error(f"cannot be written: {error.strerror}{hint}") from error

    def replace(self, data: bytes) -> None:
        """Put a whole new file in the place of the old one."""
        fresh = self.path.with_name(f"{self.path.name}-new")
        fresh.unlink(missing_ok=True)
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, FILE_MODE)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            self.hand_over(descriptor)
            os.fsync(descriptor)
        fresh.replace(self.path)
        folder = os.open(self.path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other writers out."""
        beside = self.path.with_name(f"{self.path.name}-lock")
        descriptor = os.open(beside, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, FILE_MODE)
        try:
            self.hand_over(descriptor)
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    def hand_over(self, descriptor: int) -> None:
        """Let what root writes belong to whom the folder belongs: the gateway must read it."""
        if os.geteuid() == 0:
            owner = self.path.parent.stat()
            os.fchown(descriptor, owner.st_uid, owner.st_gid)

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

    def error(self, message: str) -> TokenFileError:
        """Make an error about this file."""
        return TokenFileError(f"{self.path}: {message}")
