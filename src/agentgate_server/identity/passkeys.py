"""Passkeys: which people have, making them, and what they sign.

A passkey counts as long as the token counts with which its owner was logged in when they made it:
who had a stolen token has nothing any more when that is revoked, and a new person of an old name
has no passkey of the old one's.

An authenticator may count how often it has signed. If that number does not grow there may be a copy
of it somewhere: such a signature is refused, and the audit has it (WebAuthn section 6.1.1).
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import msgspec
from msgspec.structs import replace

from agentgate_proto.principal import Principal, Role
from agentgate_proto.records.audit_entry import AuditEntry
from agentgate_proto.records.console_row import ConsoleRow, RowKind
from agentgate_proto.records.passkey import (
    KEY_NAME_CHARS_MAX,
    PasskeyAssertion,
    PasskeyProof,
    challenge_of,
    to_base64url,
)
from agentgate_proto.records.request import rfc3339
from agentgate_proto.rpc.passkey_methods import ChallengeMade, PasskeyRow
from agentgate_server.identity.challenges import LASTS_S, Challenges
from agentgate_server.identity.webauthn import (
    RelyingParty,
    WrongPasskey,
    challenge_in,
    user_handle,
)
from agentgate_server.store.console_book import ConsoleBook

log = logging.getLogger(__name__)

OF_ONE_MAX = 20
"""Passkeys of one person: one for each device that they have, and some that they have lost."""

UNKNOWN = "this passkey is not known here, or counts no more: log in by a token, and make a new one"
NOT_WAITED_FOR = "nothing waits for this signature, or not any more: try again"
COPIED = (
    "this passkey has signed more often than it says: there may be a copy of it. Remove it, and "
    "make a new one"
)


class Passkey(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A passkey, as the row of the store keeps it. Times are UTC seconds.

    Attributes:
        name: what its owner calls it.
        public_key: COSE, base64url.
        role: of its owner.
        token_hash: of the token with which they were logged in.
        made_at, used_at: when; ``used_at`` 0: never.
        count: how often it has signed, by itself.
        is_synced: it may be on several devices of its owner.
    """

    name: str
    public_key: str
    role: Role
    token_hash: str
    made_at: float
    used_at: float = 0.0
    count: int = 0
    is_synced: bool = False


