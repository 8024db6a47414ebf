"""The token file: principals that ``agent-gate token`` makes and revokes beside the configuration.

It holds hashes, never tokens. The command writes it, the gateway only reads it. A change replaces
the file as a whole, so that a reader sees either the old or the new one; a lock beside it lets one
writer at a time in.
"""

from __future__ import annotations

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


class Contents(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The whole file."""

    version: Literal[1] = 1
    tokens: Annotated[tuple[StoredToken, ...], msgspec.Meta(max_length=TOKENS_MAX)] = ()


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
        """Return all tokens; none if there is no file.

        Raises:
            TokenFileError: it cannot be read, others can write it, or it says something wrong.
        """
        try:
            with self.path.open("rb") as file:
                mode = os.fstat(file.fileno()).st_mode
                raw = file.read(FILE_BYTES_MAX + 1)
        except (FileNotFoundError, NotADirectoryError):
            return ()
        except OSError as error:
            raise self.error(f"cannot be read: {error.strerror}") from error
        if mode & (stat.S_IWGRP | stat.S_IWOTH):
            raise self.error(f"others can write it and let themselves in: chmod 600 {self.path}")
        if len(raw) > FILE_BYTES_MAX:
            raise self.error(f"is larger than {FILE_BYTES_MAX} bytes: is it another file?")
        try:
            tokens = msgspec.json.decode(raw, type=Contents).tokens
        except (msgspec.DecodeError, UnicodeError) as error:
            text = f"is not as agent-gate writes it ({error}): restore it, or delete it and make"
            raise self.error(f"{text} new tokens") from None
        self.check(tokens)
        return tokens

    def add(self, new: StoredToken) -> None:
        """Add a token; durable when this returns.

        Raises:
            TokenFileError: the name or the hash is there already, there are too many, or the
                file cannot be used.
        """

        def added(tokens: tuple[StoredToken, ...]) -> tuple[StoredToken, ...]:
            if any(each.name == new.name for each in tokens):
                raise self.error(
                    f"{new.name!r} has a token: 'agent-gate token revoke {new.name}' first, or "
                    "choose another name"
                )
            if len(tokens) >= TOKENS_MAX:
                raise self.error(f"holds {TOKENS_MAX} tokens already: revoke some")
            return (*tokens, new)

        self.change(added)

    def revoke(self, name: str) -> StoredToken:
        """Remove the token of a principal and return it; durable when this returns.

        Raises:
            TokenFileError: there is none, or the file cannot be used.
        """
        removed: list[StoredToken] = []

        def without(tokens: tuple[StoredToken, ...]) -> tuple[StoredToken, ...]:
            removed.extend(each for each in tokens if each.name == name)
            if not removed:
                raise self.error(f"has no token of {name!r}: see 'agent-gate token list'")
            return tuple(each for each in tokens if each.name != name)

        self.change(without)
        return removed[0]

    def change(self, how: Callable[[tuple[StoredToken, ...]], tuple[StoredToken, ...]]) -> None:
        """Replace the tokens, alone."""
        try:
            make_folder(self.path.parent)
            with self.locked():
                tokens = how(self.read())
                self.check(tokens)
                self.replace(msgspec.json.format(msgspec.json.encode(Contents(tokens=tokens))))
        except OSError as error:
            raise self.error(f"cannot be written: {error.strerror}") from error

    def replace(self, data: bytes) -> None:
        """Put a whole new file in the place of the old one."""
        fresh = self.path.with_name(f"{self.path.name}-new")
        fresh.unlink(missing_ok=True)
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, FILE_MODE)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data + b"\n")
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

    def check(self, tokens: tuple[StoredToken, ...]) -> None:
        """Refuse names and hashes that cannot be, or are there twice.

        Raises:
            TokenFileError: there are some.
        """
        names: set[str] = set()
        hashes: set[str] = set()
        for token in tokens:
            try:
                PrincipalName(token.name)
                if TokenHash(token.token_hash) != token.token_hash:
                    raise ValueError("the digits of a token_hash are in lower case")
            except ValueError as error:
                raise self.error(f"token of {token.name!r}: {error}") from None
            if token.name in names or token.token_hash in hashes:
                raise self.error(f"the name {token.name!r}, or its token, is there twice")
            names.add(token.name)
            hashes.add(token.token_hash)

    def error(self, message: str) -> TokenFileError:
        """Make an error about this file."""
        return TokenFileError(f"{self.path}: {message}")
