"""The methods about passkeys: which there are, and what one is to sign."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from agentgate_proto.limits import NAME_CHARS_MAX
from agentgate_proto.records.edit import EditTerms
from agentgate_proto.records.grant import GrantTerms
from agentgate_proto.records.passkey import Credential

Name = Annotated[str, msgspec.Meta(max_length=NAME_CHARS_MAX)]


class ListPasskeys(msgspec.Struct, frozen=True, kw_only=True):
    """List the passkeys that the caller may see: an operator everybody's, an approver their own.

    They are made in the console in the browser.
    """


class PasskeyRow(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A passkey. Times are RFC 3339.

    Attributes:
        id: its own, base64url.
        principal: whose it is.
        name: what they call it.
        created_at, used_at: when it was made, and used last; "": never.
        is_synced: it may be on several devices of theirs.
        counts: false: the token is gone with which they were logged in when they made it, and with
            it what the passkey was good for.
    """

    id: str
    principal: str
    name: str
    created_at: str
    used_at: str = ""
    is_synced: bool = False
    counts: bool = True


class PasskeyList(msgspec.Struct, frozen=True):
    """Passkeys, by their owners."""

    passkeys: list[PasskeyRow]


class RemovePasskey(msgspec.Struct, frozen=True, kw_only=True):
    """Let a passkey count no more, at once. -32011 if there is none that is the caller's to remove.

    Attributes:
        id: the passkey's.
    """

    id: Credential


class ApprovalChallenge(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Make what a passkey is to sign with an answer to an approval; it is good once, for a while.

    It is good for that very answer: the same members go into ``decide_approval``, with what was
    signed as ``passkey``. -32011 if the approval does not wait, -32019 if the caller has no passkey
    or there are none at this gateway.

    Attributes:
        id: the approval's id.
        decision: what is to be said.
        edit: what is approved instead of what was asked.
        grant: what else the yes is to cover.
    """

    id: Name
    decision: Literal["approve", "deny"]
    edit: EditTerms | None = None
    grant: GrantTerms | None = None


class ChallengeMade(msgspec.Struct, frozen=True, kw_only=True):
    """What to sign, and with what.

    Attributes:
        challenge: base64url: SHA-256 over the approval, the digest of what is approved, the
            decision, the grant and a nonce.
        credential_ids: the caller's passkeys, base64url.
        rp_id: the host name for which they are.
        expires_in_s: how long it is waited for.
    """

    challenge: str
    credential_ids: list[str]
    rp_id: str
    expires_in_s: float
