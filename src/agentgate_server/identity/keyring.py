"""The keyring: who is who now, from the configuration and from the token file.

A token that is made or revoked while the gateway runs counts at once: the file is looked at before
each login, and once a second for those who are logged in.

A token of the configuration is revoked by its hash, for good; and when that happens while the
gateway runs, by its principal's name as well: the token that is in force may be another than the
one that the command saw, where the environment of the two differs.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator

from agentgate_proto.principal import Principal
from agentgate_server.identity.token_file import Contents, TokenFile, TokenFileError
from agentgate_server.identity.tokens import Identity, Tokens

log = logging.getLogger(__name__)


class Keyring:
    """All principals of a gateway.

    Args:
        identities: those of the configuration.
        file: the others; None: there are none.

    Attributes:
        problem: why the newest state of the file is not in force, or "".

    Raises:
        TokenFileError: the file cannot be used, or clashes with the configuration.
    """

    def __init__(self, identities: Iterable[Identity], file: TokenFile | None = None) -> None:
        self.file = file
        self.problem = ""
        self._configured = tuple(identities)
        self._stamp = None if file is None else file.stamp()
        self._file = Contents() if file is None else file.contents()
        self._revoked = self._file.revoked
        self._shut_out = {each.token_hash for each in self._revoked}
        self._known = self._join(self._configured, self._file)

    @property
    def identities(self) -> tuple[Identity, ...]:
        """Everybody whose token counts."""
        return self._identities_with(self._configured)

    @property
    def principals(self) -> tuple[Principal, ...]:
        """Everybody."""
        return tuple(identity.principal for identity in self.identities)

    def warnings(self) -> list[str]:
        """Name those of the configuration whose token was revoked."""
        return [
            f"the token of {each.principal.name!r} was revoked: give it another one"
            for each in self._configured
            if each.token_hash in self._shut_out
        ]

    def principals_with(self, identities: Iterable[Identity]) -> tuple[Principal, ...]:
        """Everybody, were these the configuration's identities."""
        return tuple(identity.principal for identity in self._identities_with(identities))

    def identify(self, token: str) -> Principal | None:
        """Return whom a token stands for, or None; see ``Tokens.identify``."""
        return self._known.identify(token)

    def vouches(self, token_hash: str, principal: Principal) -> bool:
        """Whether a token that let somebody in still stands for the same principal."""
        return any(
            identity.token_hash == token_hash and identity.principal == principal
            for identity in self.identities
        )

    def refresh(self) -> bool:
        """Take note of a change of the file; return whether there was one.

        What cannot be read leaves those in force who were read before, loudly: the command that
        writes the file never leaves it so.
        """
        if self.file is None:
            return False
        before = len(self._shut_out)
        try:
            stamp = self.file.stamp()
            if stamp == self._stamp:
                return False
            self._stamp = stamp
            fresh = self.file.contents()
            self._note_revoked(fresh)
            self._known = self._join(self._configured, fresh)
        except TokenFileError as error:
            if str(error) != self.problem:
                log.error("the tokens that were made last are not in force: %s", error)
            self.problem = str(error)
            if len(self._shut_out) == before:
                return False
            self._known = self._join(self._configured, self._file)
            return True
        self.problem = ""
        self._file = fresh
        log.info("tokens changed: %d in %s", len(fresh.tokens), self.file.path)
        return True

    def reconfigure(self, identities: Iterable[Identity]) -> None:
        """Put other principals in the place of those of the configuration.

        Raises:
            TokenFileError: they clash with the token file; nothing has changed.
        """
        configured = tuple(identities)
        self._known = self._join(configured, self._file)
        self._configured = configured

    def _identities_with(self, configured: Iterable[Identity]) -> tuple[Identity, ...]:
        filed = (token.identity for token in self._file.tokens)
        return (*admitted(configured, self._shut_out), *filed)

    def _note_revoked(self, fresh: Contents) -> None:
        """Shut out by what the file says now, and did not say before."""
        news = [each for each in fresh.revoked if each not in self._revoked]
        names = {each.name for each in news}
        self._shut_out |= {each.token_hash for each in news}
        self._shut_out |= {e.token_hash for e in self._configured if e.principal.name in names}
        self._revoked = fresh.revoked

    def _join(self, configured: tuple[Identity, ...], file: Contents) -> Tokens:
        filed = tuple(token.identity for token in file.tokens)
        try:
            Tokens((*configured, *filed))
        except ValueError as error:
            assert self.file is not None, "a configuration alone was checked"
            text = f"{error}, one of the configuration and one of this file"
            raise self.file.error(f"{text}: revoke or rename one") from None
        return Tokens((*admitted(configured, self._shut_out), *filed))


def admitted(configured: Iterable[Identity], shut_out: set[str]) -> Iterator[Identity]:
    """Those of the configuration whose token was not revoked."""
    return (identity for identity in configured if identity.token_hash not in shut_out)