class Passkeys:
    """See the module.

    Args:
        party: this gateway, for browsers.
        book: keeps the rows.
        challenges: waits for signatures.
        vouches: whether a token's hash is that of this principal's token now.
        tell: tells the audit.
        utc: UTC seconds.
    """

    def __init__(
        self,
        party: RelyingParty,
        book: ConsoleBook,
        challenges: Challenges,
        *,
        vouches: Callable[[str, Principal], bool],
        tell: Callable[[AuditEntry], None],
        utc: Callable[[], float],
    ) -> None:
        self.party = party
        self._book = book
        self._challenges = challenges
        self._vouches = vouches
        self._tell = tell
        self._utc = utc

    # Making them

    def creation_options(self, who: Principal) -> dict[str, Any]:
        """What a browser needs to make a passkey for somebody who is logged in."""
        challenge = self._challenges.nonce()
        self._challenges.keep(challenge, who.name, "", challenge)
        known = [row.id for row in self._rows_of(who.name)]
        return self.party.creation_options(who.name, challenge, known)

    async def register(
        self, who: Principal, token_hash: str, name: str, client_data: str, attestation: str
    ) -> PasskeyRow:
        """Keep a passkey that a browser has made; it is durable then.

        Args:
            who: is logged in.
            token_hash: of the token by which they are.
            name: what they call it.
            client_data, attestation: what the browser has brought, base64url.

        Raises:
            WrongPasskey: it is none, or there are too many.
            StoreError: it can't be kept.
        """
        kept = self._challenges.take(challenge_in(client_data), who.name, "")
        if kept is None:
            raise WrongPasskey(NOT_WAITED_FOR)
        made = self.party.registered(kept.nonce, client_data, attestation)
        if len(self._rows_of(who.name)) >= OF_ONE_MAX:
            raise WrongPasskey(f"you have {OF_ONE_MAX} passkeys: remove one that you do not use")
        if self._book.find(RowKind.PASSKEY, made.credential) is not None:
            raise WrongPasskey("this passkey is known here already")
        passkey = Passkey(
            name=named(name),
            public_key=made.public_key,
            role=who.role,
            token_hash=token_hash,
            made_at=self._utc(),
            count=made.count,
            is_synced=made.is_synced,
        )
        row = row_of(made.credential, who.name, passkey)
        await self._book.put(row)
        self._say("passkey.added", row, passkey)
        return self._view(row)

    async def remove(self, credential: str, by: Principal) -> PasskeyRow:
        """Let a passkey count no more.

        Raises:
            LookupError: there is none of this id that is theirs to remove.
            StoreError: it counts no more, but may do so again after a restart.
        """
        row = self._book.find(RowKind.PASSKEY, credential)
        if row is None or not may_see(by, row):
            raise LookupError("you have no passkey of this id")
        view = self._view(row)
        self._say("passkey.removed", row, body_of(row), by=by.name)
        await self._book.drop(RowKind.PASSKEY, credential)
        return view

    def views(self, whose: Principal) -> list[PasskeyRow]:
        """The passkeys that somebody may see, the oldest first."""
        rows = [row for row in self._book.of(RowKind.PASSKEY) if may_see(whose, row)]
        return sorted(map(self._view, rows), key=lambda view: (view.principal, view.created_at))

    # Logging in

    def request_options(self) -> dict[str, Any]:
        """What a browser needs for somebody to log in by a passkey; anybody may ask."""
        return self.party.request_options(self._challenges.make_for_anybody())

    def log_in(self, assertion: PasskeyAssertion, handle: str = "") -> tuple[Principal, str]:
        """Say who has signed, and the hash of the token that counts for them.

        Args:
            assertion: what the browser has brought.
            handle: whose the authenticator says it is; "": it does not say.

        Raises:
            WrongPasskey: it logs nobody in.
        """
        challenge = challenge_in(assertion.client_data)
        row, passkey = self._counting(assertion.credential)
        if handle and handle != user_handle(row.principal):
            raise WrongPasskey(UNKNOWN)
        count = self.party.signed(challenge, passkey.public_key, assertion).count
        if not self._challenges.use(challenge):
            raise WrongPasskey(NOT_WAITED_FOR)
        self._note(row, passkey, count)
        return Principal(name=row.principal, role=passkey.role), passkey.token_hash

    # Signing answers

    def challenge(
        self,
        who: Principal,
        rid: str,
        digest: str,
        *,
        approve: bool,
        grant: msgspec.Struct | None = None,
    ) -> ChallengeMade:
        """Make what somebody is to sign with an answer to an approval.

        Raises:
            WrongPasskey: they have no passkey that counts.
        """
        known = [row.id for row in self._rows_of(who.name) if self._counts(row)]
        if not known:
            raise WrongPasskey("you have no passkey yet: make one in the console, under Agents")
        nonce = self._challenges.nonce()
        challenge = challenge_of(rid, digest, approve=approve, grant=grant, nonce=nonce)
        self._challenges.keep(challenge, who.name, rid, nonce)
        return ChallengeMade(
            challenge=to_base64url(challenge),
            credential_ids=known,
            rp_id=self.party.rp_id,
            expires_in_s=LASTS_S,
        )

    def prove(self, name: str, rid: str, assertion: PasskeyAssertion) -> PasskeyProof:
        """Use a signature up that came with an answer; for which answer it is good, it says itself.

        Args:
            name: who answers.
            rid: the approval.
            assertion: what the browser has brought.

        Raises:
            WrongPasskey: it proves nothing.
        """
        challenge = challenge_in(assertion.client_data)
        kept = self._challenges.take(challenge, name, rid)
        if kept is None:
            raise WrongPasskey(NOT_WAITED_FOR)
        row, passkey = self._counting(assertion.credential)
        if row.principal != name:
            raise WrongPasskey(UNKNOWN)
        count = self.party.signed(challenge, passkey.public_key, assertion).count
        self._note(row, passkey, count)
        return PasskeyProof(
            credential=assertion.credential,
            authenticator_data=assertion.authenticator_data,
            client_data=assertion.client_data,
            signature=assertion.signature,
            public_key=passkey.public_key,
            nonce=to_base64url(kept.nonce),
            challenge=to_base64url(challenge),
            name=passkey.name,
        )

    # Inside

    def _rows_of(self, name: str) -> list[ConsoleRow]:
        return self._book.of(RowKind.PASSKEY, name)

    def _counts(self, row: ConsoleRow) -> bool:
        passkey = body_of(row)
        return self._vouches(passkey.token_hash, Principal(name=row.principal, role=passkey.role))

    def _counting(self, credential: str) -> tuple[ConsoleRow, Passkey]:
        row = self._book.find(RowKind.PASSKEY, credential)
        if row is None or not self._counts(row):
            raise WrongPasskey(UNKNOWN)
        return row, body_of(row)

    def _note(self, row: ConsoleRow, passkey: Passkey, count: int) -> None:
        """A signature is good: remember its number, which must have grown if there is one."""
        if (count or passkey.count) and count <= passkey.count:
            detail = f"it has signed {passkey.count} times, and says {count}"
            self._say("passkey.refused", row, passkey, detail=detail)
            log.warning("a passkey of %s may have a copy: %s", row.principal, detail)
            raise WrongPasskey(COPIED)
        used = replace(passkey, count=count, used_at=self._utc())
        self._book.touch(row_of(row.id, row.principal, used))

    def _view(self, row: ConsoleRow) -> PasskeyRow:
        passkey = body_of(row)
        return PasskeyRow(
            id=row.id,
            principal=row.principal,
            name=passkey.name,
            created_at=rfc3339(passkey.made_at),
            used_at=rfc3339(passkey.used_at) if passkey.used_at else "",
            is_synced=passkey.is_synced,
            counts=self._counts(row),
        )

    def _say(
        self, event: str, row: ConsoleRow, passkey: Passkey, *, by: str = "", detail: str = ""
    ) -> None:
        entry = AuditEntry(
            event=event,
            principal=row.principal,
            role=passkey.role.value,
            name=passkey.name,
            approver=by,
            detail=detail,
        )
        self._tell(entry)


def may_see(who: Principal, row: ConsoleRow) -> bool:
    """Whether somebody may see a passkey, and remove it: an operator all, others their own."""
    return who.role is Role.OPERATOR or who.name == row.principal


def named(name: str) -> str:
    """What somebody calls a passkey, in one short line; "passkey" if that is nothing."""
    return " ".join(name.split())[:KEY_NAME_CHARS_MAX] or "passkey"


def row_of(credential: str, principal: str, passkey: Passkey) -> ConsoleRow:
    """A passkey as a row of the store."""
    body = msgspec.json.encode(passkey)
    return ConsoleRow(kind=RowKind.PASSKEY, id=credential, principal=principal, body=body)


def body_of(row: ConsoleRow) -> Passkey:
    """What such a row says."""
    return msgspec.json.decode(row.body, type=Passkey)
