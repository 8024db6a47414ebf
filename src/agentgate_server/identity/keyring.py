"""The keyring: who is who now, from the configuration and from the token file.

A token that is made or revoked while the gateway runs counts at once: the file is looked at before
each login, and once a second for those who are logged in.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable

from agentgate_proto.principal import Principal
from agentgate_server.identity.token_file import TokenFile, TokenFileError
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
        self._filed = () if file is None else filed(file)
        self._known = self._join(self._configured, self._filed)

    @property
    def principals(self) -> tuple[Principal, ...]:
        """Everybody."""
        return tuple(identity.principal for identity in (*self._configured, *self._filed))

    def principals_with(self, identities: Iterable[Identity]) -> tuple[Principal, ...]:
        """Everybody, were these the configuration's identities."""
        return tuple(identity.principal for identity in (*identities, *self._filed))

    def identify(self, token: str) -> Principal | None:
        """Return whom a token stands for, or None; see ``Tokens.identify``."""
        return self._known.identify(token)

    def vouches(self, token_hash: str, principal: Principal) -> bool:
        """Whether a token that let somebody in still stands for the same principal."""
        return any(
            identity.token_hash == token_hash and identity.principal == principal
            for identity in (*self._configured, *self._filed)
        )

    def refresh(self) -> bool:
        """Take note of a change of the file; return whether there was one.

        What cannot be read leaves those in force who were read before, loudly: the command that
        writes the file never leaves it so.
        """
        if self.file is None:
            return False
        try:
            stamp = self.file.stamp()
            if stamp == self._stamp:
                return False
            self._stamp = stamp
            fresh = filed(self.file)
            self._known = self._join(self._configured, fresh)
        except TokenFileError as error:
            if str(error) != self.problem:
                log.error("the tokens that were made last are not in force: %s", error)
            self.problem = str(error)
            return False
        self.problem = ""
        self._filed = fresh
        log.info("tokens changed: %d in %s", len(fresh), self.file.path)
        return True

    def reconfigure(self, identities: Iterable[Identity]) -> None:
        """Put other principals in the place of those of the configuration.

        Raises:
            TokenFileError: they clash with the token file; nothing has changed.
        """
        configured = tuple(identities)
        self._known = self._join(configured, self._filed)
        self._configured = configured

    def _join(self, configured: tuple[Identity, ...], fresh: tuple[Identity, ...]) -> Tokens:
        try:
            return Tokens((*configured, *fresh))
        except ValueError as error:
            assert self.file is not None, "a configuration alone was checked"
            text = f"{error}, one of the configuration and one of this file"
            raise self.file.error(f"{text}: revoke or rename one") from None


def filed(file: TokenFile) -> tuple[Identity, ...]:
    """Return the principals of a token file."""
    return tuple(token.identity for token in file.read())
